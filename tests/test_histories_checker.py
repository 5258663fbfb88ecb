"""The checker of histories is put to the test: it accepts what good stores do, and rejects what bad ones do."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelver as mv
from modelver.cache.heads import HeadMemory
from modelver.storage import open_store
from modelver.storage.layout import number_of
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store
from tests.contracts.bad_stores import IgnoredCondition, OverwritesThenComplains, RacyCreate, StaleListing
from tests.histories_checker import Operation, faults
from tests.logs import PLACE, next_version, open_log

CLIENTS = 4
ROUNDS = 12


def appends(store: Store, client: str, heads: Path) -> Iterator[Operation]:
    """Append to a log as modelver does, until it sees that something is wrong."""
    log = open_log(store, HeadMemory(heads))
    for _ in range(ROUNDS):
        started = time.monotonic()
        try:
            done = log.append(next_version, by=client)
        except (mv.Corrupt, mv.InvalidValue, mv.NotFound):
            return
        yield Operation(started, time.monotonic(), done.seq, writes=True, client=client)


def appends_and_lists(store: Store, client: str, heads: Path) -> Iterator[Operation]:
    """Append, and trust a listing for how far the log goes, as modelver never does."""
    for operation in appends(store, client, heads):
        yield operation
        started = time.monotonic()
        seen = max((number_of(entry.key) or 0 for entry in store.list(PLACE.log)), default=0)
        yield Operation(started, time.monotonic(), seen, writes=False, client=client)


def recorded(
    store: Store, work: Callable[[Store, str, Path], Iterator[Operation]], folder: Path
) -> list[Operation]:
    """Let clients that know nothing of each other work on one store at once; return what they did."""

    def run(number: int) -> list[Operation]:
        return [*work(store, f"client {number}", folder / f"cache-{number}")]

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [operation for done in pool.map(run, range(CLIENTS)) for operation in done]


@pytest.mark.parametrize(
    ("bad", "work", "fault"),
    [
        (RacyCreate, appends, "was made twice"),
        (IgnoredCondition, appends, "was made twice"),
        (OverwritesThenComplains, appends, "was made twice"),
        (StaleListing, appends_and_lists, "had ended before"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_histories_of_bad_stores_are_rejected(
    bad: type[MemoryStore],
    work: Callable[[Store, str, Path], Iterator[Operation]],
    fault: str,
    tmp_path: Path,
) -> None:
    """What clients of a bad store did can't have happened in any order, and the checker says why."""
    for number in range(10):  # a race may end well
        found = faults(recorded(bad(uuid4().hex), work, tmp_path / str(number)))
        if any(fault in each for each in found):
            return
    pytest.fail(f"only {found}")


@pytest.mark.parametrize("work", [appends, appends_and_lists])
@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_the_histories_of_good_stores_are_accepted(
    kind: str, work: Callable[[Store, str, Path], Iterator[Operation]], tmp_path: Path
) -> None:
    """The same clients leave a history without faults, and nobody gave up."""
    store = open_store(f"memory://{uuid4().hex}" if kind == "memory" else tmp_path / "registry")
    history = recorded(store, work, tmp_path)
    assert faults(history) == []
    assert sum(operation.writes for operation in history) == CLIENTS * ROUNDS


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.booleans()), max_size=40), st.data())
def test_what_happened_one_after_the_other_is_accepted_and_any_change_is_rejected(
    calls: list[tuple[int, int, bool]], data: st.DataObject
) -> None:
    """A history of instants in order is fine however its calls are stretched; a missing or doubled commit is not."""
    history, seq = [], 0
    for at, (before, after, writes) in enumerate(calls):
        seq += writes
        history.append(Operation(10 * at - 10 * before, 10 * at + 10 * after, seq, writes))
    assert faults(data.draw(st.permutations(history))) == []
    commits = [operation for operation in history if operation.writes]
    if commits:
        chosen = data.draw(st.sampled_from(commits))
        assert faults([*history, chosen]) != []
    if len(commits) > 1:
        chosen = data.draw(st.sampled_from(commits[:-1]))
        assert f"commit {chosen.seq} is missing" in faults(each for each in history if each is not chosen)


@pytest.mark.parametrize(
    ("first", "second"),
    [((2, True), (1, True)), ((1, False), (1, True)), ((1, True), (0, False)), ((1, False), (0, False))],
    ids=["two commits", "a read of what came later", "a read that missed a commit", "a read that went back"],
)
def test_a_call_that_ended_before_another_began_comes_first(
    first: tuple[int, bool], second: tuple[int, bool]
) -> None:
    """The clock decides between calls that don't overlap, and doesn't between those that do."""
    others = [Operation(0, 100, seq) for seq in {1, 2} - {seq for seq, writes in (first, second) if writes}]
    one, other = Operation(10, 20, *first), Operation(30, 40, *second)
    assert len(faults([one, other, *others])) == 1
    assert faults([one, other._replace(start=15), *others]) == []


def test_commits_are_numbered_from_the_first() -> None:
    """A history that begins below its first number, or above it, has a fault."""
    assert faults([Operation(0, 1, 0), Operation(2, 3, 1)]) == ["commit 0 is before the first"]
    assert faults([Operation(0, 1, 3)], first=2) == ["commit 2 is missing"]
    assert faults([]) == []
