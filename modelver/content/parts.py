"""A blob read in order, part by part, and its SHA-256 checked at the end: for those who keep nothing of it before."""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from modelver.content.blobs import damaged
from modelver.storage.layout import blob_key
from modelver.storage.store import Store
from modelver.values.digest import Digest

_AHEAD = 2
"""Parts that are read before they are asked for."""


def read_parts(store: Store, digest: Digest, size: int, part: int) -> Iterator[bytes]:
    """Yield a blob's bytes; whoever makes an object of them waits until the end, which raises for other bytes.

    Args:
        store: Where it is.
        digest: Its SHA-256.
        size: Its bytes.
        part: The bytes of each part but the last.

    Raises:
        NotFound: The store has no such blob.
        IntegrityError: The bytes are not those that its name promises.
    """
    sha256 = hashlib.sha256()
    for data in _parts(store, blob_key(digest), size, part):
        sha256.update(data)
        yield data
    if sha256.hexdigest() != digest.hex:
        raise damaged(store, digest, expected=digest.short, found=sha256.hexdigest()[:12])


def _parts(store: Store, key: str, size: int, part: int) -> Iterator[bytes]:
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="modelver-read") as pool:
        try:
            for offset in range(0, size, part):
                waiting.append(pool.submit(store.read_range, key, offset, min(part, size - offset)))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
