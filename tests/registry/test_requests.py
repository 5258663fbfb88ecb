"""What operations cost on a bucket, in requests: counts, not times."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

import modelver as mv
from modelver.storage.store import Entry
from tests.registries import MODEL, publish, write_tree
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Logged
from tests.servers.seaweedfs import SeaweedFS

COLD = 5
"""What a machine that knows nothing asks besides the commits after the checkpoint: the founding file, a list of the
checkpoints, the newest of them, a list of the commits after it, and for the one after the last, which is not there."""


class Bucket:
    """A registry in a bucket, behind a proxy that counts."""

    def __init__(self, server: SeaweedFS, proxy: FaultProxy, tmp_path: Path) -> None:
        self.server = server
        self.proxy = proxy
        self.url, options = server.fresh()
        self.options = {**options, "endpoint_url": proxy.url}
        self._tmp_path = tmp_path

    def from_new_machine(self, *, create: bool = False) -> mv.Registry:
        """Open it with an empty cache."""
        cache = self._tmp_path / uuid4().hex
        return mv.Registry(
            self.url, storage_options=self.options, cache_dir=cache, create=create, actor="tester@example.org"
        )

    def filled(self, commits: int) -> None:
        """Put a registry there whose log has so many commits, made in memory and copied."""
        place = f"memory://{uuid4().hex}"
        registry = mv.Registry(place, actor="tester@example.org")
        publish(registry, b"one")
        publish(registry, b"two")
        for number in range(commits - 3):  # the model's making is a commit, too
            registry.set_alias(MODEL, "production", f"1.{number % 2}.0")
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        store = registry._session.store
        with self.server.client() as client, ThreadPoolExecutor(8) as pool:

            def put(entry: Entry) -> None:
                data = store.get(entry.key, limit=2**26)
                client.put_object(Bucket=bucket, Key=f"{prefix}/{entry.key}", Body=data)

            list(pool.map(put, store.list("")))

    def checkpoints(self) -> list[int]:
        """Return the numbers of the checkpoints that are there."""
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        with self.server.client() as client:
            found = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/models/")
        keys = [entry["Key"] for entry in found["Contents"]]
        return [int(Path(key).stem) for key in keys if "/checkpoints/" in key]

    def counted(self) -> list[Logged]:
        """Return the requests since the last call."""
        found = list(self.proxy.log)
        self.proxy.clear()
        return found


@pytest.fixture
def bucket(seaweedfs: SeaweedFS, tmp_path: Path) -> Iterator[Bucket]:
    """Give an empty bucket."""
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        yield Bucket(seaweedfs, proxy, tmp_path)


def writes(requests: list[Logged]) -> list[str]:
    """Return the paths that were written to."""
    return [request.path for request in requests if request.method in {"PUT", "POST"}]


def test_an_alias_that_is_resolved_again_costs_one_request(bucket: Bucket) -> None:
    """All that is asked is whether there is one more commit."""
    bucket.filled(20)
    registry = bucket.from_new_machine()
    registry.resolve(f"{MODEL}@production")
    bucket.counted()
    registry.resolve(f"{MODEL}@production")
    requests = bucket.counted()
    assert [request.method for request in requests] == ["GET"]
    assert requests[0].path.endswith("21.json")


@pytest.mark.parametrize("commits", [10, 150])
def test_a_new_machine_resolves_in_five_requests_and_the_tail(bucket: Bucket, commits: int) -> None:
    """What is before the newest checkpoint is not read."""
    bucket.filled(commits)
    bucket.from_new_machine().resolve(f"{MODEL}@production")
    requests = bucket.counted()
    newest = max(bucket.checkpoints(), default=0)
    assert len(requests) <= COLD + commits - newest
    assert (newest > 0) == (commits == 150)


def test_a_registration_costs_the_same_however_long_the_log_is(
    bucket: Bucket, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """A machine that knows the log reads no more of it."""
    counts = []
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        for place, commits in ((bucket, 10), (Bucket(seaweedfs, proxy, tmp_path), 150)):
            place.filled(commits)
            registry = place.from_new_machine()
            publish(registry, b"three")
            place.counted()
            publish(registry, b"four")
            counts.append(sorted(request.method for request in place.counted()))
    assert counts[0] == counts[1]
    assert len(counts[0]) <= 12


def test_a_file_that_is_stored_and_unchanged_is_not_written_again(bucket: Bucket, tmp_path: Path) -> None:
    """Nothing is put under the names of its bytes and of its map: a put that is refused would cost two requests."""
    folder = write_tree(tmp_path / "build", {"a.bin": b"a" * 100, "b.bin": b"b" * 100})
    registry = bucket.from_new_machine(create=True)
    first = registry.register(MODEL, folder, capture=False)
    (folder / "b.bin").write_bytes(b"c" * 100)
    bucket.counted()
    second = registry.register(MODEL, folder, capture=False)
    assert second.version == "1.1.0"
    written = writes(bucket.counted())
    same = next(file for file in second.files if file.path == "a.bin")
    assert same in first.files
    assert not any(same.sha256 in path for path in written)
    new = [path for path in written if "/blobs/" in path]
    assert len(new) == 3, new  # the other file, its map, and the manifest
