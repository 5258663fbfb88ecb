"""Tampering at every place of a log of 30 commits: what is found, by whom, and what a chain alone can't show."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import attrs
import pytest

from modelver.cache.heads import HeadMemory
from modelver.errors import Corrupt, LogTampered, RollbackDetected
from modelver.history.commit import commit_digest, decode_commit, encode_commit
from modelver.log import Log
from modelver.storage.layout import numbered_key
from modelver.storage.memory import MemoryStore
from tests.histories import ROOT
from tests.logs import PLACE, fill, open_log

LENGTH = 30

Objects = list[bytes]
Tampering = Callable[[Objects, int], Objects]


def changed(data: bytes, **fields: object) -> bytes:
    """Return a commit with other fields and a valid checksum, as somebody with the code would make it."""
    return encode_commit(attrs.evolve(decode_commit(data, what="a commit"), **fields))


def relinked(objects: Objects, start: int) -> Objects:
    """Link commits again from an index on, so that the chain holds."""
    linked = objects[:start]
    for number, data in enumerate(objects[start:], start + 1):
        parent = commit_digest(linked[-1]) if linked else ROOT
        linked.append(changed(data, seq=number, parent=parent))
    return linked


def flip(objects: Objects, index: int) -> Objects:
    """Flip one bit."""
    data = bytearray(objects[index])
    data[len(data) // 2] ^= 1
    return [*objects[:index], bytes(data), *objects[index + 1 :]]


def edit(objects: Objects, index: int) -> Objects:
    """Change what a commit says, checksum included."""
    return [*objects[:index], changed(objects[index], by="nobody"), *objects[index + 1 :]]


def delete(objects: Objects, index: int) -> Objects:
    """Take a commit out and close the gap, numbers included, but not the chain."""
    rest = [changed(data, seq=number) for number, data in enumerate(objects[index + 1 :], index + 1)]
    return objects[:index] + rest


def insert(objects: Objects, index: int) -> Objects:
    """Put a commit in before another, and renumber the rest."""
    return delete([*objects[:index], objects[index], objects[index], *objects[index:]], index)


def swap(objects: Objects, index: int) -> Objects:
    """Let two neighbours change places, numbers included."""
    one = min(index, len(objects) - 2)
    other = one + 1
    swapped = list(objects)
    swapped[one] = changed(objects[other], seq=one + 1)
    swapped[other] = changed(objects[one], seq=other + 1)
    return swapped


def replay_old(objects: Objects, index: int) -> Objects:
    """Add an old commit again at the end."""
    return [*objects, changed(objects[index], seq=len(objects) + 1)]


def fork(objects: Objects, index: int) -> Objects:
    """Rewrite everything from a commit on, with a chain that holds."""
    return relinked([*objects[:index], changed(objects[index], by="nobody"), *objects[index + 1 :]], index)


def truncate(objects: Objects, index: int) -> Objects:
    """Cut the end off."""
    return objects[:index]


BREAKS_THE_CHAIN = [flip, edit, delete, insert, swap, replay_old]
KEEPS_THE_CHAIN = [fork, truncate]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """Give the stored bytes of an honest log."""
    store = MemoryStore(uuid4().hex)
    fill(open_log(store, HeadMemory(tmp_path_factory.mktemp("cache"))), LENGTH)
    return [store.get(numbered_key(PLACE.log, number), limit=2**20) for number in range(1, LENGTH + 1)]


def log_of(objects: Objects, heads: HeadMemory) -> Log:
    """Put commits into a store of their own and open the log."""
    store = MemoryStore(uuid4().hex)
    for number, data in enumerate(objects, 1):
        store.put_new(numbered_key(PLACE.log, number), data)
    return open_log(store, heads)


def is_found(log: Log, index: int) -> bool:
    """Whether a reader, and a full check, refuse the log; the check gets as far as the log is good."""
    try:
        log.state()
    except Corrupt:
        state, fault = log.check()
        assert isinstance(fault, Corrupt)
        assert state.seq >= index - 1 or isinstance(fault, RollbackDetected)
        return True
    assert log.check()[1] is None
    return False


@pytest.mark.parametrize("tamper", BREAKS_THE_CHAIN + KEEPS_THE_CHAIN)
def test_a_machine_that_saw_the_log_finds_everything(
    tamper: Tampering, original: Objects, heads: HeadMemory
) -> None:
    """At every index: who remembers the head finds every change, also those that keep the chain whole."""
    assert log_of(original, heads).state().seq == LENGTH
    found = [is_found(log_of(tamper(original, index), heads), index) for index in range(LENGTH)]
    assert found == [True] * LENGTH


@pytest.mark.parametrize("tamper", BREAKS_THE_CHAIN)
def test_a_stranger_finds_what_breaks_the_chain(
    tamper: Tampering, original: Objects, no_heads: HeadMemory
) -> None:
    """Without a memory the chain alone shows it, except at the very end, where editing and deleting is rewriting it."""
    assert log_of(original, no_heads).state().seq == LENGTH
    found = [is_found(log_of(tamper(original, index), no_heads), index) for index in range(LENGTH)]
    at_the_end = tamper not in {edit, delete}
    assert found == [True] * (LENGTH - 1) + [at_the_end]


@pytest.mark.parametrize("tamper", KEEPS_THE_CHAIN)
def test_a_stranger_can_not_see_what_keeps_the_chain(
    tamper: Tampering, original: Objects, no_heads: HeadMemory
) -> None:
    """A cut end and a rewritten one look like an honest log to who never saw another: hence the memory, and signed heads."""
    assert not any(is_found(log_of(tamper(original, index), no_heads), index) for index in range(LENGTH))


def test_a_machine_that_saw_less_still_finds_a_rewritten_past(original: Objects, heads: HeadMemory) -> None:
    """Who saw ten commits accepts twenty more, and refuses a log whose tenth is another."""
    assert log_of(original[:10], heads).state().seq == 10
    assert is_found(log_of(fork(original, 4), heads), 4)
    assert not is_found(log_of(original, heads), 0)
    assert is_found(log_of(original[:10], heads), 10)


def test_a_running_process_finds_what_is_tampered_with_behind_its_head(
    original: Objects, heads: HeadMemory
) -> None:
    """A process that goes on reading refuses a next commit that does not follow its own head."""
    store = MemoryStore(uuid4().hex)
    for number, data in enumerate(original[:10], 1):
        store.put_new(numbered_key(PLACE.log, number), data)
    log = open_log(store, heads)
    assert log.state().seq == 10
    store.put_new(numbered_key(PLACE.log, 11), fork(original, 9)[10])
    with pytest.raises(Corrupt):
        log.state()


def test_a_chain_that_holds_but_says_what_can_not_be_is_found(
    original: Objects, no_heads: HeadMemory
) -> None:
    """Somebody with the code may link commits that contradict each other; the check gets as far as they make sense."""
    twice = relinked([*original[:20], original[5], *original[20:]], 20)
    times = [
        decode_commit(original[0], what="commit 1").at + timedelta(days=number) for number in range(LENGTH)
    ]
    later = [
        *twice[:20],
        *(changed(data, at=time) for data, time in zip(twice[20:], times[1:], strict=False)),
    ]
    log = log_of(relinked(later, 20), no_heads)
    with pytest.raises(LogTampered, match=r"registers version 6\.0\.0 twice"):
        log.state()
    state, fault = log.check()
    assert (state.seq, type(fault)) == (20, LogTampered)


def test_a_single_commit_is_checked_too(original: Objects, heads: HeadMemory) -> None:
    """Reading one commit checks its bytes and its place."""
    with pytest.raises(Corrupt, match="do not match their own checksum"):
        log_of(flip(original, 7), heads).commit(8)
    moved = log_of([*original[:5], original[6]], heads)
    with pytest.raises(Corrupt, match="names another number"):
        moved.commit(6)


def test_a_forgetful_cache_is_no_false_alarm(original: Objects, tmp_path: Path) -> None:
    """A user who loses the cache reads on as a stranger."""
    first = HeadMemory(tmp_path / "one")
    assert log_of(original, first).state().seq == LENGTH
    assert log_of(original, HeadMemory(tmp_path / "two")).state().seq == LENGTH
