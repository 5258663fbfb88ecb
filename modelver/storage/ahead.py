"""Reading many objects in order: one after the other from a folder, some ahead of the reader from afar."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from modelver.storage.store import Store

_AT_ONCE = 16
"""Requests under way; each waits for the network, not for a core."""


def read_ahead(store: Store, keys: Iterable[str], *, limit: int) -> Iterator[bytes]:
    """Yield objects in the order of their keys; what an object raises is raised where its turn comes.

    Args:
        store: Where they are.
        keys: Which.
        limit: The most bytes that one may have.
    """
    if store.folder is not None:
        yield from (store.get(key, limit=limit) for key in keys)
        return
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="modelver-read") as pool:
        try:
            for key in keys:
                waiting.append(pool.submit(store.get, key, limit=limit))
                if len(waiting) == _AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
