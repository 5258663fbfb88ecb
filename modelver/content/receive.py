"""Blobs of a remote store into local files: ranges in parallel, verified on the way, gone on with after a break."""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Self

from modelver.content.blobs import damaged
from modelver.errors import IntegrityError, StoreError
from modelver.hashing.algorithm import BUFFER
from modelver.hashing.parallel import Cancelled
from modelver.storage.layout import blob_key
from modelver.storage.store import Store
from modelver.storage.temporary import OPEN_AS_IS
from modelver.values.digest import Digest

RANGE = 16 * 2**20
"""Bytes that are asked for at once; measured as for uploads."""

_RANGES_AT_ONCE = 8
_RANGES_WAITING = 2
_MODE = 0o666  # less the umask, as everywhere; `load(..., to=...)` keeps it


class Receiver:
    """Fetches blobs; any number of threads may. As a context manager it ends its own threads.

    Args:
        store: Where they are.
        on_bytes: Told of bytes that are here and hashed, by several threads at once.
    """

    def __init__(self, store: Store, on_bytes: Callable[[int], None] | None = None) -> None:
        self._store = store
        self._on_bytes = on_bytes
        self._pool = ThreadPoolExecutor(_RANGES_AT_ONCE, thread_name_prefix="modelver-receive")
        self._writers = ThreadPoolExecutor(thread_name_prefix="modelver-write")
        # Ranges in memory, of all blobs together.
        self._slots = threading.BoundedSemaphore(_RANGES_AT_ONCE + _RANGES_WAITING)

    def receive(self, digest: Digest, size: int, target: Path, cancelled: threading.Event) -> None:
        """Write a blob to a file, which is whole and verified when this returns.

        Args:
            digest: Its SHA-256.
            size: Its bytes.
            target: Where an earlier try was broken off, the file holds the first bytes: they are hashed, not fetched.
                It always holds a beginning of the blob, as bytes are written in order.
            cancelled: Once set, the work stops with `Cancelled`; the file stays for another try.

        Raises:
            NotFound: The store has no such blob.
            IntegrityError: The bytes are not those that its name promises; the file is removed.
            StoreError: The store can't be read, or the file can't be written.
        """
        for fresh in (False, True):
            began = 0
            try:
                with FileIO(target, "ab+", opener=_open_as_is) as file:
                    if fresh:
                        file.truncate(0)
                    began, found = self._complete(file, digest, size, cancelled)
            except IntegrityError:  # of another size, which no other try can mend
                target.unlink(missing_ok=True)
                raise
            except OSError as error:
                raise StoreError(
                    "a download can't be written", where=target, found=error.strerror or error, hint=_FREE
                ) from error
            if found == digest.hex:
                return
            if not began:
                break
        target.unlink(missing_ok=True)
        raise damaged(self._store, digest, expected=digest.short, found=found[:12])

    def check(self, digest: Digest, size: int, cancelled: threading.Event) -> None:
        """Read a blob, and keep nothing of it.

        Raises:
            NotFound: The store has no such blob.
            IntegrityError: The bytes are not those that its name promises.
            StoreError: The store can't be read.
        """
        sha256 = hashlib.sha256()
        self._fetch(digest, 0, size, sha256.update, cancelled)
        found = Digest.from_hex(sha256.hexdigest())
        if found != digest:
            raise damaged(self._store, digest, expected=digest.short, found=found.short)

    def _complete(
        self, file: FileIO, digest: Digest, size: int, cancelled: threading.Event
    ) -> tuple[int, str]:
        """Hash what a file holds, fetch the rest; return where that began, and the SHA-256 of all."""
        sha256 = hashlib.sha256()
        file.seek(0)
        began = 0
        buffer = memoryview(bytearray(min(BUFFER, size)))
        while began < size and (count := file.readinto(buffer[: size - began])):
            sha256.update(buffer[:count])
            began += count
        file.truncate(began)
        self._tell(began)

        def take(data: bytes) -> None:
            written = self._writers.submit(_write, file, data)
            sha256.update(data)
            written.result()

        self._fetch(digest, began, size, take, cancelled)
        return began, sha256.hexdigest()

    def _fetch(
        self,
        digest: Digest,
        offset: int,
        size: int,
        take: Callable[[bytes], None],
        cancelled: threading.Event,
    ) -> None:
        """Fetch a blob from an offset on, and hand its ranges over in order."""
        waiting: deque[Future[bytes]] = deque()
        stop = threading.Event()
        try:
            while offset < size or waiting:
                if cancelled.is_set():
                    raise Cancelled
                # Whoever has nothing on its way waits for a place; others take one only where it is free.
                while offset < size and self._slots.acquire(blocking=not waiting):
                    length = min(RANGE, size - offset)
                    waiting.append(self._pool.submit(self._range, digest, offset, length, size, stop))
                    offset += length
                data = waiting[0].result()
                take(data)
                self._tell(len(data))
                waiting.popleft()
                self._slots.release()
        finally:
            stop.set()
            for each in waiting:
                if not each.cancel():
                    each.exception()
                self._slots.release()

    def _range(self, digest: Digest, offset: int, length: int, size: int, stop: threading.Event) -> bytes:
        """Fetch a range; the last one asks for a byte that must not be there."""
        if stop.is_set():
            return b""
        asked = length + (offset + length == size)
        data = self._store.read_range(blob_key(digest), offset, asked)
        if len(data) != length:
            found = f"{offset + len(data)} bytes" if len(data) < length else "more"
            raise damaged(self._store, digest, expected=f"{size} bytes", found=found)
        return data

    def _tell(self, count: int) -> None:
        if self._on_bytes is not None and count:
            self._on_bytes(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._writers.shutdown()


def _open_as_is(path: str, flags: int) -> int:
    """Open the file itself: nothing is written through a link, and no pipe is waited for."""
    return os.open(path, flags | OPEN_AS_IS, _MODE)


def _write(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) or 0 :]


_FREE = "Free space there, or choose another place: cache_dir=, $MODELVER_CACHE, or load(..., to=...)."
