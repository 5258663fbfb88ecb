"""What every kind of store must do. A new kind is a subclass with a `store` fixture and `behind`.

The rules take a store and nothing else, so that `test_bad_stores.py` can show which rule rejects which bad store.
"""

import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from modelver.errors import AlreadyExists, Conflict, IntegrityError, LimitExceeded, NotFound, UnsafePath
from modelver.storage import open_store
from modelver.storage.store import Entry, Folder, Incoming, Store

from . import racer
from .listing import ListingContract

WRITERS = 8
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

    contested = 50
    """How many keys are raced for."""

    waited_for = 100
    """How many objects a reader waits for."""

    options: ClassVar[Mapping[str, object]] = {}
    """What it takes to open the store again."""

    @abstractmethod
    def behind(self, store: Store) -> dict[str, bytes]:
        """Return all that the store holds, temporary files too, without asking the store."""

    def again(self, store: Store) -> Store:
        """Return the store, opened once more."""
        return open_store(store.url, storage_options=self.options)

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

    @pytest.mark.usefixtures("unmeasured")
    def test_of_many_writers_one_wins_and_readers_see_all_or_nothing(self, store: Store) -> None:
        """Of 8 writers that race for some keys, each key has one winner, whose bytes stay; no reader sees a part."""
        reader = self.again(store)
        with ThreadPoolExecutor(WRITERS + 1) as pool:
            race = pool.submit(self._race_processes if self.processes else self._race_threads, store)
            newest = 0
            while not race.done():
                if _is_whole(reader, racer.contested_key(newest)):
                    newest = min(newest + 1, self.contested - 1)
        won = race.result()
        assert sorted(number for numbers in won for number in numbers) == list(range(self.contested))
        assert self.behind(store) == {
            racer.contested_key(number): racer.payload(writer)
            for writer, numbers in enumerate(won)
            for number in numbers
        }

    def test_who_waits_for_an_object_finds_it(self, store: Store) -> None:
        """A reader that keeps asking for the next entry of a log is told that there is none, until there is one."""
        self._wait_for(store, self.waited_for)

    @pytest.mark.full
    def test_who_waits_for_many_objects_finds_them(self, store: Store) -> None:
        """The same, for long."""
        self._wait_for(store, 10 * self.waited_for)

    def _wait_for(self, store: Store, entries: int) -> None:
        reader = self.again(store)

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
        """Storing equal bytes again, by any way in, keeps one object."""
        for put in self._ways(store):
            put("blobs/ab", b"weights")
            put("blobs/ab", b"weights")
        assert self.behind(store) == {"blobs/ab": b"weights"}

    def test_a_blob_of_another_size_is_damaged(self, store: Store) -> None:
        """Bytes whose key has an object of another size are refused, with the object named and left as it is."""
        store.put_blob("blobs/ab", b"weights")
        for put in self._ways(store):
            with pytest.raises(IntegrityError, match="blobs/ab"):
                put("blobs/ab", b"weigh")
        assert self.behind(store) == {"blobs/ab": b"weights"}

    def test_many_may_store_one_blob(self, store: Store) -> None:
        """Writers that store the same blob at one time all succeed, and readers see it whole or not at all."""
        data = racer.payload(0)
        with ThreadPoolExecutor(WRITERS) as pool:
            for number in range(self.contested):
                writes = [pool.submit(store.put_blob, f"blobs/{number}", data) for _ in range(WRITERS)]
                _is_whole(store, f"blobs/{number}")
                for write in writes:
                    write.result()
        assert self.behind(store) == {f"blobs/{number}": data for number in range(self.contested)}

    def test_an_empty_blob_is_a_blob(self, store: Store) -> None:
        """No bytes are bytes too: empty files are part of models."""
        store.put_blob("blobs/empty", b"")
        assert store.get("blobs/empty", limit=0) == b""
        assert store.size("blobs/empty") == 0

    def test_parts_are_an_object_when_they_are_finished(self, store: Store) -> None:
        """Parts that arrive in any order, by several threads, are no object until they are finished; then they are one."""
        data = bytes(range(256)) * (_part_size(store) * 5 // 2 // 256)
        upload = store.upload("blobs/cd", len(data))
        size = upload.part_size
        parts = [data[start : start + size] for start in range(0, len(data), size)]
        order = [0, 1, 2] if upload.at_once == 1 else [2, 0, 1]
        with ThreadPoolExecutor(upload.at_once) as pool:
            list(pool.map(upload.send, order, [parts[number] for number in order]))
        with pytest.raises(NotFound):
            store.size("blobs/cd")
        upload.finish()
        upload.close()
        assert store.size("blobs/cd") == len(data)
        assert self.behind(store) == {"blobs/cd": data}

    def test_parts_that_are_aborted_leave_nothing(self, store: Store) -> None:
        """An upload that is given up is no object, and takes no room."""
        upload = store.upload("blobs/cd", 40 * 2**20)
        upload.send(0, b"x" * upload.part_size)
        upload.abort()
        upload.close()
        assert self.behind(store) == {}
        assert list(store.list("")) == []

    def test_two_uploads_of_one_object_end_well(self, store: Store) -> None:
        """Two writers who send the same parts at one time both end with the object there, whole."""
        part = _part_size(store)
        data = os.urandom(part + 1000)
        uploads = [store.upload("blobs/ef", len(data)), self.again(store).upload("blobs/ef", len(data))]
        for number in (0, 1):
            for upload in uploads:
                with suppress(Conflict):
                    upload.send(number, data[number * part : (number + 1) * part])
        for upload in uploads:
            with suppress(Conflict):
                upload.finish()
            upload.close()
        assert self.behind(store) == {"blobs/ef": data}

    def test_a_range_is_what_it_says(self, store: Store) -> None:
        """Any range gives just its bytes, fewer only where the object ends."""
        data = bytes(range(256)) * 40
        store.put_blob("blobs/ranges", data)
        for offset, length in ((0, 1), (0, len(data)), (1, 5000), (len(data) - 1, 1), (255, 2)):
            assert store.read_range("blobs/ranges", offset, length) == data[offset : offset + length]
        assert store.read_range("blobs/ranges", len(data) - 3, 10) == data[-3:]
        with pytest.raises(NotFound):
            store.read_range("blobs/missing", 0, 1)

    def test_a_copy_on_the_servers_side_is_the_object(self, store: Store) -> None:
        """Where a store copies by itself, the copy is whole; where it can't, it says so and does nothing."""
        data = os.urandom(300_000)
        store.put_blob("blobs/ab", data)
        other = self.beside(store)
        copied = other.copy_from(store, "blobs/ab")
        assert self.behind(other) == ({"blobs/ab": data} if copied else {})
        if copied:
            assert other.copy_from(store, "blobs/ab")
            with pytest.raises(NotFound):
                other.copy_from(store, "blobs/missing")

    def test_what_was_deleted_is_gone(self, store: Store) -> None:
        """A deleted object is not found, not listed, and may be created again; deleting nothing is fine."""
        store.put_new("probes/1", b"first")
        store.delete("probes/1")
        store.delete("probes/1")
        with pytest.raises(NotFound):
            store.get("probes/1", limit=PLENTY)
        assert list(store.list("")) == []
        store.put_new("probes/1", b"second")
        assert self.behind(store) == {"probes/1": b"second"}

    def test_incoming_bytes_appear_when_they_are_published(self, store: Store) -> None:
        """In a folder, bytes on their way in are no object until they are published, then they are one, whole."""
        if store.folder is None:
            return
        with store.folder.incoming() as incoming:
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
        if store.folder is None:
            return
        with store.folder.incoming() as incoming:
            os.write(incoming.fileno(), b"never mind")
        incoming = store.folder.incoming()
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
            for verb in _verbs(store, key):
                with pytest.raises(UnsafePath):
                    verb()
        assert self.behind(store) == {}

    def test_an_adopted_file_is_the_object_or_stays_as_it_was(self, store: Store, tmp_path: Path) -> None:
        """Adopting a file into a folder makes it the object, read-only; where that can't be, the file is left alone."""
        if store.folder is None:
            return
        source = tmp_path / "weights"
        source.write_bytes(b"weights")
        before = source.stat()
        if store.folder.adopt(source, "blobs/ab", seen=before):
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

    def beside(self, store: Store) -> Store:
        """Return another, empty store of the same service."""
        return open_store(f"{store.url}-beside", storage_options=self.options)

    def _ways(self, store: Store) -> Iterator[Callable[[str, bytes], None]]:
        """Yield every way to store a blob."""

        def in_parts(key: str, data: bytes) -> None:
            upload = store.upload(key, len(data))
            try:
                upload.send(0, data)
                upload.finish()
            finally:
                upload.close()

        def incoming(key: str, data: bytes) -> None:
            assert store.folder is not None
            with store.folder.incoming() as place:
                os.write(place.fileno(), data)
                place.publish(key)

        yield store.put_blob
        yield in_parts
        if store.folder is not None:
            yield incoming

    def _race_threads(self, store: Store) -> list[list[int]]:
        """Let threads race; return the numbers of the keys that each has won."""
        start = time.time() + 0.1
        with ThreadPoolExecutor(WRITERS) as pool:
            handles = [self.again(store) for _ in range(WRITERS)]
            writers = [
                pool.submit(racer.race, handle, number, start, self.contested)
                for number, handle in enumerate(handles)
            ]
            return [writer.result() for writer in writers]

    def _race_processes(self, store: Store) -> list[list[int]]:
        """The same with processes."""
        command = [sys.executable, racer.__file__, store.url, json.dumps(self.options), str(WRITERS)]
        done = subprocess.run([*command, str(self.contested)], capture_output=True, text=True, check=True)
        won: list[list[int]] = json.loads(done.stdout)
        return won


def _part_size(store: Store) -> int:
    upload = store.upload("blobs/size", 1)
    upload.abort()
    upload.close()
    return upload.part_size


def _fail_half_way(incoming: Incoming) -> None:
    with incoming:
        os.write(incoming.fileno(), b"half of")
        raise RuntimeError("the source broke")


def _verbs(store: Store, key: str) -> list[Callable[[], object]]:
    """Return every way to use a key."""
    here = Path(__file__)
    verbs: list[Callable[[], object]] = [
        lambda: store.get(key, limit=1),
        lambda: store.size(key),
        lambda: store.read_range(key, 0, 1),
        lambda: store.put_new(key, b"1"),
        lambda: store.put_blob(key, b"1"),
        lambda: store.upload(key, 1),
        lambda: store.copy_from(store, key),
        lambda: store.delete(key),
        lambda: store.local_path(key),
        lambda: list(store.list(key or "/")),
        lambda: list(store.folders(key or "/")),
    ]
    if (folder := store.folder) is not None:
        verbs += [
            lambda: folder.adopt(here, key, seen=here.stat()),
            lambda: _publish(folder, key),
        ]
    return verbs


def _publish(folder: Folder, key: str) -> None:
    with folder.incoming() as incoming:
        incoming.publish(key)


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


class RemoteContract(StoreContract, ABC):
    """The same for a store whose every request takes its time."""

    contested = 8
    waited_for = 10
    examples = 2
