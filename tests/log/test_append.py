"""Appending: exactly one writer wins a number, and nobody's write is lost, doubled or guessed about."""

import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest

from modelver.cache.heads import HeadMemory
from modelver.errors import AlreadyExists, CommitUnknown, Conflict, InvalidValue, LimitExceeded, StoreError
from modelver.history.commit import decode_commit, encode_commit
from modelver.history.event import AliasSet, Annotated, Registered, UnknownEvent
from modelver.history.fold import RANDOM_ID
from modelver.history.state import State
from modelver.log import Log, Proposal
from modelver.storage.layout import numbered_key
from modelver.storage.store import Store
from modelver.values.canonical import MAX_DEPTH
from modelver.values.digest import Digest
from modelver.values.name import Alias
from tests.histories import CREATED, EMPTY, manifest_digest, next_commit, registered
from tests.logs import CREATE, PLACE, Failing, Intruded, Watched, fill, next_version, open_log, proposing

ALREADY = AlreadyExists("an object is there already")
UNKNOWN = CommitUnknown("no answer came")


def versions(log: Log) -> list[str]:
    """Return the versions that a new reader of the same log sees."""
    return list(log.state().versions)


def keys(store: Store) -> list[str]:
    """Return all objects of the log."""
    return [entry.key for entry in store.list(PLACE.prefix)]


def test_what_was_appended_is_read(store: Store, heads: HeadMemory) -> None:
    """The answer holds the state and the number; a new reader sees the same."""
    log = open_log(store, heads)
    created = log.append(CREATE, by="ana@acme.io")
    assert (created.seq, created.written, created.state.model) == (1, True, "fraud")
    appended = log.append(
        lambda _: Proposal((registered("1.0.0"),), "First.", {"blobs/sha256/ab/x": b"manifest"}),
        by="ben@acme.io",
    )
    assert (appended.seq, appended.written) == (2, True)
    assert open_log(store, heads).state() == appended.state == log.state()
    assert store.get("blobs/sha256/ab/x", limit=100) == b"manifest"
    commit, _ = log.commit(2)
    assert (commit.by, commit.message, commit.parent) == ("ben@acme.io", "First.", created.state.head)
    assert commit.id.startswith(RANDOM_ID)


def test_nothing_proposed_is_nothing_written(store: Store, heads: HeadMemory) -> None:
    """A proposal without events answers with the state."""
    log = open_log(store, heads)
    fill(log, 2)
    appended = log.append(proposing(), by="ci")
    assert (appended.seq, appended.written, appended.state.seq) == (0, False, 2)
    assert len(keys(store)) == 2


def test_a_refusal_of_the_proposer_passes_through(store: Store, heads: HeadMemory) -> None:
    """Whoever proposes may refuse; nothing is written."""

    def refuse(_: State) -> Proposal:
        raise Conflict("the alias is not where it was expected")

    with pytest.raises(Conflict, match="not where it was expected"):
        open_log(store, heads).append(refuse, by="ci")
    assert keys(store) == []


def test_who_loses_the_race_proposes_again(store: Store, heads: HeadMemory) -> None:
    """The loser sees the winner's commit in its next state, and both are in the log."""
    other = open_log(store, heads)
    fill(other, 1)
    seen: list[int] = []

    def propose(state: State) -> Proposal:
        seen.append(state.seq)
        return next_version(state)

    appended = open_log(Intruded(store, lambda: fill(other, 1), times=3), heads).append(propose, by="ci")
    assert seen == [1, 2, 3, 4]
    assert (appended.seq, appended.written) == (5, True)
    assert versions(other) == ["2.0.0", "3.0.0", "4.0.0", "5.0.0"]


def test_a_precondition_that_no_longer_holds_is_a_conflict(store: Store, heads: HeadMemory) -> None:
    """What was true when the writer looked may not be when it writes: it is asked again."""
    other = open_log(store, heads)
    fill(other, 1)

    def only_as_second(state: State) -> Proposal:
        if state.seq != 1:
            raise Conflict("somebody else was here")
        return next_version(state)

    with pytest.raises(Conflict, match="somebody else was here"):
        open_log(Intruded(store, lambda: fill(other, 1)), heads).append(only_as_second, by="ci")
    assert versions(other) == ["2.0.0"]


def test_who_keeps_losing_is_told(store: Store, heads: HeadMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a minute of lost races a writer gives up with a Conflict, having changed nothing."""
    monkeypatch.setattr("modelver.log.append._PATIENCE", 0.0)
    other = open_log(store, heads)
    with pytest.raises(Conflict, match=r"faster for a minute: models/fraud/log.*Try again later"):
        open_log(Intruded(store, lambda: fill(other, 1)), heads).append(CREATE, by="ci")
    assert other.state().seq == 1


def test_a_lost_reply_is_no_lost_race(store: Store, heads: HeadMemory) -> None:
    """A store that wrote, and on its own retry says "exists", is read back: the commit there is ours."""
    log = open_log(Failing(store, ALREADY, writes=True), heads)
    appended = log.append(CREATE, by="ci")
    assert (appended.seq, appended.written) == (1, True)
    assert len(keys(store)) == 1


def test_an_object_that_can_not_be_read_back_is_an_unknown_outcome(store: Store, heads: HeadMemory) -> None:
    """Neither success nor failure is claimed, nothing is deleted, and the same commit_id resumes."""
    failing = Failing(store, ALREADY, writes=True)
    failing.blind = True
    log = open_log(failing, heads)
    with pytest.raises(CommitUnknown, match=r"commit id run-1.*Nothing was cleaned up.*the same commit_id"):
        log.append(CREATE, by="ci", commit_id="run-1")
    assert keys(store) == [numbered_key(PLACE.log, 1)]
    failing.error, failing.blind = None, False
    for resumed in (log, open_log(store, heads)):
        appended = resumed.append(next_version, by="ci", commit_id="run-1")
        assert (appended.seq, appended.written) == (1, False)
    assert len(keys(store)) == 1


@pytest.mark.parametrize("written", [True, False])
def test_a_store_that_does_not_know_says_so(store: Store, heads: HeadMemory, written: bool) -> None:
    """Whether or not the commit landed, repeating with the same commit_id leaves exactly one."""
    failing = Failing(store, UNKNOWN, writes=written)
    log = open_log(failing, heads)
    with pytest.raises(CommitUnknown):
        log.append(CREATE, by="ci", commit_id="run-1")
    failing.error = None
    appended = log.append(CREATE, by="ci", commit_id="run-1")
    assert (appended.seq, appended.written) == (1, not written)
    assert len(keys(store)) == 1


def test_without_a_commit_id_the_advice_is_another(store: Store, heads: HeadMemory) -> None:
    """A random id can't be repeated, so the message does not ask for that."""
    with pytest.raises(CommitUnknown, match="Look at the log before you try again"):
        open_log(Failing(store, UNKNOWN, writes=True), heads).append(CREATE, by="ci")


def test_a_store_that_failed_wrote_nothing(store: Store, heads: HeadMemory) -> None:
    """A StoreError passes through, and the same log goes on when the store is well again."""
    failing = Failing(store, StoreError("the disk is full"), writes=False)
    log = open_log(failing, heads)
    with pytest.raises(StoreError, match="the disk is full"):
        log.append(CREATE, by="ci")
    failing.error = None
    assert log.append(CREATE, by="ci").seq == 1


def test_a_commit_that_landed_is_acknowledged_whatever_comes_after(store: Store, heads: HeadMemory) -> None:
    """A store that fails right after our write does not turn it into an error."""

    class Dying(Failing):
        def put_new(self, key: str, data: bytes) -> None:
            """Write, then lose the network."""
            self.store.put_new(key, data)
            self.dead = True

        def get(self, key: str, *, limit: int) -> bytes:
            """Read while there is a network."""
            if getattr(self, "dead", False):
                raise StoreError("the network is gone", where=key)
            return self.store.get(key, limit=limit)

    appended = open_log(Dying(store, None, writes=True), heads).append(CREATE, by="ci")
    assert (appended.written, appended.state.seq) == (True, 1)


def test_a_commit_id_writes_once(store: Store, heads: HeadMemory) -> None:
    """Repeating it finds the first write, in the same process and in another, and asks the proposer nothing."""
    log = open_log(store, heads)
    fill(log, 1)
    first = log.append(next_version, by="ci", commit_id="run-1")
    fill(log, 2)

    def never(_: State) -> Proposal:
        raise AssertionError("asked again")

    for again in (log, open_log(store, heads)):
        appended = again.append(never, by="ci", commit_id="run-1")
        assert (appended.seq, appended.written) == (first.seq, False)
    assert log.state().seq == 4


def test_two_writers_with_one_commit_id_write_once(store: Store, heads: HeadMemory) -> None:
    """The one that loses the race finds the other's commit instead of adding its own."""
    other = open_log(store, heads)
    fill(other, 1)
    intruded = Intruded(store, lambda: other.append(next_version, by="other", commit_id="run-1"))
    appended = open_log(intruded, heads).append(next_version, by="ci", commit_id="run-1")
    assert (appended.seq, appended.written) == (2, False)
    assert versions(other) == ["2.0.0"]


@pytest.mark.parametrize("commit_id", ["", "x" * 201, "a\nb", "a\0", "\ud800", "auto-1"])
def test_an_unusable_commit_id_is_refused(store: Store, heads: HeadMemory, commit_id: str) -> None:
    """It is short, printable, and not one of our random ones."""
    with pytest.raises(InvalidValue, match="not a usable commit_id"):
        open_log(store, heads).append(CREATE, by="ci", commit_id=commit_id)


@pytest.mark.parametrize(
    "event",
    [
        registered("1.0.0"),
        registered("one"),
        CREATED,
        AliasSet(Alias("production"), "9.0.0", manifest_digest("9.0.0")),
        AliasSet(Alias("production"), "1.0.0", Digest.of(b"another")),
        Annotated("1.0.0", manifest_digest("1.0.0"), note=5),  # type: ignore[arg-type] # that is the point
        Annotated("1.0.0", manifest_digest("1.0.0"), note="\ud800"),
        Annotated("1.0.0", manifest_digest("1.0.0"), tags={"a": 1}),  # type: ignore[dict-item] # likewise
        UnknownEvent("future", {"type": "future", "must_understand": "read"}, "read"),
        UnknownEvent("deep", {"type": "deep", "x": json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)}),
    ],
)
def test_what_no_reader_would_accept_is_not_written(
    store: Store, heads: HeadMemory, event: Registered
) -> None:
    """A commit can't be mended, so it is read back before it is written."""
    log = open_log(store, heads)
    log.append(CREATE, by="ci")
    log.append(proposing(registered("1.0.0")), by="ci")
    with pytest.raises(InvalidValue):
        log.append(proposing(event), by="ci")
    assert open_log(store, heads).state().seq == log.state().seq == 2
    assert log.append(proposing(registered("1.1.0")), by="ci").seq == 3


def test_a_commit_too_large_is_refused(store: Store, heads: HeadMemory) -> None:
    """The limit is the readers', and nothing is stored, blobs neither."""
    log = open_log(store, heads)
    proposal = Proposal((CREATED,), "x" * 2**20, {"blobs/sha256/ab/x": b"manifest"})
    with pytest.raises(LimitExceeded):
        log.append(lambda _: proposal, by="ci")
    assert list(store.list("")) == []


def test_blobs_come_before_the_commit(store: Store, heads: HeadMemory) -> None:
    """A commit never names what is not there yet: if a blob can't be stored, there is no commit."""

    class NoBlobs(Failing):
        def put_blob(self, key: str, data: bytes) -> None:
            """Fail."""
            raise StoreError("the disk is full", where=key, found=len(data))

    proposal = Proposal((CREATED,), blobs={"blobs/sha256/ab/x": b"manifest"})
    with pytest.raises(StoreError, match="the disk is full"):
        open_log(NoBlobs(store, None, writes=True), heads).append(lambda _: proposal, by="ci")
    assert keys(store) == []


def test_a_log_that_a_newer_release_closed_can_be_read_only(store: Store, heads: HeadMemory) -> None:
    """An unknown event with must_understand "write" refuses appends, and says what to do."""
    log = open_log(store, heads)
    log.append(CREATE, by="ci")
    newer = UnknownEvent("renamed", {"type": "renamed", "must_understand": "write"}, "write")
    log.append(proposing(newer), by="a newer release")
    with pytest.raises(InvalidValue, match=r"may only read it: event 'renamed'.*Upgrade modelver"):
        log.append(next_version, by="ci")
    assert log.state().seq == 2


def test_time_goes_on_even_if_the_clock_goes_back(store: Store, heads: HeadMemory) -> None:
    """Behind a head from the future, each commit is a microsecond later, and tells its clock too."""
    log = open_log(store, heads)
    clock = log.append(CREATE, by="ci").state.at
    assert clock is not None
    future = clock + timedelta(hours=1)
    ahead = next_commit(log.state(), registered("1.0.0"), at=future)
    store.put_new(numbered_key(PLACE.log, 2), encode_commit(ahead))
    fill(log, 3)
    commits = [commit for commit, _ in log.commits()]
    assert [commit.at - future for commit in commits[2:]] == [timedelta(microseconds=n) for n in (1, 2, 3)]
    assert all(commit.clock < future for commit in commits[2:])
    assert all(earlier.at < later.at for earlier, later in itertools.pairwise(commits))


def test_stored_bytes_are_those_of_the_format(store: Store, heads: HeadMemory) -> None:
    """The object under the number is the sealed commit, whose parent is the founding file's digest."""
    open_log(store, heads).append(CREATE, by="ci", commit_id="run-1")
    data = store.get(numbered_key(PLACE.log, 1), limit=2**20)
    commit = decode_commit(data, what="commit 1")
    assert encode_commit(commit) == data
    assert (commit.parent, commit.id, commit.seq) == (EMPTY.head, "run-1", 1)


def test_the_lock_is_advice(store: Store, heads: HeadMemory, tmp_path: Path) -> None:
    """With a lock, with one that can't be made, and without one, appending does the same."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    for lock in (tmp_path / "locks" / "log", tmp_path / "file" / "log", None):
        fill(open_log(store, heads, lock), 2)
    assert open_log(store, heads).state().seq == 6


def test_a_write_reads_the_log_once(store: Store, heads: HeadMemory) -> None:
    """In a process that knows the head, an append looks for a newer commit, writes, and reads nothing back."""
    watched = Watched(store)
    log = open_log(watched, heads)
    fill(log, 3)
    watched.read.clear()
    watched.written.clear()
    fill(log, 1)
    assert watched.read == watched.written == [numbered_key(PLACE.log, 4)]
