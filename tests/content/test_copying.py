"""Blobs go from any kind of store to any other; nothing that was not checked is ever visible."""

import random
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from modelver.content.copying import PARTIAL, BlobCopier, Copied
from modelver.errors import Conflict, StoreError
from modelver.storage import open_store
from modelver.storage.layout import blob_key
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore, MemoryUpload
from modelver.storage.store import Store
from modelver.values.digest import Digest
from tests.servers.seaweedfs import SeaweedFS

KINDS = ["folder", "memory", "bucket"]
PAIRS = [(source, target) for source in KINDS for target in KINDS]
SIZES = [0, 1, 70_000, 4 * 2**20 + 1, 35_000_000]


class Counting:
    """A store that counts the bytes which pass through this machine.

    Attributes:
        remote: The store itself, as a cached store has it.
        passed: Bytes read and written.
    """

    def __init__(self, remote: Store) -> None:
        self.remote = remote
        self.passed = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.remote, name)
        if name not in {"get", "read_range", "put_blob", "put_new", "upload"}:
            return found

        def counted(*arguments: Any, **options: Any) -> Any:
            result = found(*arguments, **options)
            with self._lock:
                self.passed += sum(len(each) for each in (*arguments, result) if isinstance(each, bytes))
                self.passed += arguments[1] if name == "upload" else 0
            return result

        return counted


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Store]:
    """Give what makes an empty store of a kind."""

    def made(kind: str) -> Store:
        if kind == "folder":
            return LocalStore(tmp_path / uuid.uuid4().hex)
        if kind == "memory":
            return MemoryStore(uuid.uuid4().hex)
        server: SeaweedFS = request.getfixturevalue("seaweedfs")
        url, options = server.fresh()
        return open_store(url, storage_options=options)

    return made


def blobs(*sizes: int) -> dict[Digest, bytes]:
    """Return blobs of these sizes."""
    chance = random.Random(str(sizes))  # noqa: S311 (no secret)
    return {Digest.of(data): data for data in map(chance.randbytes, sizes)}


def fill(store: Store, content: dict[Digest, bytes]) -> None:
    """Store blobs."""
    for digest, data in content.items():
        store.put_blob(blob_key(digest), data)


def damage(store: Store, digest: Digest, data: bytes) -> None:
    """Replace a stored blob's bytes behind the store's back."""
    store.delete(blob_key(digest))
    if len(data) < 2**20:
        store.put_new(blob_key(digest), data)
        return
    upload = store.upload(blob_key(digest), len(data))
    for number, start in enumerate(range(0, len(data), upload.part_size)):
        upload.send(number, data[start : start + upload.part_size])
    upload.finish()


def copied(source: Store, target: Store, content: dict[Digest, bytes], cache: Path) -> Copied:
    """Copy all blobs."""
    with BlobCopier(source, target, cache) as copier:
        return copier.copy(copier.missing(dict.fromkeys(content)))


def keys(store: Store) -> list[str]:
    """Return the keys of all objects."""
    return [entry.key for entry in store.list("")]


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_blobs_of_every_size_arrive(
    kind: str, other: str, make: Callable[[str], Store], tmp_path: Path
) -> None:
    """Whatever the two stores are, each blob arrives as it was, all bytes are told, and there is no litter."""
    source, target = make(kind), make(other)
    content = blobs(*SIZES)
    fill(source, content)
    told: list[int] = []
    cache = tmp_path / "cache"
    with BlobCopier(source, target, cache, told.append) as copier:
        missing = copier.missing({digest: len(data) for digest, data in content.items()})
        done = copier.copy(missing)
        assert copier.missing(dict.fromkeys(content)) == {}
    assert (done.blobs, done.size) == (len(content), sum(SIZES))
    assert sum(told) == sum(SIZES)
    for digest, data in content.items():
        assert target.get(blob_key(digest), limit=2**30) == data
    assert [*cache.glob(f"{PARTIAL}/*")] == []
    assert done.on_server == (len(content) if (kind, other) == ("bucket", "bucket") else 0)


@pytest.mark.parametrize("size", [70_000, 4 * 2**20 + 1, 35_000_000])
@pytest.mark.parametrize(("kind", "other"), [pair for pair in PAIRS if pair != ("bucket", "bucket")])
def test_a_damaged_blob_is_not_propagated(
    kind: str, other: str, size: int, make: Callable[[str], Store], tmp_path: Path
) -> None:
    """A blob with a flipped bit is refused by name, and is at no time visible at the target."""
    source, target = make(kind), make(other)
    ((digest, data),) = blobs(size).items()
    fill(source, {digest: data})
    damage(source, digest, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(mv.IntegrityError, match="damaged") as caught:
        copied(source, target, {digest: data}, tmp_path / "cache")
    assert digest.hex in caught.value.where
    assert source.url in caught.value.where
    assert keys(target) == []


def test_a_service_copies_by_itself(make: Callable[[str], Store], tmp_path: Path) -> None:
    """Between two places of one service, no byte of a blob passes through this machine."""
    source, target = Counting(make("bucket")), Counting(make("bucket"))
    content = blobs(*SIZES)
    fill(source.remote, content)
    done = copied(source, target, content, tmp_path)  # type: ignore[arg-type] # it delegates all verbs
    assert done.on_server == len(content)
    assert source.passed == target.passed == 0
    assert all(target.remote.get(blob_key(digest), limit=2**30) == data for digest, data in content.items())


def test_where_a_service_may_not_copy_bytes_go_through_here(
    make: Callable[[str], Store], tmp_path: Path
) -> None:
    """A service that refuses to copy, for want of rights, is not the end of it."""
    source, target = make("bucket"), Counting(make("bucket"))

    def refuse(*_: object) -> bool:
        raise StoreError("no rights to the source")

    target.copy_from = refuse  # type: ignore[attr-defined] # in place of the store's
    content = blobs(1000, 20_000_000)
    fill(source, content)
    done = copied(source, target, content, tmp_path)  # type: ignore[arg-type] # it delegates all verbs
    assert done.on_server == 0
    assert all(target.remote.get(blob_key(digest), limit=2**30) == data for digest, data in content.items())


@pytest.mark.parametrize(("kind", "other"), PAIRS)
def test_a_blob_of_another_size_is_refused(
    kind: str, other: str, make: Callable[[str], Store], tmp_path: Path
) -> None:
    """A blob that has another size than the manifest says is refused before anything is copied, here or there."""
    source, target = make(kind), make(other)
    content = blobs(1000)
    ((digest, data),) = content.items()
    with BlobCopier(source, target, tmp_path) as copier:
        with pytest.raises(mv.NotFound, match="missing on both sides"):
            copier.missing({digest: 1000})
        damage(source, digest, data[:-1])
        with pytest.raises(mv.IntegrityError, match="expected 1000 bytes, found 999 bytes"):
            copier.missing({digest: 1000})
        damage(target, digest, data[:-2])
        with pytest.raises(mv.IntegrityError, match="found 998 bytes"):
            copier.missing({digest: 1000})


def test_a_download_goes_on_where_it_ended(make: Callable[[str], Store], tmp_path: Path) -> None:
    """What an earlier try had fetched is not fetched again."""
    source, target = Counting(make("bucket")), make("folder")
    ((digest, data),) = blobs(40_000_000).items()
    fill(source.remote, {digest: data})
    partial = tmp_path / PARTIAL / digest.hex
    partial.parent.mkdir(parents=True)
    partial.write_bytes(data[:30_000_000])
    copied(source, target, {digest: data}, tmp_path)  # type: ignore[arg-type] # it delegates all verbs
    assert source.passed == 10_000_000
    assert target.get(blob_key(digest), limit=2**30) == data
    assert not partial.exists()


def test_a_download_into_another_file_system_is_copied(
    make: Callable[[str], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the registry can't take the downloaded file itself, it gets a copy of it, checked."""
    source, target = make("bucket"), make("folder")
    content = blobs(10_000_000)
    fill(source, content)
    monkeypatch.setattr(LocalStore, "adopt", lambda *_, **__: False)
    copied(source, target, content, tmp_path / "cache")
    ((digest, data),) = content.items()
    assert target.get(blob_key(digest), limit=2**30) == data
    assert [*(tmp_path / "cache").glob(f"{PARTIAL}/*")] == []


class Losing(MemoryUpload):
    """An upload that another writer ends, some times."""

    left = 0

    def finish(self) -> None:
        """End, or find that somebody else did."""
        if Losing.left:
            Losing.left -= 1
            raise Conflict("another writer ended the upload")
        super().finish()


@pytest.mark.parametrize(("times", "arrives"), [(2, True), (3, False)])
def test_an_upload_that_others_end_begins_again(
    times: int, arrives: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever lost an upload to another writer begins anew, but not for ever."""
    monkeypatch.setattr("modelver.storage.memory.MemoryUpload", Losing)
    source, target = MemoryStore(uuid.uuid4().hex), MemoryStore(uuid.uuid4().hex)
    content = blobs(6_000_000)
    fill(source, content)
    monkeypatch.setattr(Losing, "left", times)
    if arrives:
        copied(source, target, content, tmp_path)
    else:
        with pytest.raises(Conflict):
            copied(source, target, content, tmp_path)
    assert len(keys(target)) == arrives


class Forgetting(MemoryUpload):
    """An upload to a store that says yes, and keeps nothing."""

    def finish(self) -> None:
        """Say that all is well."""


def test_a_store_that_keeps_nothing_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob counts as copied only where the store shows it, however often the store said that it had it."""
    monkeypatch.setattr("modelver.storage.memory.MemoryUpload", Forgetting)
    source, target = MemoryStore(uuid.uuid4().hex), MemoryStore(uuid.uuid4().hex)
    content = blobs(6_000_000)
    source._objects.update({blob_key(digest): data for digest, data in content.items()})
    with pytest.raises(StoreError, match="does not show"):
        copied(source, target, content, tmp_path)


def test_a_failing_store_leaves_no_half_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a store fails in the middle of a stream, nothing of the blob is visible."""
    source, target = MemoryStore(uuid.uuid4().hex), LocalStore(tmp_path / "target")
    content = blobs(40_000_000)
    fill(source, content)
    read = MemoryStore.read_range

    def fail(self: MemoryStore, key: str, offset: int, length: int) -> bytes:
        if offset > 20_000_000:
            raise StoreError("the network is gone")
        return read(self, key, offset, length)

    monkeypatch.setattr(MemoryStore, "read_range", fail)
    with pytest.raises(StoreError, match="network"):
        copied(source, target, content, tmp_path / "cache")
    assert keys(target) == []
    assert [*(tmp_path / "target" / "tmp").iterdir()] == []
