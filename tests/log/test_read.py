"""Reading: the head is found by its numbers, holes are no ends, and nothing is read twice."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

import pytest

from modelver.cache.heads import HeadMemory
from modelver.errors import (
    InvalidValue,
    LimitExceeded,
    LogTampered,
    NotFound,
    Offline,
    RollbackDetected,
    StoreError,
)
from modelver.history.commit import MAX_COMMIT, encode_commit
from modelver.history.event import UnknownEvent
from modelver.log import LogPlace, check_clock
from modelver.log.read import CONFIRM_SECONDS, LogReader
from modelver.storage.cached import CachedStore
from modelver.storage.layout import REGISTRY_FILE, numbered_key
from modelver.storage.memory import MemoryStore
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Store
from tests.histories import EMPTY, ROOT, next_commit
from tests.logs import PLACE, Watched, Wrapped, fill, open_log

T = TypeVar("T")


def test_a_log_that_is_not_there_is_empty(store: Store, heads: HeadMemory) -> None:
    """Its state is that before the first commit, and looking makes nothing."""
    log = open_log(store, heads)
    assert log.state() == EMPTY
    assert list(log.commits()) == []
    assert log.check() == (EMPTY, None)
    with pytest.raises(NotFound):
        log.commit(1)
    assert list(store.list("")) == []


def test_a_reader_reads_on_from_what_it_knows(store: Store, heads: HeadMemory) -> None:
    """One request tells that nothing happened; another writer's commits are found one by one."""
    writer = open_log(store, heads)
    fill(writer, 5)
    watched = Watched(store)
    reader = open_log(watched, heads)
    assert reader.state() == writer.state()
    watched.read.clear()
    assert reader.state().seq == 5
    assert watched.read == [numbered_key(PLACE.log, 6)]
    fill(writer, 2)
    watched.read.clear()
    assert reader.state() == writer.state()
    assert watched.read == [numbered_key(PLACE.log, number) for number in (6, 7, 8)]


class Flickering(Wrapped):
    """Can't be reached for one object once; what other threads ask for comes all the same.

    Attributes:
        gone: The key of the object that is out of reach the next time.
    """

    place = "flickering"
    folder = None
    gone = ""

    def get(self, key: str, *, limit: int) -> bytes:
        """Read an object, if the network is there."""
        if key == self.gone:
            self.gone = ""
            raise Offline("the store can't be reached", where=key)
        return self.store.get(key, limit=limit)


@pytest.fixture
def flickering(tmp_path: Path) -> Iterator[tuple[Flickering, CachedStore]]:
    """Give a store that flickers, and the same with what this machine remembers, which another thread asks all the time."""
    inner = MemoryStore(uuid4().hex)
    inner.put_new(REGISTRY_FILE, b"{}")
    store = Flickering(inner)
    cached = CachedStore(cast("RemoteStore", store), tmp_path / "cache", lambda: True, offline=False)
    cached.get(REGISTRY_FILE, limit=2)
    remember = cached._recalled

    def meanwhile(answer: Callable[[], T]) -> T:
        """Answer from memory; by then another thread has reached the store."""
        try:
            return remember(answer)
        finally:
            cached._note_reached()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cached, "_recalled", meanwhile)
        yield store, cached


def test_a_commit_that_one_request_could_not_reach_is_not_missing(
    flickering: tuple[Flickering, CachedStore], heads: HeadMemory
) -> None:
    """Where others reach the store by then it is asked again, and nobody takes it for damage."""
    store, cached = flickering
    writer = open_log(store, heads)
    fill(writer, 5)
    store.gone = numbered_key(PLACE.log, 3)
    assert open_log(cached, heads).state() == writer.state()


def test_a_head_that_one_request_could_not_reach_is_no_rollback(
    flickering: tuple[Flickering, CachedStore], heads: HeadMemory
) -> None:
    """Another process saw more of the log than is remembered here; that is read, and not taken for another log."""
    store, cached = flickering
    writer, reader = open_log(store, heads), open_log(cached, heads)
    fill(writer, 2)
    reader.state()
    fill(writer, 2)
    store.gone = numbered_key(PLACE.log, 3)
    assert reader.state() == writer.state()
    shutil.rmtree(cached._objects / PLACE.log)
    store.gone = numbered_key(PLACE.log, 4)
    reader._confirmed = -CONFIRM_SECONDS
    assert reader.state() == writer.state()


def test_an_older_commit_that_one_request_could_not_reach_is_no_rollback(
    flickering: tuple[Flickering, CachedStore], heads: HeadMemory, tmp_path: Path
) -> None:
    """What this machine saw lies behind the checkpoint and can't be compared now: that is told, and not a forgery."""
    store, cached = flickering
    writer, early = open_log(store, heads), HeadMemory(tmp_path / "early")
    fill(writer, 10)
    open_log(store, early).state()
    fill(writer, 90)
    store.gone = numbered_key(PLACE.log, 10)
    with pytest.raises(Offline, match="Try again"):
        open_log(cached, early).state()
    assert open_log(cached, early).state() == writer.state()


def test_one_commit_can_be_read_by_its_number(store: Store, heads: HeadMemory) -> None:
    """With the digest that its successor names."""
    log = open_log(store, heads)
    fill(log, 3)
    _, digest = log.commit(2)
    assert log.commit(3)[0].parent == digest
    with pytest.raises(NotFound):
        log.commit(4)


def test_all_commits_come_in_order(store: Store, heads: HeadMemory) -> None:
    """From number 1, each with the digest that the next one names."""
    log = open_log(store, heads)
    fill(log, 5)
    commits = list(log.commits())
    assert [commit.seq for commit, _ in commits] == [1, 2, 3, 4, 5]
    assert [commit.parent for commit, _ in commits] == [ROOT, *(digest for _, digest in commits[:-1])]


@pytest.mark.parametrize("hole", [1, 2, 4])
def test_a_hole_is_no_end(heads: HeadMemory, no_heads: HeadMemory, hole: int) -> None:
    """A missing commit with later ones behind it is named, even by a machine that never saw the log."""
    store = MemoryStore(f"hole-{hole}-{id(heads)}")
    fill(open_log(store, heads), 5)
    del store._objects[numbered_key(PLACE.log, hole)]
    with pytest.raises(LogTampered, match=rf"a commit is missing from the log.*{hole:020d}\.json.*up to 5"):
        open_log(store, no_heads).state()
    state, fault = open_log(store, no_heads).check()
    assert (state.seq, type(fault)) == (hole - 1, LogTampered)


def test_foreign_files_in_the_folder_are_left_alone(
    store: Store, heads: HeadMemory, no_heads: HeadMemory
) -> None:
    """Only names of 20 digits count, directly in the folder."""
    log = open_log(store, heads)
    fill(log, 3)
    for name in ("notes.txt", "4.json", "sub/00000000000000000009.json", "00000000000000000000.json"):
        store.put_new(f"{PLACE.log}/{name}", b"foreign")
        store.put_new(f"{PLACE.checkpoints}/{name}", b"foreign")
    assert open_log(store, no_heads).state() == log.state()


@pytest.mark.parametrize(
    "place",
    [
        LogPlace(PLACE.prefix, "another", PLACE.model, ROOT),
        LogPlace(PLACE.prefix, PLACE.registry, "another", ROOT),
        LogPlace(PLACE.prefix, PLACE.registry, PLACE.model, "1" * 64),
    ],
)
def test_a_log_belongs_to_one_registry_and_model(store: Store, heads: HeadMemory, place: LogPlace) -> None:
    """A log copied to another model, another registry, or under another founding file is found."""
    fill(open_log(store, heads), 2)
    with pytest.raises(LogTampered, match="names another"):
        LogReader(store, place, heads).state()


def test_an_object_that_is_too_large_is_not_read(store: Store, heads: HeadMemory) -> None:
    """A commit of more than 1 MiB is refused before it fills the memory."""
    store.put_new(numbered_key(PLACE.log, 1), b" " * (MAX_COMMIT + 1))
    with pytest.raises(LimitExceeded):
        open_log(store, heads).state()


def test_a_failing_store_is_not_an_end(store: Store, heads: HeadMemory) -> None:
    """Only "not found" ends a log; anything else is said."""

    class Unreachable(Wrapped):
        def get(self, key: str, *, limit: int) -> bytes:
            """Fail at the third commit."""
            if key == numbered_key(PLACE.log, 3):
                raise StoreError("the network is gone", where=key)
            return self.store.get(key, limit=limit)

    fill(open_log(store, heads), 5)
    with pytest.raises(StoreError, match="the network is gone"):
        open_log(Unreachable(store), heads).state()


def test_a_reader_that_must_understand_more_stops(store: Store, heads: HeadMemory) -> None:
    """It says which event it can't read."""
    log = open_log(store, heads)
    fill(log, 2)
    newer = UnknownEvent("split", {"type": "split", "must_understand": "read"}, "read")
    store.put_new(numbered_key(PLACE.log, 3), encode_commit(next_commit(log.state(), newer)))
    for reader in (log, open_log(store, heads)):
        with pytest.raises(InvalidValue, match="an event that this release can't read: split"):
            reader.state()


def test_two_processes_that_race_raise_no_false_alarm(store: Store, heads: HeadMemory) -> None:
    """Another process may see a newer head while this one still reads: that is no rollback."""
    writer = open_log(store, heads)
    fill(writer, 2)

    class Overtaken(Wrapped):
        def get(self, key: str, *, limit: int) -> bytes:
            """Let the other process append, and remember that, between our request and its answer."""
            try:
                return self.store.get(key, limit=limit)
            finally:
                if key == numbered_key(PLACE.log, 3) and writer.state().seq == 2:
                    fill(writer, 3)

    reader = open_log(Overtaken(store), heads)
    assert reader.state().seq in {2, 5}
    assert reader.state().seq == 5


def test_a_fork_shown_to_two_processes_at_once_is_found(heads: HeadMemory) -> None:
    """Of two logs of equal length, the one that this machine did not see first is refused."""
    stores = [MemoryStore(f"fork-{name}-{id(heads)}") for name in "ab"]
    fill(open_log(stores[0], heads), 3)
    with pytest.raises(RollbackDetected):
        fill(open_log(stores[1], heads), 3)


def test_a_fork_that_is_seen_elsewhere_while_it_is_read_is_found(tmp_path: Path) -> None:
    """Two processes read two logs of equal length at once: the one that remembers last finds the other's head."""
    stores = [MemoryStore(f"race-{name}-{id(tmp_path)}") for name in "ab"]
    for name, filled in zip("ab", stores, strict=True):
        fill(open_log(filled, HeadMemory(tmp_path / name)), 3)
    heads = HeadMemory(tmp_path / "shared")

    class Overtaken(Wrapped):
        def get(self, key: str, *, limit: int) -> bytes:
            """Let the other process read its log while this one reads."""
            assert open_log(stores[0], heads).state().seq == 3
            return self.store.get(key, limit=limit)

    with pytest.raises(RollbackDetected):
        open_log(Overtaken(stores[1]), heads).state()


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_reader_that_lives_long_finds_another_log_in_the_place(
    store: Store, heads: HeadMemory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """An old copy was restored, and others may have gone on with it: looking for newer commits alone tells nothing."""
    log = open_log(store, heads)
    fill(log, 3)
    watched = Watched(store)
    reader = open_log(watched, heads)
    assert reader.state().seq == 3
    store.delete(numbered_key(PLACE.log, 3))
    fill(open_log(store, HeadMemory(tmp_path / "another-machine")), others)
    if others < 2:
        assert reader.state().seq == 3  # it was confirmed just now
    monkeypatch.setattr("modelver.log.read.CONFIRM_SECONDS", 0.0)
    watched.read.clear()
    for _ in range(2):
        with pytest.raises(RollbackDetected, match=r"commit 3 to be .*restored an old copy"):
            reader.state()
    assert watched.read == [numbered_key(PLACE.log, 3)] * 2


def test_a_head_is_confirmed_now_and_then(
    store: Store, heads: HeadMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That costs one request, and not again until its time has come."""
    watched = Watched(store)
    log = open_log(watched, heads)
    fill(log, 3)
    monkeypatch.setattr("modelver.log.read.CONFIRM_SECONDS", 0.05)
    time.sleep(0.06)
    watched.read.clear()
    assert log.state().seq == log.state().seq == 3
    assert watched.read[:2] == [numbered_key(PLACE.log, 3), numbered_key(PLACE.log, 4)]
    monkeypatch.setattr("modelver.log.read.CONFIRM_SECONDS", 300.0)
    watched.read.clear()
    log.state()
    assert watched.read == [numbered_key(PLACE.log, 4)]


@pytest.mark.parametrize("minutes", [-60, -5.1, 5.1, 60])
def test_a_clock_that_is_far_off_is_refused(store: Store, minutes: float) -> None:
    """More than five minutes, before or behind the store's: histories are read by time."""

    class OtherTime(Wrapped):
        def clock(self) -> datetime:
            """Return another time than this machine's."""
            return datetime.now(UTC) + timedelta(minutes=minutes)

    with pytest.raises(StoreError, match=r"this machine's clock is off.*within 0:05:00.*Set the clock"):
        check_clock(OtherTime(store))


@pytest.mark.parametrize("minutes", [-4.5, 0, 4.5])
def test_a_clock_that_is_a_little_off_will_do(store: Store, minutes: float) -> None:
    """Up to five minutes are forgiven."""

    class OtherTime(Wrapped):
        def clock(self) -> datetime:
            """Return another time than this machine's."""
            return datetime.now(UTC) + timedelta(minutes=minutes)

    check_clock(OtherTime(store))
