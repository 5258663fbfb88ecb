"""What is computed over bytes, and where files are cut: all that decides a digest or a fingerprint."""

from collections.abc import Iterable, Iterator

from modelver.errors import InvalidValue
from modelver.values.filemap import MAX_RANGE

IDENTITY = "SHA-256"
"""The algorithm that names files and blobs (FIPS 180-4); it equals what `sha256sum` prints."""

FINGERPRINT = "XXH3-128, seed 0"
"""The algorithm that finds damage and unchanged tensors; it equals what `xxhsum -H2` prints."""

BUFFER = 2 * 2**20
"""Bytes that are read, hashed and written at a time: so many that Python's own work between them doesn't show."""

SMALL_BUFFER = 2**18
"""The same for small files, for which clearing a long buffer would show."""

SMALL_FILE = 8 * 2**20
"""Bytes below which a file gets no threads, which would cost more than they save."""


def partition(size: int, spans: Iterable[tuple[int, int]] = ()) -> tuple[int, ...]:
    """Cut a file into ranges: each tensor on its own, and what lies between them.

    A tensor longer than `MAX_RANGE` is cut each `MAX_RANGE` bytes from its own start, so equal tensors have equal
    lists of ranges wherever they sit. Headers and gaps are cut likewise, and so is a file without tensors.

    Args:
        size: The file's size in bytes.
        spans: (offset, length) of each tensor in bytes, in any order. Repeated spans count once (tensors that share
            their bytes), empty ones not at all.

    Returns:
        The lengths of the ranges in the file's order; they are positive and add up to `size`.

    Raises:
        InvalidValue: A span leaves the file, or two overlap without being equal.
    """
    if size < 0:
        raise InvalidValue("a size can't be negative", found=size)
    lengths: list[int] = []
    position = 0
    for offset, length in sorted({(offset, length) for offset, length in spans if length}):
        _check_span(offset, length, start=position, size=size)
        lengths += _cut(offset - position)
        lengths += _cut(length)
        position = offset + length
    lengths += _cut(size - position)
    return tuple(lengths)


def _check_span(offset: int, length: int, *, start: int, size: int) -> None:
    if offset < 0 or length < 0 or offset + length > size:
        raise InvalidValue(
            "tensor lies outside its file",
            where=f"bytes {offset} to {offset + length}",
            expected=f"within {size} bytes",
        )
    if offset < start:
        raise InvalidValue(
            "tensors overlap",
            where=f"bytes {offset} to {offset + length}",
            expected=f"a start at byte {start} or later",
            hint="Tensors may share all of their bytes, not some.",
        )


def _cut(length: int) -> Iterator[int]:
    whole, rest = divmod(length, MAX_RANGE)
    yield from (MAX_RANGE for _ in range(whole))
    if rest:
        yield rest
