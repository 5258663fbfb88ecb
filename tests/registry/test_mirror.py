"""A mirror is the registry again, byte for byte, at any time; what would make it another one is refused."""

import random
import signal
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from modelver.history.commit import seal, unseal
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from tests.registries import MODEL, objects, publish, snapshot, temporary_files
from tests.servers.seaweedfs import SeaweedFS

Open = Callable[[str], mv.Registry]
PAIRS = [
    ("folder", "folder"),
    ("folder", "memory"),
    ("memory", "folder"),
    ("folder", "bucket"),
    ("bucket", "folder"),
    ("bucket", "bucket"),
]


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Give what opens a registry in a new place of some kind, each as a user of its own would."""

    def open_new(kind: str) -> mv.Registry:
        cache = tmp_path / f"cache-{uuid.uuid4().hex}"
        if kind == "folder":
            return mv.Registry(tmp_path / uuid.uuid4().hex, cache_dir=cache, actor="a@example.org")
        if kind == "memory":
            return mv.Registry(f"memory://{uuid.uuid4().hex}", cache_dir=cache, actor="a@example.org")
        server: SeaweedFS = request.getfixturevalue("seaweedfs")
        url, options = server.fresh()
        return mv.Registry(url, storage_options=options, cache_dir=cache, actor="a@example.org")

    return open_new


def made(registry: mv.Registry) -> mv.Registry:
    """Make a remote registry, as a local one is made by the first write."""
    if registry.url.startswith("s3:"):
        registry._session.create = True
    return registry


def live(registry: mv.Registry, seed: int = 0, events: int = 12) -> None:
    """Do something of everything in a registry, by chance."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    registry.create_model("bot", scheme="gpt4-cx-v{major}.{minor}")
    for number in range(events):
        model = chance.choice([MODEL, "bot", "Other/Model"])
        have = (
            [str(v.version) for v in registry.versions(model)] if model.lower() in _models(registry) else []
        )
        if not have or chance.random() < 0.4:
            files = {"model.bin": chance.randbytes(chance.choice([10, 5_000, 100_000]))}
            registry.register(model, files, capture=number == 0, aliases=["staging"][: number % 2])
            continue
        version = f"{model}:{chance.choice(have)}"
        match chance.randrange(5):
            case 0:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # an alias may serve it
                    registry.yank(version, reason="bad")
            case 1:
                registry.record_metrics(version, {"f1": chance.random()})
            case 2:
                registry.annotate(version, "seen", tags={"by": "me"})
            case _:
                if registry.status(version).yanked is None:
                    registry.set_alias(
                        model, chance.choice(["production", "canary"]), version.rpartition(":")[2]
                    )


def _models(registry: mv.Registry) -> set[str]:
    return {name.lower() for name in registry.models()}


def content(registry: mv.Registry) -> dict[str, bytes]:
    """Return all objects of a registry by their keys."""
    store = getattr(registry._session.store, "remote", registry._session.store)
    return {entry.key: store.get(entry.key, limit=2**30) for entry in store.list("")}


def told(registry: mv.Registry) -> list[object]:
    """Return what a registry says of its models."""
    return [
        (name, str(registry.history(name)), {a: v.digest for a, v in registry.aliases(name).items()})
        for name in registry.models()
    ]


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_a_mirror_is_the_registry_again(kind: str, other: str, opened: Open) -> None:
    """All bytes, versions, aliases and histories are the same there, and it verifies; again, nothing is copied."""
    source, target = made(opened(kind)), opened(other)
    live(source, events=6 if "bucket" in {kind, other} else 12)
    done = source.mirror(to=target)
    assert content(target) == content(source)
    assert told(target) == told(source)
    assert target.verify()
    commits = [key for key in content(source) if "/log/" in key]
    blobs = [key for key in content(source) if key.startswith("blobs/")]
    assert (done.commits, done.blobs, done.skipped) == (len(commits), len(blobs), 0)
    assert done.on_server == (len(blobs) if (kind, other) == ("bucket", "bucket") else 0)
    again = source.mirror(to=target)
    assert (again.commits, again.blobs, again.size, again.changed) == (0, 0, 0, False)


def test_only_what_is_new_is_copied(opened: Open) -> None:
    """After a new version with one new file, its blobs alone go, and its commit."""
    source, target = opened("folder"), opened("folder")
    source.register(MODEL, {"a.bin": b"a" * 100_000, "b.bin": b"b"}, capture=False)
    source.mirror(to=target)
    version = source.register(MODEL, {"a.bin": b"a" * 100_000, "b.bin": b"c"}, capture=False)
    done = source.mirror(to=target)
    assert done.versions == (version.ref,)
    assert done.models == (MODEL,)
    assert done.commits == 1
    assert done.blobs == 3  # the file, its map and the manifest
    assert done.skipped == 2
    assert done.size < 10_000


def test_a_mirror_into_an_address(registry: mv.Registry, tmp_path: Path) -> None:
    """The target may be a path or a URL; a missing place is made."""
    publish(registry)
    done = registry.mirror(to=tmp_path / "copy")
    assert objects(tmp_path / "copy") == objects(Path(registry.url))
    registry.mirror(to=(tmp_path / "again").as_uri())
    assert objects(tmp_path / "again") == objects(Path(registry.url))
    assert done.to_dict()["versions"] == [f"{MODEL}:1.0.0"]
    assert (
        str(done) == f"{registry.url} -> {tmp_path / 'copy'}: 1 version, 2 commits, 3 blobs ({done.size} B)"
    )
    assert "1 version" in done._repr_html_()
    with pytest.raises(mv.InvalidValue, match="not a registry"):
        registry.mirror(to=7)  # type: ignore[arg-type] # that is the point
    with pytest.raises(mv.InvalidValue, match="takes no storage_options"):
        registry.mirror(to=registry, storage_options={"key": "x"})


def test_a_registry_is_its_own_mirror(registry: mv.Registry) -> None:
    """Mirroring a registry onto itself changes nothing."""
    publish(registry)
    before = snapshot(Path(registry.url))
    assert not registry.mirror(to=registry).changed
    assert snapshot(Path(registry.url)) == before


def test_nothing_is_mirrored_from_nowhere(registry: mv.Registry, tmp_path: Path) -> None:
    """A registry that does not exist is not found, and nothing is made."""
    with pytest.raises(mv.NotFound, match="no registry"):
        registry.mirror(to=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_another_registry_is_refused(opened: Open) -> None:
    """A place with a registry of its own is not made a mirror, not even where it is still empty."""
    source, target = opened("folder"), opened("folder")
    publish(source)
    target._session.open_for_writing()
    before = snapshot(Path(target.url))
    with pytest.raises(mv.AlreadyExists, match="another registry is there"):
        source.mirror(to=target)
    assert {**before} == {key: value for key, value in snapshot(Path(target.url)).items() if key in before}
    assert set(objects(Path(target.url))) == {"modelver.json"}


def test_logs_without_a_founding_file_are_refused(opened: Open) -> None:
    """A place that lost its founding file is told as such, and gets no new one."""
    source, target = opened("folder"), opened("folder")
    publish(source)
    place = Path(target.url) / "models" / "x" / "log" / f"{1:020d}.json"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"{}")
    with pytest.raises(mv.LogTampered, match="founding file is missing"):
        source.mirror(to=target)
    assert not (Path(target.url) / "modelver.json").exists()


def test_a_diverged_log_is_refused(opened: Open) -> None:
    """Where both copies were written to, the first differing commit is named, and nothing at all is written."""
    source, target = opened("folder"), opened("folder")
    publish(source, b"1")
    source.register("alpha", {"m": b"x"}, capture=False)
    source.mirror(to=target)
    for number in range(5):
        publish(source, b"source %d" % number)
        publish(target, b"target %d" % number)
    source.register("alpha", {"m": b"new"}, capture=False)
    before = objects(Path(target.url))
    with pytest.raises(mv.Conflict, match="the logs diverged at commit 3") as caught:
        source.mirror(to=target)
    assert MODEL in caught.value.where
    assert objects(Path(target.url)) == before
    with pytest.raises(mv.Conflict, match="commit 3"):
        target.mirror(to=source)


def test_a_target_that_is_ahead_has_nothing_to_get(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    """A mirror that goes on is no divergence: that it is ahead is said, and it is mirrored back."""
    first, second = opened("folder"), opened("folder")
    publish(first, b"1")
    first.mirror(to=second)
    publish(second, b"2")
    assert not first.mirror(to=second).changed
    assert f"{MODEL} is 1 commit(s) ahead in {second.url}" in caplog.text
    assert second.mirror(to=first).versions == (f"{MODEL}:1.1.0",)
    assert objects(Path(first.url)) == objects(Path(second.url))


def test_a_damaged_blob_is_not_mirrored_but_the_others_are(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """The model with the damaged blob is not committed; the other models are whole; mended, it goes on."""
    source, target = opened("folder"), opened("folder")
    publish(source, b"good")
    version = source.register("alpha", {"m": b"bytes"}, capture=False)
    source.register("zeta", {"m": b"other"}, capture=False)
    file = version.files[0].sha256
    blob = Path(source.url) / "blobs" / "sha256" / file[:2] / file
    blob.chmod(0o644)
    blob.write_bytes(b"bytez")
    with pytest.raises(mv.IntegrityError, match="a blob is damaged"):
        source.mirror(to=target)
    assert "alpha was not copied to its end" in caplog.text
    assert not any(key.endswith(file) for key in objects(Path(target.url)))
    assert target.models() == [MODEL, "zeta"]
    assert target.verify()
    blob.write_bytes(b"bytes")
    assert source.mirror(to=target).versions == ("alpha:1.0.0",)
    assert target.verify()


def test_a_missing_blob_is_told(opened: Open) -> None:
    """A source that lost a blob says which, and its version is not committed at the target."""
    source, target = opened("folder"), opened("folder")
    file = publish(source).files[0].sha256
    (Path(source.url) / "blobs" / "sha256" / file[:2] / file).unlink()
    with pytest.raises(mv.NotFound, match="missing on both sides"):
        source.mirror(to=target)
    assert target.models() == []


def test_a_tampered_log_is_not_mirrored(opened: Open) -> None:
    """A source whose log is broken is refused before anything is written."""
    source, target = opened("folder"), opened("folder")
    publish(source)
    place = Path(source.url) / "models" / "acme--fraud" / "log" / f"{2:020d}.json"
    place.chmod(0o644)
    place.write_bytes(place.read_bytes().replace(b"1.0.0", b"1.0.1"))
    with pytest.raises(mv.LogTampered):
        source.mirror(to=target)
    assert not Path(target.url).exists()


def test_a_forged_commit_at_the_end_of_a_batch_is_not_mirrored(opened: Open) -> None:
    """A commit that nobody chained, for the reader began at a checkpoint, is written once the next one names it."""
    source, target = opened("folder"), opened("folder")
    publish(source)
    for number in range(80):
        source.record_metrics(f"{MODEL}:1.0.0", {"f1": 0.25 + number})
    forged = Path(source.url) / "models" / "acme--fraud" / "log" / f"{64:020d}.json"
    body = unseal(forged.read_bytes(), what="commit 64")
    forged.chmod(0o644)
    forged.write_bytes(seal(body.replace(b'"value":61.25', b'"value":99.25')))
    with pytest.raises(mv.LogTampered):
        mv.Registry(source.url).mirror(to=target)
    assert b"99.25" in forged.read_bytes()
    assert not (Path(target.url) / "models" / "acme--fraud" / "log" / forged.name).exists()


def test_checkpoints_come_along(opened: Open) -> None:
    """A checkpoint that copied commits vouch for is copied, so that the mirror is as quick to open."""
    source, target = opened("folder"), opened("folder")
    publish(source)
    for number in range(80):
        source.record_metrics(f"{MODEL}:1.0.0", {"f1": number / 100})
    source.mirror(to=target)
    assert any("/checkpoints/" in key for key in objects(Path(source.url)))
    assert objects(Path(target.url)) == objects(Path(source.url))
    assert target.verify()


def test_a_reader_of_both_copies_sees_no_rollback(registry: mv.Registry, tmp_path: Path) -> None:
    """A mirror that is behind is brought up to date from the machine that knows the newer state."""
    publish(registry, b"1")
    registry.mirror(to=tmp_path / "copy")
    publish(registry, b"2")
    registry.mirror(to=tmp_path / "copy")
    publish(registry, b"3")
    copy = mv.Registry(tmp_path / "copy")
    assert copy.pull(MODEL, source=registry).versions == (f"{MODEL}:1.2.0",)
    assert copy.verify()


@pytest.mark.parametrize("first", range(4))
def test_mirrors_at_once_agree(first: int, opened: Open) -> None:
    """Many mirrors into one empty place make one copy: what one wrote, the others find."""
    source = opened("folder")
    live(source, seed=first, events=20)
    place = opened("folder")
    errors: list[BaseException] = []

    def work() -> None:
        try:
            source.mirror(to=place.url)
        except BaseException as error:  # noqa: BLE001 (told below)
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert objects(Path(place.url)) == objects(Path(source.url))


def test_two_registries_race_for_one_place(opened: Open) -> None:
    """Of two registries that are mirrored into one empty place, one gets it, and the other is refused."""
    sources = [opened("folder"), opened("folder")]
    place = opened("folder")
    for source in sources:
        publish(source)
    outcomes: list[object] = []
    together = threading.Barrier(2)

    def work(source: mv.Registry) -> None:
        together.wait()
        try:
            outcomes.append(source.mirror(to=place.url).changed)
        except mv.AlreadyExists as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=[source]) for source in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(outcome, mv.AlreadyExists) for outcome in outcomes) == [False, True]
    assert objects(Path(place.url)) in [objects(Path(source.url)) for source in sources]


def test_another_commit_meanwhile_is_a_conflict(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that comes between the comparison and the copy is noticed: its commit stays, and the mirror stops."""
    source, target = opened("folder"), opened("folder")
    publish(source, b"1")
    source.mirror(to=target)
    publish(source, b"2")
    put_new = LocalStore.put_new

    def slow(self: LocalStore, key: str, data: bytes) -> None:
        if self.url == target.url and key.endswith("3.json"):
            monkeypatch.setattr(LocalStore, "put_new", put_new)
            publish(target, b"mine")
        put_new(self, key, data)

    monkeypatch.setattr(LocalStore, "put_new", slow)
    with pytest.raises(mv.Conflict, match="wrote to the target meanwhile"):
        source.mirror(to=target)
    assert target.verify()


MIRROR = """
import sys, modelver as mv
source = mv.Registry(sys.argv[1])
source.models()
print("go", flush=True)
source.mirror(to=sys.argv[2])
"""


def mirrored(source: str, place: Path, kill_after: float | None) -> tuple[int, float]:
    """Mirror in a process of its own, which is killed so long after it began; return its exit code, and how long it took."""
    command = [sys.executable, "-c", MIRROR, source, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"go\n"
        began = time.monotonic()
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        return process.wait(), time.monotonic() - began


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    "rounds", [3, pytest.param(150, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
def test_a_killed_mirror_goes_on(rounds: int, opened: Open, tmp_path: Path) -> None:
    """After SIGKILL at any moment the target is a whole registry or none; the next mirror completes it."""
    chance = random.Random(rounds)  # noqa: S311 (no secret)
    source = opened("folder")
    for number in range(9):
        source.register(f"m{number % 3}", {"model.bin": chance.randbytes(5_000_000)}, capture=False)
    code, lasts = mirrored(source.url, tmp_path / "undisturbed", None)
    assert code == 0
    kills = number = 0
    while number < rounds or not kills:
        place = tmp_path / f"target-{number}"
        number += 1
        killed = mirrored(source.url, place, chance.uniform(0, lasts))[0] == -signal.SIGKILL
        kills += killed
        lasts *= 1 if killed else 0.5  # the first one may have been slow
        if (place / "modelver.json").exists():
            assert mv.Registry(place, cache_dir=tmp_path / f"look-{number}").verify()
        source.mirror(to=place)
        assert objects(place) == objects(Path(source.url))
        assert temporary_files(place) == []


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_converge(seed: int, opened: Open) -> None:
    """However a registry grows between its mirrors, and through whichever mirror they go, all become equal."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    first = opened("folder")
    copies = [opened(kind) for kind in ("folder", "memory", "folder")]
    for number in range(8):
        live(first, seed=100 * seed + number, events=chance.randint(0, 6))
        for source, target in [(first, chance.choice(copies)), (copies[0], copies[2])]:
            if chance.random() < 0.6 and content(source):
                source.mirror(to=target)
    for copy in copies:
        first.mirror(to=copy)
        assert content(copy) == content(first)
        assert copy.verify()


def test_a_mirror_of_a_busy_registry_is_whole(opened: Open) -> None:
    """While others register, a mirror is at any time a whole registry of some moment; at last it is equal."""
    source, target = opened("folder"), opened("folder")
    publish(source, b"first")
    writers = [
        threading.Thread(
            target=lambda name=name: [
                source.register(name, {"m": f"{name}{number}".encode()}, capture=False)
                for number in range(15)
            ]
        )
        for name in ("a", "b", MODEL)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        source.mirror(to=target)
        assert target.verify()
    source.mirror(to=target)
    assert objects(Path(target.url)) == objects(Path(source.url))


def test_progress_adds_up(opened: Open) -> None:
    """The callback learns of all bytes that are copied, and of how many there are."""
    from fsspec.callbacks import Callback

    source, target = opened("folder"), opened("folder")
    publish(source, b"x" * 6_000_000)
    progress = Callback()
    done = source.mirror(to=target, callback=progress)
    assert progress.size == progress.value == done.size


def test_an_offline_end_is_refused(opened: Open, tmp_path: Path) -> None:
    """What is only remembered of a store is no base for a mirror: it might be old."""
    source = made(opened("bucket"))
    publish(source)
    source.models()
    session = source._session
    offline = mv.Registry(
        source.url,
        storage_options=dict(session.storage_options["s3"]),
        cache_dir=session.cache,
        offline=True,
    )
    with pytest.raises(mv.Offline, match="may be old"):
        offline.mirror(to=tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    with pytest.raises(mv.Offline):
        source.mirror(to=offline)


def test_memory_is_a_target_too(memory: mv.Registry) -> None:
    """A mirror in memory has the objects of the registry."""
    publish(memory)
    name = uuid.uuid4().hex
    memory.mirror(to=f"memory://{name}")
    assert [entry.key for entry in MemoryStore(name).list("")] == sorted(content(memory))
