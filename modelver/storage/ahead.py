"""Reading many objects in order: one after the other from a folder, some ahead of the reader from afar."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from modelver.storage.store import Store

_AT_ONCE = 16
"""Requests under way; each waits for the network, not for a core."""


T = TypeVar("T")
U = TypeVar("U")


def read_ahead(store: Store, keys: Iterable[str], *, limit: int) -> Iterator[bytes]:
    """Yield objects in the order of their keys; what an object raises is raised where its turn comes.

    Args:
        store: Where they are.
        keys: Which.
        limit: The most bytes that one may have.
    """
    return work_ahead(store, lambda key: store.get(key, limit=limit), keys)


def work_ahead(store: Store, work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Yield what work that asks a store gives for each item, in their order; what it raises is raised there.

    Args:
        store: What it asks.
        work: One item's work.
        items: The items.
    """
    if store.folder is not None:
        yield from map(work, items)
        return
    waiting: deque[Future[U]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="modelver-read") as pool:
        try:
            for item in items:
                waiting.append(_begun(pool, work, item))
                if len(waiting) == _AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begun(pool: ThreadPoolExecutor, work: Callable[[T], U], item: T) -> Future[U]:
    """Begin work; where no thread is to be had it is done in this one, as people are told at the process's end."""
    try:
        return pool.submit(work, item)
    except RuntimeError:
        done: Future[U] = Future()
        done.set_result(work(item))
        return done
