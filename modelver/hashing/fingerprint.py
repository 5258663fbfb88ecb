"""XXH3-128 over ranges: computed beside SHA-256, or checked alone, at memory speed on all cores."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import FileIO
from itertools import repeat, zip_longest
from pathlib import Path

import attrs
import xxhash

from modelver.errors import InvalidValue
from modelver.hashing.algorithm import SMALL_BUFFER
from modelver.hashing.parallel import Cancelled, run_largest_first
from modelver.hashing.source import check_unchanged, open_source, read
from modelver.values.filemap import MAX_RANGE, Range

BATCH = 32 * 2**20
"""Bytes of neighbouring ranges from which on they make a job of their own."""


class Fingerprinter:
    """Fingerprints consecutive ranges of bytes that arrive in chunks of any size.

    Args:
        lengths: The ranges' lengths in bytes; a range each 64 MiB by default, the last one shorter.
        offset: Where the first range starts in its file.

    Raises:
        InvalidValue: A length is not positive.
    """

    def __init__(self, lengths: Sequence[int] | None = None, *, offset: int = 0) -> None:
        if lengths and min(lengths) <= 0:
            raise InvalidValue("a range has a positive length", found=min(lengths))
        self._lengths = iter(repeat(MAX_RANGE) if lengths is None else lengths)
        self._ranges: list[Range] = []
        self._hash = xxhash.xxh3_128()
        self._offset = offset
        self._length = 0
        self._left = 0

    def update(self, chunk: memoryview) -> None:
        """Take the bytes that come next; at most as many as the ranges have."""
        while chunk:
            if not self._left:
                self._length = self._left = next(self._lengths)
            if len(chunk) >= self._length == self._left:
                self._close(xxhash.xxh3_128_hexdigest(chunk[: self._length]))
                chunk = chunk[self._length :]
                continue
            part = chunk[: self._left]
            self._hash.update(part)
            self._left -= len(part)
            chunk = chunk[len(part) :]
            if not self._left:
                self._close(self._hash.hexdigest())
                self._hash.reset()

    def finish(self) -> tuple[Range, ...]:
        """Return the ranges; one that was begun ends where the bytes ended."""
        if self._left:
            self._length -= self._left
            self._close(self._hash.hexdigest())
        return tuple(self._ranges)

    def _close(self, xxh3: str) -> None:
        self._ranges.append(Range(self._offset, self._length, xxh3))
        self._offset += self._length
        self._left = 0


Files = Mapping[str | os.PathLike[str], Sequence[Range]]


def changed_ranges(
    path: str | os.PathLike[str],
    ranges: Sequence[Range],
    *,
    threads: int | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> tuple[Range, ...]:
    """Return the ranges of a file whose bytes don't have the expected fingerprint; none when all is well.

    See `changed_files`, which checks many at once.
    """
    return changed_files({path: ranges}, threads=threads, on_bytes=on_bytes).get(path, ())


def changed_files(
    files: Files, *, threads: int | None = None, on_bytes: Callable[[int], None] | None = None
) -> dict[str | os.PathLike[str], tuple[Range, ...]]:
    """Check files against fingerprints, on all cores even where there is only one file.

    It finds accidental damage, not an attacker's: a fingerprint is no identity.

    Args:
        files: The expected ranges of each file, in order; what they don't cover isn't checked.
        threads: As for `run_largest_first`.
        on_bytes: Called with the number of bytes after each reading, 2 MiB at most; by several threads at once.

    Returns:
        The files that differ, each with its expected ranges that don't match or are cut off. Bytes after the last
        expected one are a range of their own, with an empty fingerprint.

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is not a regular file.
        SourceChanged: It was written to, replaced or removed meanwhile.
        StoreError: It can't be read.
    """
    check = _Check(on_bytes)
    jobs = [job for path, ranges in files.items() for job in _jobs(path, ranges)]
    found = run_largest_first(jobs, lambda job: job.length, check, threads=threads)
    changed: dict[str | os.PathLike[str], tuple[Range, ...]] = {}
    for job, differing in zip(jobs, found, strict=True):
        if differing:
            changed[job.path] = changed.get(job.path, ()) + differing
    for path, ranges in files.items():
        end = ranges[-1].offset + ranges[-1].length if ranges else 0
        if (size := check.before[path].st_size) > end:
            changed[path] = (*changed.get(path, ()), Range(end, size - end, ""))
    return changed


@attrs.frozen
class _Job:
    """Neighbouring ranges of one file."""

    path: str | os.PathLike[str]
    ranges: Sequence[Range]

    @property
    def length(self) -> int:
        return sum(each.length for each in self.ranges)


def _jobs(path: str | os.PathLike[str], ranges: Sequence[Range]) -> Iterator[_Job]:
    first = 0
    length = 0
    for index, each in enumerate(ranges):
        apart = index > first and each.offset != ranges[index - 1].offset + ranges[index - 1].length
        if apart or length >= BATCH:
            yield _Job(path, ranges[first:index])
            first, length = index, 0
        length += each.length
    yield _Job(path, ranges[first:])


class _Check:
    """The job of comparing ranges; reuses a buffer for each thread, and expects one state of each file."""

    def __init__(self, on_bytes: Callable[[int], None] | None) -> None:
        self.before: dict[str | os.PathLike[str], os.stat_result] = {}
        self._buffers: deque[memoryview] = deque()
        self._on_bytes = on_bytes

    def __call__(self, job: _Job, cancelled: threading.Event) -> tuple[Range, ...]:
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = memoryview(bytearray(SMALL_BUFFER))
        path = Path(job.path)
        with open_source(path) as file:
            before = self.before.setdefault(job.path, os.fstat(file.fileno()))
            found = self._fingerprint(file, job, buffer, cancelled)
        check_unchanged(path, before)
        self._buffers.append(buffer)
        return tuple(want for want, got in zip_longest(job.ranges, found) if want != got)

    def _fingerprint(
        self, file: FileIO, job: _Job, buffer: memoryview, cancelled: threading.Event
    ) -> tuple[Range, ...]:
        left = job.length
        offset = job.ranges[0].offset if job.ranges else 0
        fingerprints = Fingerprinter([each.length for each in job.ranges], offset=offset)
        file.seek(offset)
        while left and (chunk := read(file, buffer[:left], job.path)):
            if cancelled.is_set():
                raise Cancelled
            fingerprints.update(chunk)
            left -= len(chunk)
            if self._on_bytes is not None:
                self._on_bytes(len(chunk))
        return fingerprints.finish()
