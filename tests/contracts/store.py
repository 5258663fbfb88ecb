"""What every kind of store must do. A new kind is a subclass with a `store` fixture and `behind`.

The rules take a store and nothing else, so that `test_bad_stores.py` can show which rule rejects which bad store.
"""

import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelver.errors import AlreadyExists, IntegrityError, LimitExceeded, NotFound, UnsafePath
from modelver.storage import open_store
from modelver.storage.store import Entry, Incoming, Store

from . import racer
from .listing import ListingContract

WRITERS = 8
CONTESTED = 50
PLENTY = 2**20

HOSTILE_KEYS = (
    *("", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/.."),
    *(
        "a\\b",
        "..\\a",
        "a\0b",
        "a\nb",
        "a b",
        "A",
        "a/B",
        "é",
        "a\u0301",
        "a:b",
        "c:",
        "~",
        "-a",
        ".a",
        "a.",
        "a/.git",
    ),
    *("tmp", "tmp/a", "a*", "a?", "%2e%2e/a", "a" * 256, "a/" * 600 + "a"),
)


class StoreContract(ListingContract, ABC):
    """The rules."""

    processes = True
    """Whether races are between processes, rather than between threads of this one."""

    @abstractmethod
    def behind(self, store: Store) -> dict[str, bytes]:
        """Return all that the store holds, temporary files too, without asking the store."""

    def again(self, store: Store) -> Store:
        """Return the store, opened once more."""
        return open_store(store.url)

    def test_what_was_never_written_is_not_found(self, store: Store) -> None:
        """Reading a missing object, or a folder of objects, or below an object, is NotFound."""
        store.put_new("folder/object", b"1")
        for key in ("missing", "folder", "folder/missing", "folder/object/below"):
            with pytest.raises(NotFound):
                store.get(key, limit=PLENTY)
            with pytest.raises(NotFound):
                store.size(key)

    def test_an_empty_store_lists_nothing(self, store: Store) -> None:
        """Listing what was never made is empty, and makes nothing."""
        assert list(store.list("")) == []
        assert list(store.list("some/folder")) == []
        assert self.behind(store) == {}

    def test_a_created_object_is_there(self, store: Store) -> None:
        """What was created is read, measured, listed and stored, exactly, and nothing else is left behind."""
        data = bytes(range(256)) * 5
        store.put_new("models/fraud/log/1.json", data)
        assert store.get("models/fraud/log/1.json", limit=PLENTY) == data
        assert store.size("models/fraud/log/1.json") == len(data)
        assert list(store.list("")) == [Entry("models/fraud/log/1.json", len(data))]
        assert self.behind(store) == {"models/fraud/log/1.json": data}

    def test_a_taken_key_is_refused(self, store: Store) -> None:
        """Creating an object twice is AlreadyExists, with other bytes or the same, and changes nothing."""
        store.put_new("log/1", b"first")
        for data in (b"other", b"first", b"a longer one than that"):
            with pytest.raises(AlreadyExists):
                store.put_new("log/1", data)
            assert self.behind(store) == {"log/1": b"first"}

    def test_of_many_writers_one_wins_and_readers_see_all_or_nothing(self, store: Store) -> None:
        """Of 8 writers that race for 50 keys, each key has one winner, whose bytes stay; no reader sees a part."""
        start = time.time() + (2 if self.processes else 0.1)
        reader = self.again(store)
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(self._writer, store, number, start) for number in range(WRITERS)]
            newest = 0
            while not all(writer.done() for writer in writers):
                if _is_whole(reader, racer.contested_key(newest)):
                    newest = min(newest + 1, CONTESTED - 1)
        won = [writer.result() for writer in writers]
        assert sorted(number for numbers in won for number in numbers) == list(range(CONTESTED))
        assert self.behind(store) == {
            racer.contested_key(number): racer.payload(writer)
            for writer, numbers in enumerate(won)
            for number in numbers
        }

    def test_who_waits_for_an_object_finds_it(self, store: Store) -> None:
        """A reader that keeps asking for the next entry of a log is told that there is none, until there is one."""
        reader, entries = self.again(store), 300

        def write() -> None:
            for number in range(entries):
                store.put_new(f"log/{number}", b"entry")

        with ThreadPoolExecutor(1) as pool:
            writes = pool.submit(write)
            for number in range(entries):
                while not writes.done() and _found(reader, f"log/{number}") is None:
                    pass
            writes.result()
        assert [_found(reader, f"log/{number}") for number in range(entries)] == [b"entry"] * entries

    def test_what_was_written_is_seen_at_once(self, store: Store) -> None:
        """A listing, a size and a read show what another handle wrote before they began."""
        other = self.again(store)
        for number in range(5):
            key = f"log/{number}"
            assert key not in [entry.key for handle in (store, other) for entry in handle.list("log")]
            with pytest.raises(NotFound):
                other.size(key)
            store.put_new(key, b"%d" % number)
            assert other.size(key) == 1
            assert other.get(key, limit=1) == b"%d" % number
            for handle in (store, other):
                assert [entry.key for entry in handle.list("log")] == [f"log/{n}" for n in range(number + 1)]

    def test_a_blob_may_be_stored_again(self, store: Store) -> None:
        """Storing equal bytes again, by either way in, keeps one object."""
        store.put_blob("blobs/ab", b"weights")
        store.put_blob("blobs/ab", b"weights")
        with store.incoming() as incoming:
            os.write(incoming.fileno(), b"weights")
            incoming.publish("blobs/ab")
        assert self.behind(store) == {"blobs/ab": b"weights"}

    def test_a_blob_of_another_size_is_damaged(self, store: Store) -> None:
        """Bytes whose key has an object of another size are refused, with the object named and left as it is."""
        store.put_blob("blobs/ab", b"weights")
        with pytest.raises(IntegrityError, match="blobs/ab"):
            store.put_blob("blobs/ab", b"weigh")
        with store.incoming() as incoming:
            os.write(incoming.fileno(), b"weigh")
            with pytest.raises(IntegrityError, match="blobs/ab"):
                incoming.publish("blobs/ab")
        assert self.behind(store) == {"blobs/ab": b"weights"}

    def test_many_may_store_one_blob(self, store: Store) -> None:
        """Writers that store the same blob at one time all succeed, and readers see it whole or not at all."""
        data = racer.payload(0)
        with ThreadPoolExecutor(WRITERS) as pool:
            for number in range(CONTESTED):
                writes = [pool.submit(store.put_blob, f"blobs/{number}", data) for _ in range(WRITERS)]
                _is_whole(store, f"blobs/{number}")
                for write in writes:
                    write.result()
        assert self.behind(store) == {f"blobs/{number}": data for number in range(CONTESTED)}

    def test_an_empty_blob_is_a_blob(self, store: Store) -> None:
        """No bytes are bytes too: empty files are part of models."""
        store.put_blob("blobs/empty", b"")
        assert store.get("blobs/empty", limit=0) == b""
        assert store.size("blobs/empty") == 0

    def test_incoming_bytes_appear_when_they_are_published(self, store: Store) -> None:
        """Bytes on their way in are no object until they are published, then they are one, whole."""
        with store.incoming() as incoming:
            assert os.lseek(incoming.fileno(), 0, os.SEEK_CUR) == 0
            for part in (b"first ", b"second"):
                os.write(incoming.fileno(), part)
                assert list(store.list("")) == []
            assert os.pread(incoming.fileno(), 5, 0) == b"first"
            incoming.publish("blobs/cd")
            assert store.get("blobs/cd", limit=PLENTY) == b"first second"
        assert self.behind(store) == {"blobs/cd": b"first second"}

    def test_incoming_bytes_that_are_not_published_are_dropped(self, store: Store) -> None:
        """Leaving without publishing, or by an error, leaves nothing."""
        with store.incoming() as incoming:
            os.write(incoming.fileno(), b"never mind")
        incoming = store.incoming()
        with pytest.raises(RuntimeError, match="the source broke"):
            _fail_half_way(incoming)
        assert self.behind(store) == {}

    def test_a_limit_is_kept(self, store: Store) -> None:
        """An object is read up to its limit, and not one byte beyond."""
        store.put_new("object", b"12345")
        assert store.get("object", limit=5) == b"12345"
        for limit in (4, 0):
            with pytest.raises(LimitExceeded, match="found 5"):
                store.get("object", limit=limit)

    def test_hostile_keys_are_refused_by_every_verb(self, store: Store) -> None:
        """What could leave the root, hide, or be another file elsewhere is UnsafePath, and nothing is written."""
        for key in HOSTILE_KEYS:
            with store.incoming() as incoming:
                for verb in _verbs(store, incoming, key):
                    with pytest.raises(UnsafePath):
                        verb()
        assert self.behind(store) == {}

    def test_an_adopted_file_is_the_object_or_stays_as_it_was(self, store: Store, tmp_path: Path) -> None:
        """Adopting a file makes it the object, read-only; where that can't be, the file is left alone."""
        source = tmp_path / "weights"
        source.write_bytes(b"weights")
        before = source.stat()
        if store.adopt(source, "blobs/ab", seen=before):
            assert source.stat().st_mode & 0o222 == 0
            assert source.read_bytes() == b"weights"
            assert self.behind(store) == {"blobs/ab": b"weights"}
        else:
            assert (source.read_bytes(), source.stat()) == (b"weights", before)
            assert self.behind(store) == {}

    def test_a_local_path_leads_to_the_object(self, store: Store) -> None:
        """Where a store has local paths, the file there is the object, and is read-only."""
        store.put_new("folder/object", b"bytes")
        path = store.local_path("folder/object")
        if path is not None:
            assert path.read_bytes() == b"bytes"
            assert path.stat().st_mode & 0o222 == 0

    def test_the_clock_is_in_utc_and_leaves_no_trace(self, store: Store) -> None:
        """The store's time is an aware one, near this machine's, and asking for it stores nothing."""
        for _ in range(2):
            assert store.clock().tzinfo is UTC
            assert abs(store.clock() - datetime.now(UTC)) < timedelta(minutes=5)
        assert self.behind(store) == {}

    def test_the_address_opens_the_store_again(self, store: Store) -> None:
        """A store's address leads to the same objects."""
        store.put_new("object", b"1")
        assert self.again(store).get("object", limit=1) == b"1"
        assert self.again(store).url == store.url

    def _writer(self, store: Store, number: int, start: float) -> list[int]:
        """Race as one of the writers; return the numbers of the keys that were won."""
        if not self.processes:
            return racer.race(self.again(store), number, start, CONTESTED)
        command = [sys.executable, racer.__file__, store.url, str(number), str(start), str(CONTESTED)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]


def _fail_half_way(incoming: Incoming) -> None:
    with incoming:
        os.write(incoming.fileno(), b"half of")
        raise RuntimeError("the source broke")


def _verbs(store: Store, incoming: Incoming, key: str) -> tuple[Callable[[], object], ...]:
    """Return every way to use a key."""
    here = Path(__file__)
    return (
        lambda: store.get(key, limit=1),
        lambda: store.size(key),
        lambda: store.put_new(key, b"1"),
        lambda: store.put_blob(key, b"1"),
        lambda: store.adopt(here, key, seen=here.stat()),
        lambda: store.local_path(key),
        lambda: list(store.list(key or "/")),
        lambda: list(store.folders(key or "/")),
        lambda: incoming.publish(key),
    )


def _found(store: Store, key: str) -> bytes | None:
    """Return an object, or None where there is none, which reading and measuring agree on."""
    try:
        store.size(key)
        return store.get(key, limit=PLENTY)
    except NotFound:
        return None


def _is_whole(store: Store, key: str) -> bool:
    """Return whether a contested object is there; it is whole then."""
    try:
        data = store.get(key, limit=PLENTY)
    except NotFound:
        return False
    assert len(data) == racer.SIZE
    assert len(set(data)) == 1
    return True
