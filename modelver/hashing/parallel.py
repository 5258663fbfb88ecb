"""Many jobs at once: the largest first, results in order, one error or Ctrl-C ends all."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

from modelver.hashing.ring import usable_cores

MAX_THREADS = 16
"""Threads at most: as many hash faster than the memory of large machines delivers, and keep memory bounded."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Cancelled(BaseException):
    """Ends a job whose `cancelled` event is set: control flow, not an error, so no `except Exception` keeps it."""


def run_largest_first(
    items: Sequence[Item],
    size: Callable[[Item], int],
    work: Callable[[Item, threading.Event], Result],
    *,
    threads: int | None = None,
) -> list[Result]:
    """Run a job for each item in threads, and return the results in the items' order.

    The first error, or Ctrl-C in the main thread, sets the event that every job gets; jobs that look at it end soon,
    waiting ones don't start, and the error is raised once no thread is left.

    Args:
        items: One job each.
        size: How large an item is; large ones start first, so that none is left over at the end.
        work: The job. It runs in any thread; `hash_file` takes the event as `cancelled`.
        threads: By default one for each core that this process may use, at most 16.
    """
    cancelled = threading.Event()
    waiting = deque(sorted(range(len(items)), key=lambda index: -size(items[index])))
    results: dict[int, Result] = {}
    errors: list[BaseException] = []

    def work_off() -> None:
        while not cancelled.is_set():
            try:
                index = waiting.popleft()
            except IndexError:
                return
            try:
                results[index] = work(items[index], cancelled)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
                errors.append(error)
                cancelled.set()

    count = min(threads or min(usable_cores(), MAX_THREADS), len(items))
    if count <= 1:
        work_off()
    else:
        _run_threads(work_off, count, cancelled)
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(items))]


def _run_threads(target: Callable[[], None], count: int, cancelled: threading.Event) -> None:
    ended: SimpleQueue[None] = SimpleQueue()

    def run() -> None:
        try:
            target()
        finally:
            ended.put(None)

    workers = [threading.Thread(target=run, name="modelver-worker", daemon=True) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        for _ in workers:
            _wait(ended)
    finally:
        cancelled.set()
        _join(workers)


def _join(workers: Sequence[threading.Thread]) -> None:
    # Ctrl-C may have come while a worker was being started: it is listed, but can't be joined yet.
    while left := [worker for worker in threading.enumerate() if worker in workers]:
        for worker in left:
            try:
                worker.join()
            except RuntimeError:
                time.sleep(0.001)


def _wait(ended: "SimpleQueue[None]") -> None:
    # Not by joining: before Python 3.13, Ctrl-C in Thread.join makes the next join return early. With a timeout, since
    # Windows notices Ctrl-C only between waits.
    while True:
        with suppress(Empty):
            return ended.get(timeout=0.1)
