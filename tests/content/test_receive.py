"""Blobs on their way to a file: verified in one pass, gone on with after a break, and never wrong."""

import os
import threading
from pathlib import Path
from uuid import uuid4

import pytest

from modelver.content import receive
from modelver.content.receive import Receiver
from modelver.errors import IntegrityError, NotFound, StoreError
from modelver.hashing.parallel import Cancelled
from modelver.storage.layout import blob_key
from modelver.storage.memory import MemoryStore
from modelver.values.digest import Digest

RANGE = 1000
SIZES = [0, 1, RANGE - 1, RANGE, RANGE + 1, 25 * RANGE + 7]


class Counting(MemoryStore):
    """Counts the bytes that are read in ranges, and breaks off after some of them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.read = 0
        self.most: int | None = None
        self._counting = threading.Lock()

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Read, or be gone."""
        if self.most is not None and offset >= self.most:
            raise StoreError("gone", where=key)
        data = super().read_range(key, offset, length)
        with self._counting:
            self.read += len(data)
        return data


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Give an empty store, from which short ranges are read."""
    monkeypatch.setattr(receive, "RANGE", RANGE)
    return Counting(uuid4().hex)


def filled(store: Counting, size: int) -> tuple[Digest, bytes]:
    """Store a blob; return its digest and its bytes."""
    data = os.urandom(size)
    store.put_blob(blob_key(Digest.of(data)), data)
    return Digest.of(data), data


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_becomes_a_file(size: int, store: Counting, tmp_path: Path) -> None:
    """The file has the blob's bytes, each read once; progress adds up to its size."""
    digest, data = filled(store, size)
    counted: list[int] = []
    with Receiver(store, counted.append) as receiver:
        receiver.receive(digest, size, tmp_path / "file", threading.Event())
        assert (tmp_path / "file").read_bytes() == data
        assert store.read == sum(counted) == size
        receiver.check(digest, size, threading.Event())


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("damage", ["flip", "cut", "extend"])
def test_a_damaged_blob_becomes_nothing(damage: str, size: int, store: Counting, tmp_path: Path) -> None:
    """Other bytes than the digest's, fewer or more, are IntegrityError, and no file is left."""
    digest, data = filled(store, size)
    flipped = bytes([data[0] ^ 1]) + data[1:]
    wrong = {"flip": flipped, "cut": data[:-1], "extend": data + b"x"}[damage]
    store._objects[blob_key(digest)] = wrong
    with Receiver(store) as receiver:
        with pytest.raises(IntegrityError, match=digest.hex):
            receiver.receive(digest, size, tmp_path / "file", threading.Event())
        with pytest.raises(IntegrityError, match=digest.hex):
            receiver.check(digest, size, threading.Event())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arrived", [1, RANGE, 7 * RANGE + 3, 25 * RANGE])
def test_a_download_goes_on_where_it_broke_off(arrived: int, store: Counting, tmp_path: Path) -> None:
    """What a file has already is hashed, and only the rest is fetched."""
    digest, data = filled(store, 25 * RANGE)
    (tmp_path / "file").write_bytes(data[:arrived])
    with Receiver(store) as receiver:
        receiver.receive(digest, len(data), tmp_path / "file", threading.Event())
    assert (tmp_path / "file").read_bytes() == data
    assert store.read == len(data) - arrived


@pytest.mark.parametrize("left", [b"x" * 10, b"x" * (25 * RANGE), b"x" * (30 * RANGE)])
def test_a_wrong_beginning_is_fetched_anew(left: bytes, store: Counting, tmp_path: Path) -> None:
    """A file that is no beginning of the blob, or longer than it, costs time but no wrong byte."""
    digest, data = filled(store, 25 * RANGE)
    (tmp_path / "file").write_bytes(left)
    with Receiver(store) as receiver:
        receiver.receive(digest, len(data), tmp_path / "file", threading.Event())
    assert (tmp_path / "file").read_bytes() == data


def test_a_broken_download_leaves_a_beginning(store: Counting, tmp_path: Path) -> None:
    """After an error in the middle the file holds a beginning of the blob, with which the next try goes on."""
    digest, data = filled(store, 25 * RANGE)
    store.most = 12 * RANGE
    target = tmp_path / "file"
    with Receiver(store) as receiver:
        with pytest.raises(StoreError, match="gone"):
            receiver.receive(digest, len(data), target, threading.Event())
        beginning = target.read_bytes()
        assert data.startswith(beginning)
        assert len(beginning) == 12 * RANGE
        store.most, store.read = None, 0
        receiver.receive(digest, len(data), target, threading.Event())
    assert target.read_bytes() == data
    assert store.read == len(data) - len(beginning)


def test_a_missing_blob_is_not_found(store: Counting, tmp_path: Path) -> None:
    """A blob that the store lacks is NotFound."""
    with Receiver(store) as receiver, pytest.raises(NotFound):
        receiver.receive(Digest.of(b"1"), 1, tmp_path / "file", threading.Event())


def test_a_cancelled_download_ends(store: Counting, tmp_path: Path) -> None:
    """Once the event is set, no more is fetched."""
    digest, data = filled(store, 25 * RANGE)
    cancelled = threading.Event()
    cancelled.set()
    with Receiver(store) as receiver, pytest.raises(Cancelled):
        receiver.receive(digest, len(data), tmp_path / "file", cancelled)
    assert store.read == 0


def test_a_target_that_can_not_be_written_is_told(store: Counting, tmp_path: Path) -> None:
    """A folder in the file's place is a StoreError that says what to do."""
    digest, data = filled(store, 10)
    with Receiver(store) as receiver, pytest.raises(StoreError, match="cache_dir"):
        receiver.receive(digest, len(data), tmp_path, threading.Event())


def test_many_blobs_at_once_do_not_wait_for_each_other_for_ever(store: Counting, tmp_path: Path) -> None:
    """More blobs than places for ranges are fetched side by side, each right."""
    blobs = [filled(store, 30 * RANGE + number) for number in range(24)]
    with Receiver(store) as receiver:
        threads = [
            threading.Thread(
                target=receiver.receive,
                args=(digest, len(data), tmp_path / digest.hex, threading.Event()),
            )
            for digest, data in blobs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert all((tmp_path / digest.hex).read_bytes() == data for digest, data in blobs)
