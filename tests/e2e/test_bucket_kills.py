"""A process is killed while it sends to a bucket, or fetches from it: the next run does only what is left to do."""

import hashlib
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from tests.registries import MODEL
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults
from tests.servers.seaweedfs import SeaweedFS

from .processes import Process

MIB = 2**20
PART = 16 * MIB
OVERHEAD = MIB
"""Bytes of everything but files: manifests, maps, commits, and the heads of requests."""

PATIENCE = 120.0
TIMEOUT = 120.0
LARGE = [96 * MIB, pytest.param(480 * MIB, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
ROUNDS = [2, pytest.param(15, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]


class Place:
    """A registry in a bucket behind a proxy, and processes that are killed at it.

    Attributes:
        registry: An object of this process, which goes through the proxy as the others do.
        proxy: Counts bytes.
    """

    def __init__(self, server: SeaweedFS, proxy: FaultProxy, folder: Path) -> None:
        self.url, self._straight = server.fresh()
        self.proxy = proxy
        self._server = server
        self._folder = folder
        self._through = {**self._straight, "endpoint_url": proxy.url}
        self.cache = folder / "cache"
        self.registry = mv.Registry(
            self.url, storage_options=self._through, cache_dir=self.cache, create=True, timeout=TIMEOUT
        )
        self.registry.create_model(MODEL)

    def killed(self, when: Callable[[], bool], verb: str, *arguments: object, **options: object) -> bool:
        """Have a process call a method, and kill it as soon as something is so; return whether that was in time."""
        opened = {"storage_options": self._through, "timeout": TIMEOUT}
        with Process(self.url, self.cache, opened=opened) as process:
            process.call("warm_up")
            self.proxy.clear()
            process.send(verb, *arguments, **options)
            deadline = time.monotonic() + PATIENCE
            while not when() and time.monotonic() < deadline:
                time.sleep(0.002)
            process.running.kill()
            assert process.running.stdout is not None
            return not process.running.stdout.readline()

    def arrived(self) -> int:
        """Return how many bytes of files the bucket has, in objects and in parts."""
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        with self._server.client() as client:
            objects = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/blobs/").get("Contents", ())
            parts = [
                part
                for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
                for part in client.list_parts(
                    Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                ).get("Parts", ())
            ]
            return sum(each["Size"] for each in (*objects, *parts))

    def kept(self) -> int:
        """Return how many bytes of downloads that are not whole are on the disk."""
        with suppress(FileNotFoundError):  # not there yet, or whole by now
            return sum(path.stat().st_size for path in (self.cache / "blobs" / "partial").iterdir())
        return 0

    def unfinished(self) -> list[Any]:
        """Return the uploads that were begun and not ended."""
        with self._server.client() as client:
            found: list[Any] = client.list_multipart_uploads(Bucket=self.url.split("/")[2]).get("Uploads", [])
            return found

    def is_well(self, contents: list[dict[str, bytes]]) -> bool:
        """Tell whether everything verifies for who looks for the first time, and the versions are these."""
        folder = self._folder / f"observer-{secrets.token_hex(4)}"
        observer = mv.Registry(self.url, storage_options=self._straight, cache_dir=folder)
        stored = [{entry.path: entry.size for entry in version.files} for version in observer.versions(MODEL)]
        expected = [{name: len(data) for name, data in files.items()} for files in contents]
        return bool(observer.verify()) and stored == expected


@pytest.fixture
def place(seaweedfs: SeaweedFS, tmp_path: Path) -> Iterator[Place]:
    """Give a registry behind a proxy."""
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        yield Place(seaweedfs, proxy, tmp_path)


@pytest.fixture
def chance() -> random.Random:
    """Give a source of chance; its seed is shown where a test fails."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 (for who looks into a failure)
    return random.Random(seed)  # noqa: S311 (no secret)


def content(chance: random.Random, size: int) -> bytes:
    """Return so many bytes, whole parts, no two of them alike."""
    return b"".join(chance.randbytes(PART) for _ in range(size // PART))


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files into a new folder."""
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def logged(proxy: FaultProxy, method: str, part: str) -> bool:
    """Tell whether a request came with this in its path."""
    return any(request.method == method and part in request.path for request in list(proxy.log))


def without_end(data: bytes) -> Faults:
    """Return what keeps the last part of a blob away, so that whoever asks for it is killed in time."""
    digest, last = hashlib.sha256(data).hexdigest(), (len(data) - 1) // PART * PART
    return Faults(blackhole=1, only=lambda _, path: digest in path, only_range=f"bytes={last}-")


@pytest.mark.parametrize("size", LARGE)
def test_an_upload_that_was_killed_goes_on_where_it_was(
    size: int, place: Place, chance: random.Random, tmp_path: Path
) -> None:
    """The parts that had arrived are not sent again, and the upload of the killed process is the one that is finished."""
    files = {"model.bin": content(chance, size)}
    build = written(tmp_path / "build", files)
    half = size // PART // 2
    late = tuple(f"partNumber={number}&" for number in range(half + 1, size // PART + 1))
    stuck = Faults(
        blackhole=1, only=lambda method, path: method == "PUT" and any(part in f"{path}&" for part in late)
    )
    place.proxy.faults = stuck
    assert place.killed(lambda: place.arrived() >= half * PART, "register", MODEL, str(build), capture=False)
    place.proxy.faults = NO_FAULTS
    assert place.arrived() == half * PART
    place.proxy.clear()
    assert place.registry.register(MODEL, build, capture=False).created
    assert size - half * PART <= place.proxy.sent_to_server <= size - half * PART + OVERHEAD
    assert place.unfinished() == []
    assert place.is_well([files])


@pytest.mark.parametrize("rounds", ROUNDS)
def test_several_files_that_were_half_sent_are_completed(
    rounds: int, place: Place, chance: random.Random, tmp_path: Path
) -> None:
    """Wherever the kill strikes, the next run sends what is missing, with one part for each thread at the most."""
    contents: list[dict[str, bytes]] = []
    kills = 0
    for number in range(rounds):
        sizes = [40 * MIB, 20 * MIB, 5 * MIB, *(100_000 for _ in range(10))]
        files = {f"file-{at}.bin": chance.randbytes(size) for at, size in enumerate(sizes)}
        build = written(tmp_path / f"build-{number}", files)
        before, total = place.arrived(), sum(sizes)
        limit = chance.uniform(0, total)
        kills += place.killed(
            lambda limit=limit: place.proxy.sent_to_server > limit,  # type: ignore[misc] # bound now
            "register",
            MODEL,
            str(build),
            capture=False,
        )
        assert place.is_well(contents) or place.is_well([*contents, files])
        missing = total - (place.arrived() - before)
        place.proxy.clear()
        assert str(place.registry.register(MODEL, build, capture=False).version) == f"1.{number}.0"
        assert place.proxy.sent_to_server <= max(0, missing) + OVERHEAD
        assert place.unfinished() == []
        contents.append(files)
        assert place.is_well(contents)
    assert kills


@pytest.mark.parametrize("commit_id", [None, "release"])
@pytest.mark.parametrize("fault", ["blackhole", "drop_reply"])
def test_a_kill_between_the_blobs_and_the_commit_or_right_after_it_costs_nothing(
    fault: str, commit_id: str | None, place: Place, tmp_path: Path
) -> None:
    """The next run sends no file again, and makes the version unless the commit had arrived: there is one, whole."""
    files = {"model.bin": random.Random(1).randbytes(20 * MIB), "config.json": b"{}"}  # noqa: S311 (no secret)
    build = written(tmp_path / "build", files)
    rates: dict[str, Any] = {fault: 1.0}
    place.proxy.faults = Faults(only=lambda method, path: method == "PUT" and "/log/" in path, **rates)
    options = {"capture": False, "commit_id": commit_id, "aliases": ["production"]}
    tries = 2 if fault == "drop_reply" else 1  # the second shows that the first has arrived
    assert place.killed(
        lambda: place.proxy.requests["PUT", fault] >= tries, "register", MODEL, str(build), **options
    )
    place.proxy.faults = NO_FAULTS
    assert place.is_well([] if fault == "blackhole" else [files])
    place.proxy.clear()
    version = place.registry.register(MODEL, build, **options)  # type: ignore[arg-type] # as given
    assert (str(version.version), version.created) == ("1.0.0", fault == "blackhole")
    assert place.proxy.sent_to_server < OVERHEAD
    assert len(place.registry.history(MODEL, alias="production")) == 1
    assert place.is_well([files])


@pytest.mark.parametrize("size", LARGE)
def test_a_download_that_was_killed_goes_on_where_it_was(
    size: int, place: Place, chance: random.Random, tmp_path: Path
) -> None:
    """Only the bytes that are not on the disk yet are fetched, and what is loaded is whole."""
    data = content(chance, size)
    place.registry.register(MODEL, written(tmp_path / "build", {"model.bin": data}), capture=False)
    place.proxy.faults = without_end(data)
    limit = chance.uniform(0.4, 0.8) * size
    assert place.killed(
        lambda: place.proxy.received_from_server > limit and place.kept() > 0, "load", f"{MODEL}@latest"
    )
    place.proxy.faults = NO_FAULTS
    kept = place.kept()
    assert 0 < kept < size
    place.proxy.clear()
    loaded = place.registry.load(f"{MODEL}@latest")
    assert (loaded / "model.bin").read_bytes() == data
    assert size - kept <= place.proxy.received_from_server <= size - kept + OVERHEAD
    assert not list((place.cache / "blobs" / "partial").iterdir())


def test_a_download_of_several_files_that_was_killed_keeps_those_that_are_whole(
    place: Place, chance: random.Random, tmp_path: Path
) -> None:
    """What had come of each file is not fetched again, and the version's folder appears whole."""
    files = {
        f"file-{at}.bin": chance.randbytes(size) for at, size in enumerate([*[20 * MIB] * 3, *[90_000] * 20])
    }
    place.registry.register(MODEL, written(tmp_path / "build", files), capture=False)
    total = sum(map(len, files.values()))
    place.proxy.faults = without_end(files["file-2.bin"])
    assert place.killed(lambda: place.proxy.received_from_server > total * 0.7, "load", f"{MODEL}@latest")
    place.proxy.faults = NO_FAULTS
    blobs = {
        path.stat().st_ino: path.stat().st_size
        for path in (place.cache / "blobs").rglob("*")
        if path.is_file()
    }
    kept = sum(blobs.values())
    place.proxy.clear()
    loaded = place.registry.load(f"{MODEL}@latest")
    assert {name: (loaded / name).read_bytes() for name in files} == files
    assert place.proxy.received_from_server <= total - kept + OVERHEAD
