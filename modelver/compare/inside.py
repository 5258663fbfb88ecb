"""The tensors of one version, and the fingerprints of their bytes: what its file maps tell, where they are usable."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from modelver.compare.side import Side
from modelver.values.file import FileEntry
from modelver.values.filemap import FileMap, Range, Tensor

Key: TypeAlias = tuple[str, str]
"""A tensor's file and name."""

Run: TypeAlias = tuple[tuple[int, str], ...]
"""The length and fingerprint of each range that covers a tensor, in order."""

_Span: TypeAlias = tuple[int, int]


def usable_map(side: Side, entry: FileEntry) -> FileMap | None:
    """Return the file's map, if there is one whose ranges are a partition of the file."""
    found = side.maps.get(entry.path)
    if found is None or found.size != entry.size:
        return None
    end = 0
    for each in found.ranges:
        if each.offset != end or each.length <= 0:
            return None
        end += each.length
    return found if end == found.size else None


class Inside:
    """The tensors of one version.

    Args:
        side: The version.
        maps: Its usable file maps, by path.
    """

    def __init__(self, side: Side, maps: Mapping[str, FileMap]) -> None:
        self.ref = side.ref
        self.maps = maps
        self.entries = {entry.path: entry for entry in side.manifest.files}
        self.tensors: dict[Key, Tensor] = {
            (path, tensor.name): tensor for path, each in maps.items() for tensor in each.tensors
        }
        self._spans: dict[str, set[_Span]] = {}
        for (path, _), tensor in self.tensors.items():
            self._spans.setdefault(tensor.file or path, set()).add((tensor.offset, tensor.length))
        self._runs: dict[str, dict[_Span, Run]] = {}

    @property
    def parameters(self) -> int:
        """The number of elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors.values())

    def sha256(self, path: str) -> str | None:
        """Return the SHA-256 of a file of the version."""
        return self.entries[path].sha256 if path in self.entries else None

    def run(self, path: str, tensor: Tensor) -> Run | None:
        """Return the run of ranges that covers a tensor, or None where none does exactly.

        Args:
            path: The file whose header names the tensor.
            tensor: The tensor, whose values may be in another file.
        """
        holder = tensor.file or path
        if holder not in self._runs:
            found = self.maps.get(holder)
            self._runs[holder] = _runs(found.ranges, self._spans[holder]) if found else {}
        return self._runs[holder].get((tensor.offset, tensor.length))


def _runs(ranges: Sequence[Range], spans: Iterable[_Span]) -> dict[_Span, Run]:
    """Find the run of each span in one walk over a partition; spans that overlap an earlier one have none."""
    starts = {each.offset: index for index, each in enumerate(ranges)}
    found: dict[_Span, Run] = {}
    walked = 0
    for offset, length in sorted(spans):
        if offset < walked or offset not in starts or not length:
            continue
        first = last = starts[offset]
        while last < len(ranges) and ranges[last].offset < offset + length:
            last += 1
        walked = ranges[last - 1].offset + ranges[last - 1].length
        if walked == offset + length:
            found[offset, length] = tuple((each.length, each.xxh3) for each in ranges[first:last])
    return found
