"""One pass over a source gives its SHA-256, the fingerprints of its ranges and, where asked for, its copy."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from modelver.errors import InvalidValue, StoreError
from modelver.hashing.algorithm import BUFFER, SMALL_BUFFER, SMALL_FILE, partition
from modelver.hashing.fingerprint import Fingerprinter, changed_ranges
from modelver.hashing.parallel import Cancelled
from modelver.hashing.ring import Ring, Step
from modelver.hashing.source import (
    Readable,
    check_unchanged,
    open_source,
    read,
    settled_status,
    source_changed,
)
from modelver.values.filemap import FileDigest

WRITE_BACK = 8 * 2**20
"""Bytes of a copy after which the disk is asked to start on them, so that little is left for the final fsync."""


def hash_file(
    path: str | os.PathLike[str],
    *,
    lengths: Sequence[int] | None = None,
    sink: int | None = None,
    on_bytes: Callable[[int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> FileDigest:
    """Hash a file in one pass.

    It takes a few megabytes of memory whatever the file's size, and SHA-256 in one thread is what limits its speed.

    Args:
        path: A regular file; symbolic links are followed.
        lengths: Lengths of its ranges in bytes, as `partition` gives them; a range each 64 MiB by default.
        sink: A descriptor open for writing that gets a copy of the very bytes that are hashed. It is not synced.
        on_bytes: Called in this thread with the number of bytes after each reading, 2 MiB at most.
        cancelled: Once set, the work stops with `Cancelled` before the next reading.

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is a folder, a named pipe or a device.
        SourceChanged: It was written to, replaced or removed meanwhile, or its size is not the sum of `lengths`.
        StoreError: It can't be read, or the copy can't be written.
    """
    path = Path(path)
    with open_source(path) as file:
        before = settled_status(file)
        small = before.st_size < SMALL_FILE
        buffer = min(SMALL_BUFFER, before.st_size + 1) if small else BUFFER
        ranges = partition(before.st_size) if lengths is None else lengths
        one_pass = _Pass(str(path), ranges, sink, on_bytes, cancelled)
        digest = one_pass.over(file, buffer, threads=not small)
    if not check_unchanged(path, before):
        _check_same_bytes(path, before, digest)
    return digest


def hash_stream(
    source: Readable,
    *,
    where: str = "stream",
    lengths: Sequence[int] | None = None,
    sink: int | None = None,
    on_bytes: Callable[[int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> FileDigest:
    """Hash what a binary file object still has to give, as `hash_file` does.

    Args:
        source: Read to its end and left open.
        where: What the source is called in messages.
        lengths: As for `hash_file`.
        sink: As for `hash_file`.
        on_bytes: As for `hash_file`.
        cancelled: As for `hash_file`.

    Raises:
        InvalidValue: The source is non-blocking and had nothing to give.
        SourceChanged: It gave more or less than the sum of `lengths`.
        StoreError: It can't be read, or the copy can't be written.
    """
    return _Pass(where, lengths, sink, on_bytes, cancelled).over(source, BUFFER, threads=True)


def hash_bytes(data: bytes | bytearray | memoryview, *, lengths: Sequence[int] | None = None) -> FileDigest:
    """Hash bytes in memory.

    Args:
        data: The content of a file.
        lengths: As for `hash_file`.

    Raises:
        InvalidValue: The sum of `lengths` is not the number of bytes.
    """
    view = memoryview(data).cast("B")
    if lengths is not None and sum(lengths) != len(view):
        raise InvalidValue("ranges don't cover the bytes", expected=len(view), found=sum(lengths))
    fingerprints = Fingerprinter(lengths)
    fingerprints.update(view)
    return FileDigest(hashlib.sha256(view).hexdigest(), len(view), fingerprints.finish())


def _check_same_bytes(path: Path, before: os.stat_result, digest: FileDigest) -> None:
    """Settle a change of nothing but ctime, as `check_unchanged` has it, by a second reading at memory speed."""
    if changed_ranges(path, digest.ranges, threads=1):
        raise source_changed(path, found="other bytes on a second reading")
    check_unchanged(path, before)


@attrs.frozen
class _Pass:
    """What `hash_file` and `hash_stream` were asked for."""

    where: str
    lengths: Sequence[int] | None
    sink: int | None
    on_bytes: Callable[[int], None] | None
    cancelled: threading.Event | None

    def over(self, source: Readable, buffer_size: int, *, threads: bool) -> FileDigest:
        sha256 = hashlib.sha256()
        fingerprints = Fingerprinter(self.lengths)
        steps: list[Step] = [sha256.update]
        if self.sink is not None:
            steps.append(_Writer(self.sink, self.where))
        size = 0
        with Ring(steps, buffer_size, threads=threads) as ring:
            for chunk in self._chunks(source, ring):
                size += len(chunk)
                ring.pass_on(chunk)
                fingerprints.update(chunk)
                if self.on_bytes is not None:
                    self.on_bytes(len(chunk))
            ring.finish()
        return FileDigest(sha256.hexdigest(), size, fingerprints.finish())

    def _chunks(self, source: Readable, ring: Ring) -> Iterator[memoryview]:
        """Read to the end, which must be where the ranges end."""
        expected = None if self.lengths is None else sum(self.lengths)
        size = 0
        while chunk := read(source, ring.buffer(), self.where):
            if self.cancelled is not None and self.cancelled.is_set():
                raise Cancelled
            size += len(chunk)
            if expected is not None and size > expected:
                break
            yield chunk
        if expected is not None and size != expected:
            raise source_changed(
                self.where,
                expected=f"{expected} bytes",
                found=f"{size} bytes" if size < expected else "more",
            )


class _Writer:
    """Writes buffers to a descriptor, and has the disk start on them early."""

    def __init__(self, descriptor: int, where: str) -> None:
        self._descriptor = descriptor
        self._where = where
        self._written = 0
        self._started = 0

    def __call__(self, chunk: memoryview) -> None:
        try:
            while chunk:
                count = os.write(self._descriptor, chunk)
                self._written += count
                chunk = chunk[count:]
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise StoreError(
                "copy can't be written",
                where=self._where,
                found=error.strerror,
                hint="Free some space, then try again." if full else "Check the disk of the registry.",
            ) from error
        if self._written - self._started >= WRITE_BACK:
            self._start_disk()

    def _start_disk(self) -> None:
        # On Linux this advice starts writing dirty pages without waiting, and drops only clean ones. Each page is named
        # once, while it is dirty, so the copy stays in the page cache.
        if hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                length = self._written - self._started
                os.posix_fadvise(self._descriptor, self._started, length, os.POSIX_FADV_DONTNEED)
        self._started = self._written
