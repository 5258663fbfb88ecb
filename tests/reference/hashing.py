"""Hashing as plainly as it can be said: whole files in memory, one line for each rule."""

import hashlib
from collections.abc import Iterable
from itertools import pairwise

import xxhash

from modelver.values.filemap import FileDigest, Range

LONGEST = 64 * 2**20


def cut(start: int, end: int) -> list[int]:
    """Cut points of a stretch of bytes: its start, each 64 MiB from there, not its end."""
    return list(range(start, end, LONGEST))


def partition(size: int, spans: Iterable[tuple[int, int]] = ()) -> tuple[int, ...]:
    """Lengths of the ranges of a file, from the set of all cut points."""
    tensors = {(offset, offset + length) for offset, length in spans if length > 0}
    edges = sorted({0, size, *(edge for tensor in tensors for edge in tensor)})
    points = [point for start, end in pairwise(edges) for point in cut(start, end)]
    return tuple(end - start for start, end in pairwise([*points, size]))


def digest(data: bytes, lengths: Iterable[int] | None = None) -> FileDigest:
    """SHA-256 of all bytes and XXH3-128 of each range."""
    ranges, offset = [], 0
    for length in partition(len(data)) if lengths is None else lengths:
        part = data[offset : offset + length]
        ranges.append(Range(offset, length, xxhash.xxh3_128(part, seed=0).hexdigest()))
        offset += length
    return FileDigest(hashlib.sha256(data).hexdigest(), len(data), tuple(ranges))
