"""Many jobs at once."""

import _thread
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.hashing.parallel import Cancelled, run_largest_first
from tests import resources


@given(st.lists(st.integers(0, 100)), st.integers(1, 5))
def test_results_are_in_the_order_of_the_items(items: list[int], threads: int) -> None:
    """Whatever starts first, each result stands where its item does."""
    assert run_largest_first(items, int, lambda item, _: item * 2, threads=threads) == [
        item * 2 for item in items
    ]


def test_the_largest_start_first() -> None:
    """One thread takes the items by falling size, equal ones in their order."""
    started: list[tuple[int, str]] = []
    items = [(1, "a"), (3, "b"), (2, "c"), (3, "d")]
    run_largest_first(items, lambda item: item[0], lambda item, _: started.append(item), threads=1)
    assert started == [(3, "b"), (3, "d"), (2, "c"), (1, "a")]


def test_jobs_run_at_the_same_time() -> None:
    """As many jobs as threads wait for each other and all arrive."""
    barrier = threading.Barrier(3)
    run_largest_first([1, 2, 3], int, lambda *_: barrier.wait(60), threads=3)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_ends_the_others(threads: int) -> None:
    """Running jobs see the event, waiting ones don't start, and the error is raised when all have ended."""
    started: list[int] = []
    running = threading.Event()

    def work(item: int, cancelled: threading.Event) -> None:
        started.append(item)
        if item == 9:
            running.wait(60 if threads > 1 else 0)
            raise ValueError(item)
        running.set()
        assert cancelled.wait(60)
        raise Cancelled

    before = resources.threads()
    with pytest.raises(ValueError, match="9"):
        run_largest_first([1, 2, 8, 9], int, work, threads=threads)
    assert sorted(started) == ([8, 9] if threads > 1 else [9])
    assert resources.threads() <= before


def test_cancelling_is_no_exception_that_others_catch() -> None:
    """`except Exception` in a job lets the cancellation through."""
    assert not issubclass(Cancelled, Exception)


def test_an_interrupt_in_the_main_thread_ends_the_jobs() -> None:
    """Ctrl-C while waiting sets the event, waits for the threads, and goes on to the caller."""
    once = threading.Lock()

    def work(_: int, cancelled: threading.Event) -> None:
        if once.acquire(blocking=False):
            _thread.interrupt_main()
        assert cancelled.wait(60)
        raise Cancelled

    before = resources.threads()
    with pytest.raises(KeyboardInterrupt):
        run_largest_first([1, 2], int, work, threads=2)
    assert resources.threads() <= before


WHILE_A_THREAD_BEGINS = """
import io, os, signal, sys, threading
from modelver.hashing import ring
from modelver.hashing.stream import hash_stream

begun, child_ended = threading.Event(), threading.Event()

def begin():
    with ring._busy._lock:
        begun.set()
        child_ended.wait()

thread = threading.Thread(target=begin)
thread.start()
begun.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    hash_stream(io.BytesIO(b"1"))
    os._exit(0)
ended = os.waitpid(child, 0)[1]
child_ended.set()
thread.join()
sys.exit(ended)
"""


def test_a_child_that_was_forked_while_a_thread_begins_can_hash() -> None:
    """What the thread held it holds for ever there; the child counts anew who is at work."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", WHILE_A_THREAD_BEGINS], check=False)
    assert done.returncode == 0
