"""Many writers at once: every write is in the log once, under a number of its own, in an order that time agrees with."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import pytest

from modelver.cache.heads import HeadMemory
from modelver.errors import Corrupt
from modelver.log import Proposal
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from tests.contracts.bad_stores import IgnoredCondition, OverwritesThenComplains
from tests.log import writer
from tests.logs import fill, next_version, open_log

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]

Operation: TypeAlias = tuple[str, int, int, int]


def violations(operations: list[Operation]) -> list[str]:
    """Return what an append-only log would not do.

    An append returns a number of its own, so a history is linearizable exactly if the numbers are unique, there are
    no gaps, and an append that ended before another began has the lower number.
    """
    found = []
    numbers = sorted(seq for _, seq, _, _ in operations)
    if len(set(numbers)) != len(numbers):
        found.append("two writers were given one number")
    elif numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        found.append("a number is missing")
    highest_ended = 0
    ended = sorted(operations, key=lambda operation: operation[3])
    for _, seq, start, _ in sorted(operations, key=lambda operation: operation[2]):
        while ended and ended[0][3] < start:
            highest_ended = max(highest_ended, ended.pop(0)[1])
        if seq < highest_ended:
            found.append(f"commit {seq} began after commit {highest_ended} had ended")
    return found


@pytest.mark.parametrize(
    ("operations", "good"),
    [
        ([], True),
        ([("a", 1, 0, 10), ("b", 2, 5, 15), ("a", 3, 11, 20)], True),
        ([("a", 2, 0, 10), ("b", 1, 5, 15)], True),
        ([("a", 1, 0, 10), ("b", 1, 5, 15)], False),
        ([("a", 1, 0, 10), ("b", 3, 5, 15)], False),
        ([("a", 2, 0, 10), ("b", 1, 11, 15)], False),
        ([("a", 3, 0, 1), ("b", 1, 0, 20), ("c", 2, 2, 20)], False),
    ],
)
def test_the_checker_knows_good_from_bad(operations: list[Operation], good: bool) -> None:
    """It takes what may happen and refuses doubled, missing and late numbers."""
    assert (violations(operations) == []) is good


def check(
    operations: list[Operation], log_reader: Callable[[], list[tuple[str, str]]], expected: int
) -> None:
    """Hold what the writers were told against what the log says."""
    assert violations(operations) == []
    told = {seq: name for name, seq, _, _ in operations}
    said = log_reader()
    assert len(said) == len(set(said)) == expected
    assert {seq: name for seq, (name, _) in enumerate(said, 1) if seq in told} == told


@pytest.mark.parametrize("processes", [8])
def test_processes_without_a_lock_lose_nothing(processes: int, tmp_path: Path) -> None:
    """8 processes append 25 commits each to one folder: 200 numbers without a gap, each write there once."""
    registry, cache = tmp_path / "registry", tmp_path / "cache"
    begin = str(time.time() + 2)
    commands = [
        [sys.executable, "-m", "tests.log.writer", str(registry), str(cache), f"writer-{number}", "25", begin]
        for number in range(processes)
    ]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    operations: list[Operation] = []
    for process in running:
        output, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        operations += [tuple(operation) for operation in json.loads(output)]
    log = open_log(LocalStore(registry), HeadMemory(cache))
    check(operations, lambda: [(commit.by, commit.id) for commit, _ in log.commits()], processes * 25)
    assert log.check() == (log.state(), None)


def test_threads_lose_nothing(tmp_path: Path) -> None:
    """8 threads append 20 commits each to a store in memory, all at once."""
    store = MemoryStore(uuid4().hex)
    barrier = threading.Barrier(8)

    def work(number: int) -> list[Operation]:
        barrier.wait()
        return list(writer.append(store, tmp_path, f"writer-{number}", 20))

    with ThreadPoolExecutor(8) as pool:
        operations = [operation for done in pool.map(work, range(8)) for operation in done]
    log = open_log(store, HeadMemory(tmp_path))
    check(operations, lambda: [(commit.by, commit.id) for commit, _ in log.commits()], 160)


def test_threads_may_share_one_log(tmp_path: Path) -> None:
    """A log object has no owner: threads that share it, and its lock, lose nothing either."""
    log = open_log(MemoryStore(uuid4().hex), HeadMemory(tmp_path), tmp_path / "lock")

    def work(_: int) -> int:
        return log.append(next_version, by="ci").seq

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(work, range(100)))
    assert sorted(numbers) == list(range(1, 101))


def test_threads_may_read_a_log_while_another_one_appends(tmp_path: Path) -> None:
    """As a follower does beside a registry's other users: nothing looks damaged, whatever the moment."""
    log = open_log(MemoryStore(uuid4().hex), HeadMemory(tmp_path), tmp_path / "lock")
    log.append(next_version, by="ci")
    done = threading.Event()

    def read() -> int:
        seen = 0
        while not done.is_set():
            seen = max(seen, log.state().seq)
        return max(seen, log.state().seq)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(3) as pool:
            reading = [pool.submit(read) for _ in range(3)]
            for _ in range(60):
                log.append(next_version, by="ci")
            done.set()
            assert [each.result() for each in reading] == [61] * 3
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("kind", [IgnoredCondition, OverwritesThenComplains])
def test_a_store_that_overwrites_is_caught(kind: type[MemoryStore], tmp_path: Path) -> None:
    """Where the store breaks its contract, the same checks show it: the tests above could have failed."""
    store = kind(uuid4().hex)
    memories = [HeadMemory(tmp_path / name) for name in "ab"]
    other = open_log(store, memories[1])
    fill(other, 1)
    operations: list[Operation] = []

    def overtaken(state: object) -> Proposal:
        if not operations:
            operations.append(("other", other.append(next_version, by="other").seq, 0, 10))
        return next_version(state)  # type: ignore[arg-type] # a State

    appended = open_log(store, memories[0]).append(overtaken, by="ci")
    operations.append(("ci", appended.seq, 0, 10))
    assert violations(operations)
    with pytest.raises(Corrupt):
        open_log(store, memories[1]).state()
