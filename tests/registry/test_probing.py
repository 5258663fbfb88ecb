"""The probe before the first write to a remote store: made once, before anything is written, and never by reading."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import modelver as mv
from modelver.registry.base import opening
from modelver.storage.memory import MemoryStore
from modelver.storage.remote.bucket import Fault, Place, TooLarge, Trouble
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Entry, Guarantees, Upload

if TYPE_CHECKING:
    from tests.servers.seaweedfs import SeaweedFS

GUARANTEES = Guarantees(
    exclusive_create=True, strong_listing=True, durable=True, range_reads=True, server_side_copy=True
)


class Bucket:
    """A bucket in memory that notes which keys were created.

    Args:
        store: Where its objects are.
        keeps: Whether it keeps the condition of a write.
        client: Name and version.
    """

    url = "test://bucket"
    guarantees = GUARANTEES
    single = 16 * 2**20

    def __init__(self, store: MemoryStore, *, keeps: bool = True, client: str = "client 1") -> None:
        self._store = store
        self._keeps = keeps
        self.client = client
        self.created: list[str] = []

    def get(self, key: str, limit: int) -> bytes:
        """Return an object."""
        try:
            return self._store.get(key, limit=limit)
        except mv.LimitExceeded:
            raise TooLarge(self._store.size(key)) from None

    def size(self, key: str) -> int:
        """Return a size."""
        return self._store.size(key)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part."""
        return self._store.read_range(key, offset, length)

    def list(self, prefix: str, after: str) -> Iterator[Entry]:
        """List."""
        return self._store.list(prefix.rstrip("/"), after=after)

    def folders(self, prefix: str) -> Iterator[str]:
        """Name folders."""
        return self._store.folders(prefix.rstrip("/"))

    def create(self, key: str, data: bytes, sha256: str | None) -> None:  # noqa: ARG002 (the protocol's signature)
        """Create, or overwrite."""
        self.created.append(key)
        if not self._keeps:
            self._store.delete(key)
        self._store.put_new(key, data)

    def upload(self, key: str, size: int) -> Upload:
        """Upload."""
        return self._store.upload(key, size)

    def copy_from(self, source: object, key: str) -> bool:  # noqa: ARG002 (the protocol's signature)
        """Copy nothing."""
        return False

    def delete(self, key: str) -> None:
        """Delete."""
        self._store.delete(key)

    def clock(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC)

    def trouble(self, error: Exception) -> Trouble:
        """Understand an error."""
        fault = Fault.EXISTS if isinstance(error, mv.AlreadyExists) else Fault.OTHER
        return Trouble(fault, str(error))

    @property
    def probes(self) -> int:
        """How many creates were the probe's."""
        return sum(key.startswith("probes/") for key in self.created)


Serve = Callable[[Bucket], Bucket]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Have every registry of the test open a bucket."""

    def serve(bucket: Bucket) -> Bucket:
        place = Place(bucket.url, "endpoint", GUARANTEES, lambda: bucket)
        monkeypatch.setattr(opening, "open_store", lambda *_, **__: RemoteStore(place, 60.0))
        return bucket

    return serve


@pytest.fixture
def objects(tmp_path: Path) -> MemoryStore:
    """Give a place for objects."""
    return MemoryStore(str(tmp_path))


def test_the_first_write_probes_and_later_ones_do_not(serve: Serve, objects: MemoryStore) -> None:
    """One probe per place and client, by whichever registry object; what it wrote is gone."""
    bucket = serve(Bucket(objects))
    registry = mv.Registry("test://bucket", create=True)
    assert bucket.probes == 14
    registry.create_model("a")
    mv.Registry("test://bucket").create_model("b")
    mv.Registry("test://bucket", create=True)
    assert bucket.probes == 14
    assert bucket.created[:14] == [key for key in bucket.created if key.startswith("probes/")]
    assert list(objects.list("probes")) == []


def test_another_client_or_user_probes_again(serve: Serve, objects: MemoryStore, tmp_path: Path) -> None:
    """A newer client may have unlearned it; another cache has not seen it. A registry that exists is no proof."""
    serve(Bucket(objects))
    mv.Registry("test://bucket", create=True)
    newer = serve(Bucket(objects, client="client 2"))
    mv.Registry("test://bucket").create_model("a")
    assert newer.probes == 14
    mv.Registry("test://bucket", cache_dir=tmp_path / "other").create_model("b")
    assert newer.probes == 28


def test_reading_never_probes(serve: Serve, objects: MemoryStore) -> None:
    """Whoever may only read is not asked to write."""
    serve(Bucket(objects))
    mv.Registry("test://bucket", create=True).create_model("a")
    bucket = serve(Bucket(objects, client="client 2"))
    registry = mv.Registry("test://bucket")
    assert registry.models() == ["a"]
    assert registry.versions("a") == []
    assert bucket.created == []


def test_an_unfit_store_is_refused_before_anything_is_written(serve: Serve, objects: MemoryStore) -> None:
    """Nothing but the probe was ever written, and that is not remembered as a success."""
    bucket = serve(Bucket(objects, keeps=False))
    for count in (1, 2):
        with pytest.raises(mv.UnsupportedStore, match="replaced the first"):
            mv.Registry("test://bucket", create=True)
        assert bucket.probes == len(bucket.created) == 2 * count
    assert list(objects.list("")) == []


def test_an_unfit_store_is_refused_where_a_registry_exists(
    serve: Serve, objects: MemoryStore, tmp_path: Path
) -> None:
    """A bucket that was copied to another server has a registry, but that server may be unfit."""
    serve(Bucket(objects))
    mv.Registry("test://bucket", create=True)
    before = [entry.key for entry in objects.list("")]
    serve(Bucket(objects, keeps=False, client="client 2"))
    registry = mv.Registry("test://bucket")
    weights = tmp_path / "weights"
    weights.write_bytes(b"1")
    for write in (
        lambda: registry.create_model("a"),
        lambda: registry.register("a", weights, capture=False),
    ):
        with pytest.raises(mv.UnsupportedStore):
            write()
    assert [entry.key for entry in objects.list("")] == before


def test_where_there_is_no_registry_nothing_is_tried(serve: Serve, objects: MemoryStore) -> None:
    """A write that fails for want of a registry leaves no probe behind."""
    bucket = serve(Bucket(objects))
    with pytest.raises(mv.NotFound):
        mv.Registry("test://bucket").create_model("a")
    assert bucket.created == []


def test_without_a_cache_each_session_probes_once(serve: Serve, objects: MemoryStore, tmp_path: Path) -> None:
    """What can't be remembered is found out again, but once by each registry object."""
    bucket = serve(Bucket(objects))
    (tmp_path / "file").write_text("")
    for count in (1, 2):
        registry = mv.Registry("test://bucket", create=True, cache_dir=tmp_path / "file" / "cache")
        registry.create_model(f"model-{count}")
        assert bucket.probes == 14 * count


def test_stores_of_this_machine_are_not_probed(root: Path, memory: mv.Registry) -> None:
    """Folders and memory are known."""
    mv.Registry(root).create_model("a")
    memory.create_model("a")
    assert not (root / "probes").exists()


def test_a_server_is_probed(seaweedfs: "SeaweedFS") -> None:
    """A registry in a bucket of SeaweedFS is made and written to, and nothing of the probe is left."""
    url, options = seaweedfs.fresh()
    registry = mv.Registry(url, storage_options=options, create=True)
    registry.create_model("a")
    assert mv.Registry(url, storage_options=options).models() == ["a"]
    assert registry.verify()
