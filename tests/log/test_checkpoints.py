"""Checkpoints spare a cold reader the old commits, and are believed only where the chain vouches for their bytes."""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

import attrs
import pytest

from modelver.cache.heads import HeadMemory
from modelver.errors import (
    AlreadyExists,
    CommitUnknown,
    Conflict,
    LogTampered,
    ModelverError,
    RollbackDetected,
    StoreError,
)
from modelver.history.checkpoint import decode_checkpoint, encode_checkpoint
from modelver.history.commit import CheckpointDigest, decode_commit, encode_commit, seal
from modelver.history.state import State
from modelver.log import Log, Proposal
from modelver.storage.layout import number_of, numbered_key
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store
from modelver.values.canonical import encode
from tests.logs import PLACE, Failing, Intruded, Watched, Wrapped, fill, next_version, open_log

DUE = 65
"""The first checkpoint is of this commit: the tail is longer than 64."""

LENGTH = DUE + 5


@pytest.fixture
def log(store: Store, heads: HeadMemory) -> Log:
    """Give a log that is long enough for a checkpoint, and the one who wrote it."""
    log = open_log(store, heads)
    fill(log, LENGTH)
    return log


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """Give the objects of such a log, which was written on another machine."""
    store = MemoryStore(uuid4().hex)
    fill(open_log(store, HeadMemory(tmp_path_factory.mktemp("cache"))), LENGTH)
    return dict(store._objects)


@pytest.fixture
def objects(written: Mapping[str, bytes], heads: HeadMemory) -> dict[str, bytes]:
    """Give the objects of such a log, for a store in memory, once this machine has seen its end."""
    open_log(with_objects(written), heads).state()
    return dict(written)


def with_objects(objects: Mapping[str, bytes]) -> MemoryStore:
    """Make a store that holds these objects."""
    store = MemoryStore(uuid4().hex)
    for key, data in objects.items():
        store.put_new(key, data)
    return store


def checkpoints(store: Store) -> list[int]:
    """Return the numbers of the checkpoints in a store."""
    return [number_of(entry.key) or 0 for entry in store.list(PLACE.checkpoints)]


def commits_read(store: Store, heads: HeadMemory) -> tuple[State, list[int]]:
    """Return the state that a new process sees, and the numbers of the commits that it read for it."""
    watched = Watched(store)
    state = open_log(watched, heads).state()
    return state, [number_of(key) or 0 for key in watched.read if key.startswith(PLACE.log)]


def vouched(log: Log) -> dict[int, tuple[int, str]]:
    """Return which commits vouch for which checkpoints."""
    return {
        commit.seq: (commit.checkpoint.seq, commit.checkpoint.sha256)
        for commit, _ in log.commits()
        if commit.checkpoint
    }


KEY = numbered_key(PLACE.checkpoints, DUE)


def test_a_checkpoint_is_made_when_the_tail_is_long(log: Log, store: Store) -> None:
    """It holds the state of its commit, and the next commit names the SHA-256 of its bytes."""
    assert checkpoints(store) == [DUE]
    data = store.get(KEY, limit=2**20)
    assert vouched(log) == {DUE + 1: (DUE, hashlib.sha256(data).hexdigest())}
    state = decode_checkpoint(data, what="the checkpoint")
    assert state is not None
    assert (state.seq, state.head) == (DUE, log.commit(DUE)[1])


def test_a_cold_reader_begins_at_the_checkpoint(log: Log, store: Store, no_heads: HeadMemory) -> None:
    """It opens the commits after it alone, and comes to the same state."""
    state, read = commits_read(store, no_heads)
    assert state == log.state()
    assert read == list(range(DUE + 1, LENGTH + 2))


def test_checkpoints_follow_one_another(store: Store, heads: HeadMemory, no_heads: HeadMemory) -> None:
    """The next one is made when the tail after the last one is long, by whoever writes then, in one process or many."""
    for _ in range(7):
        fill(open_log(store, heads), 20)
    assert checkpoints(store) == [DUE, 2 * DUE]
    assert commits_read(store, no_heads)[1] == list(range(2 * DUE + 1, 142))


def test_a_long_log_has_a_longer_tail(
    log: Log, store: Store, heads: HeadMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tail may grow to a tenth of the log, so that all checkpoints together stay of the log's order."""
    monkeypatch.setattr("modelver.log.append._MIN_TAIL", 2)
    fill(log, 30)
    assert checkpoints(store)[:3] == [65, 73, 82]


@pytest.mark.parametrize(
    "error",
    [StoreError("full"), AlreadyExists("taken"), CommitUnknown("no answer")],
    ids=lambda error: error.what,
)
@pytest.mark.parametrize("writes", [True, False])
def test_a_checkpoint_that_fails_hurts_nobody(
    store: Store,
    written: Mapping[str, bytes],
    heads: HeadMemory,
    no_heads: HeadMemory,
    error: ModelverError,
    writes: bool,
) -> None:
    """The commit is written all the same; a checkpoint that nobody vouches for is not read."""
    for key in (numbered_key(PLACE.log, number) for number in range(1, DUE - 4)):
        store.put_new(key, written[key])
    log = open_log(Failing(store, error, writes=writes, only="/checkpoints/"), heads)
    fill(log, LENGTH - log.state().seq)
    assert vouched(log) == {}
    state, read = commits_read(store, no_heads)
    assert state == log.state()
    assert 1 in read
    fill(open_log(store, heads), 2)
    assert max(checkpoints(store)) == LENGTH
    assert commits_read(store, no_heads)[1] == [LENGTH + 1, LENGTH + 2, LENGTH + 3]


def test_a_writer_that_died_between_checkpoint_and_commit_leaves_nothing_to_believe(
    store: Store, heads: HeadMemory, no_heads: HeadMemory
) -> None:
    """The checkpoint lies there; the next writer's commit does not vouch for what it did not make."""
    dying = Failing(store, None, writes=False)
    log = open_log(dying, heads)
    fill(log, DUE)
    dying.error = StoreError("killed")
    with pytest.raises(StoreError):
        log.append(next_version, by="ci")
    assert checkpoints(store) == [DUE]
    other = open_log(store, heads)
    fill(other, 1)
    assert vouched(other) == {}
    assert 1 in commits_read(store, no_heads)[1]


def test_who_lost_the_race_vouches_with_its_next_commit(
    store: Store, heads: HeadMemory, no_heads: HeadMemory
) -> None:
    """A checkpoint is not wasted when another writer is faster with the commit after it."""
    other = open_log(store, heads)
    fill(other, DUE)

    class JustBeforeTheCommit(Intruded):
        def put_new(self, key: str, data: bytes) -> None:
            """Let the other writer in before a commit, not before a checkpoint."""
            if key.startswith(PLACE.log):
                super().put_new(key, data)
            else:
                self.store.put_new(key, data)

    log = open_log(JustBeforeTheCommit(store, lambda: fill(other, 1)), heads)
    assert log.append(next_version, by="ci").seq == DUE + 2
    assert {seq: number for seq, (number, _) in vouched(log).items()} == {DUE + 2: DUE}
    assert commits_read(store, no_heads)[1] == [DUE + 1, DUE + 2, DUE + 3]


def test_a_deleted_checkpoint_is_made_again(objects: dict[str, bytes], heads: HeadMemory) -> None:
    """Without it the log is read from commit 1, and the next writer makes a new one."""
    del objects[KEY]
    store = with_objects(objects)
    log = open_log(store, heads)
    assert (log.state().seq, checkpoints(store)) == (LENGTH, [])
    fill(log, 1)
    assert checkpoints(store) == [LENGTH]


def forged(data: bytes, **fields: Any) -> bytes:
    """Return a checkpoint that says something else, checksum included."""
    return seal(encode({**json.loads(data)["body"], **fields}))


def evil_state(data: bytes) -> bytes:
    """Return a checkpoint whose newest version has another digest, whatever the chain says."""
    state = decode_checkpoint(data, what="the checkpoint")
    assert state is not None
    versions = dict(state.versions)
    last = list(versions)[-1]
    versions[last] = attrs.evolve(versions[last], digest=versions["2.0.0"].digest)
    return encode_checkpoint(attrs.evolve(state, versions=versions))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda _: b"",
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data.replace(b'"scheme":"semver"', b'"scheme":"sEmver"'),
        lambda _: seal(b"[]"),
        lambda _: seal(b"not json"),
        lambda data: forged(data, fold=99),
        lambda data: forged(data, seq=DUE - 1),
        lambda data: forged(data, commit="f" * 64),
        lambda data: forged(data, scheme="nonsense"),
        lambda data: forged(data, versions=[]),
        lambda data: forged(data, write_blocked="nobody may write"),
        evil_state,
    ],
)
def test_a_damaged_or_forged_checkpoint_is_passed_over(
    change: Callable[[bytes], bytes], objects: dict[str, bytes], heads: HeadMemory, no_heads: HeadMemory
) -> None:
    """Whatever it says, the log is read from commit 1, and its answer is the chain's."""
    honest = open_log(with_objects(objects), no_heads).state()
    store = with_objects({**objects, KEY: change(objects[KEY])})
    for memory in (heads, no_heads):
        state, read = commits_read(store, memory)
        assert state == honest
        assert 1 in read
        assert open_log(store, memory).check() == (honest, None)


def test_forged_checkpoints_of_other_commits_are_passed_over(
    objects: dict[str, bytes], no_heads: HeadMemory
) -> None:
    """Also where they claim to be newer than the vouched one, or than the log itself."""
    honest = open_log(with_objects(objects), no_heads).state()
    for number in (DUE + 2, LENGTH, LENGTH + 1, 10**20 - 1):
        key = numbered_key(PLACE.checkpoints, number)
        store = with_objects({**objects, key: forged(evil_state(objects[KEY]), seq=min(number, 2**53))})
        state, read = commits_read(store, no_heads)
        assert state == honest
        assert min(read) == DUE + 1


def test_a_forger_must_rewrite_the_chain_to_be_believed(
    objects: dict[str, bytes], heads: HeadMemory, no_heads: HeadMemory
) -> None:
    """Vouching for a forged checkpoint takes another commit, which does not fit the ones after it."""
    evil = evil_state(objects[KEY])
    key = numbered_key(PLACE.log, DUE + 1)
    commit = decode_commit(objects[key], what="the commit")
    named = CheckpointDigest(DUE, hashlib.sha256(evil).hexdigest())
    store = with_objects({**objects, KEY: evil, key: encode_commit(attrs.evolve(commit, checkpoint=named))})
    for memory in (heads, no_heads):
        with pytest.raises(LogTampered):
            open_log(store, memory).state()


def test_only_two_checkpoints_are_tried(objects: dict[str, bytes], no_heads: HeadMemory) -> None:
    """Somebody who fills the folder with rubbish makes reading no slower than without checkpoints."""
    rubbish = {numbered_key(PLACE.checkpoints, LENGTH + number): b"rubbish" for number in range(50)}
    watched = Watched(with_objects({**objects, **rubbish}))
    open_log(watched, no_heads).state()
    assert len([key for key in watched.read if key.startswith(PLACE.checkpoints)]) == 2


def test_an_edit_before_the_checkpoint_is_found_by_a_full_check(
    objects: dict[str, bytes], heads: HeadMemory
) -> None:
    """A cold reader does not open old commits; `check` opens all of them."""
    key = numbered_key(PLACE.log, 10)
    edited = encode_commit(attrs.evolve(decode_commit(objects[key], what="commit 10"), by="nobody"))
    log = open_log(with_objects({**objects, key: edited}), heads)
    assert log.state().seq == LENGTH
    state, fault = log.check()
    assert (state.seq, type(fault)) == (10, LogTampered)


def test_what_this_machine_saw_is_looked_up_behind_the_checkpoint(
    objects: dict[str, bytes], tmp_path: Path, no_heads: HeadMemory
) -> None:
    """A machine that saw commit 10 opens that one too, and refuses the log if it is another or gone."""
    heads = HeadMemory(tmp_path / "early")
    early = {
        numbered_key(PLACE.log, number): objects[numbered_key(PLACE.log, number)] for number in range(1, 11)
    }
    key = numbered_key(PLACE.log, 10)
    edited = encode_commit(attrs.evolve(decode_commit(objects[key], what="commit 10"), by="nobody"))
    for other in ({**objects, key: edited}, {name: data for name, data in objects.items() if name != key}):
        assert open_log(with_objects(early), heads).state().seq == 10
        with pytest.raises(RollbackDetected, match="commit 10 to be"):
            open_log(with_objects(other), heads).state()
        assert open_log(with_objects(other), no_heads).state().seq == LENGTH
    assert open_log(with_objects(objects), heads).state().seq == LENGTH


def test_a_commit_missing_after_the_checkpoint_is_found(
    objects: dict[str, bytes], no_heads: HeadMemory
) -> None:
    """Starting at a checkpoint does not hide a hole behind it."""
    del objects[numbered_key(PLACE.log, DUE + 2)]
    with pytest.raises(LogTampered, match="a commit is missing"):
        open_log(with_objects(objects), no_heads).state()


def test_a_state_from_a_checkpoint_goes_on_like_any_other(
    log: Log, store: Store, no_heads: HeadMemory
) -> None:
    """A version registered before it is known: registering it again is refused by the proposer."""

    def propose(state: State) -> Proposal:
        if "7.0.0" in state.versions:
            raise Conflict("known")
        return next_version(state)

    cold = open_log(store, no_heads)
    with pytest.raises(Conflict, match="known"):
        cold.append(propose, by="ci")
    fill(cold, 2)
    assert log.state() == cold.state()


def test_a_folder_that_can_not_be_listed_is_not_empty(store: Store, heads: HeadMemory) -> None:
    """A listing that fails is said, and not taken for a log without checkpoints and commits."""

    class Unlisted(Wrapped):
        def list(self, prefix: str, *, after: str = "") -> Any:
            """Fail."""
            raise StoreError("no permission to list", where=f"{prefix}{after}")

    fill(open_log(store, heads), 2)
    with pytest.raises(StoreError, match="no permission"):
        open_log(Unlisted(store), heads).state()


def test_a_checkpoint_that_another_thread_vouched_for_is_no_error(heads: HeadMemory) -> None:
    """Where no lock keeps writers apart; the commit stands by then, whichever step the other one comes between."""
    log = open_log(MemoryStore(uuid4().hex), heads)
    fill(log, 1)
    state, steps = log.state(), iter(range(0))

    def meanwhile(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        if frame.f_code.co_name != "_advance":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and next(steps, None) is None:
            log._vouched = None
        return meanwhile

    before = sys.gettrace()
    try:
        for moment in range(40):
            steps, log._vouched = iter(range(moment)), CheckpointDigest(1, "0" * 64)
            sys.settrace(meanwhile)
            log._advance(state)
    finally:
        sys.settrace(before)
    assert log._checkpoint == 1
