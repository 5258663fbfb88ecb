"""Files on their way into a store without folders: whole or not at all, checked range by range, and never twice."""

import os
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from modelver.content.send import ONE_REQUEST, Sender
from modelver.errors import IntegrityError, SourceChanged, StoreError
from modelver.hashing.parallel import Cancelled
from modelver.hashing.stream import hash_file
from modelver.storage.layout import blob_key
from modelver.storage.memory import MemoryStore, MemoryUpload
from modelver.values.digest import Digest
from modelver.values.filemap import FileDigest

SIZES = [0, 1, ONE_REQUEST, ONE_REQUEST + 1, 5 * 2**20 + 7]


@pytest.fixture
def store() -> MemoryStore:
    """Give an empty store."""
    return MemoryStore(uuid4().hex)


def written(folder: Path, size: int) -> tuple[Path, FileDigest]:
    """Write a file; return it and its digest."""
    path = folder / "file"
    path.write_bytes(os.urandom(size))
    return path, hash_file(path)


def held(store: MemoryStore, digest: FileDigest) -> bytes:
    """Return what the store has under a digest."""
    return store.get(blob_key(Digest.from_hex(digest.sha256)), limit=2**30)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_becomes_a_blob_once(size: int, store: MemoryStore, tmp_path: Path) -> None:
    """The blob has the file's bytes; who sends it again is told that it was there; progress is told both times."""
    path, digest = written(tmp_path, size)
    counted: list[int] = []
    with Sender(store, counted.append) as sender:
        assert sender.send(path, digest, threading.Event())
        assert held(store, digest) == path.read_bytes()
        assert not sender.send(path, digest, threading.Event())
    assert sum(counted) == 2 * size


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("how", ["other", "shorter", "longer"])
def test_a_file_that_changed_since_is_not_sent(
    how: str, size: int, store: MemoryStore, tmp_path: Path
) -> None:
    """Other bytes than were hashed are SourceChanged, whatever changed, and the store has nothing."""
    path, digest = written(tmp_path, size)
    data = bytearray(path.read_bytes())
    if how == "other":
        data[-1] ^= 1
    path.write_bytes(data[:-1] if how == "shorter" else data + b"x" if how == "longer" else data)
    with Sender(store) as sender, pytest.raises(SourceChanged, match="file"):
        sender.send(path, digest, threading.Event())
    assert list(store.list("")) == []


def test_a_blob_of_another_size_is_not_taken_for_the_file(store: MemoryStore, tmp_path: Path) -> None:
    """What can't be the same bytes is damage, and is left as it is."""
    path, digest = written(tmp_path, 100)
    store.put_blob(blob_key(Digest.from_hex(digest.sha256)), b"short")
    with Sender(store) as sender, pytest.raises(IntegrityError):
        sender.send(path, digest, threading.Event())
    assert held(store, digest) == b"short"


def test_a_part_that_fails_ends_the_upload(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's error comes through, nothing is visible, and the sender can go on with another file."""
    path, digest = written(tmp_path, 30 * 2**20)
    send = MemoryUpload.send

    def failing(upload: MemoryUpload, number: int, data: bytes) -> bool:
        if number == 3:
            raise StoreError("no more room", where="part 3")
        return send(upload, number, data)

    monkeypatch.setattr(MemoryUpload, "send", failing)
    with Sender(store) as sender:
        for _ in range(5):  # parts that were not sent gave their places back
            with pytest.raises(StoreError, match="no more room"):
                sender.send(path, digest, threading.Event())
        assert list(store.list("")) == []
        monkeypatch.undo()
        assert sender.send(path, digest, threading.Event())


def test_a_cancelled_upload_ends_soon(store: MemoryStore, tmp_path: Path) -> None:
    """Once the event is set, the upload ends, with nothing visible."""
    path, digest = written(tmp_path, 20 * 2**20)
    cancelled = threading.Event()
    cancelled.set()
    with Sender(store) as sender, pytest.raises(Cancelled):
        sender.send(path, digest, cancelled)
    assert list(store.list("")) == []


def test_many_threads_may_send_at_once(store: MemoryStore, tmp_path: Path) -> None:
    """Files larger than all places for parts together are sent side by side without waiting for each other for ever."""
    files = []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(written(folder, 15 * 2**20))
    with Sender(store) as sender:
        threads = [
            threading.Thread(target=sender.send, args=(path, digest, threading.Event()))
            for path, digest in files
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert all(held(store, digest) == path.read_bytes() for path, digest in files)
