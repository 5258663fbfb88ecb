"""Which tensors of two versions are one, and whether their bytes are equal; no weights are opened."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from modelver.compare.files import FileChanges
from modelver.compare.inside import Inside, Key, usable_map
from modelver.compare.side import Side
from modelver.compare.tensors import Kind, TensorChanges, TensorRow, Unchanged
from modelver.values.file import FileEntry, Role

_Verdict: TypeAlias = tuple[tuple[Kind, ...], str]
"""The kinds of change, none where a tensor is unchanged; and why, where that can't be told."""


def compare_tensors(a: Side, b: Side, files: FileChanges) -> TensorChanges:
    """Compare tensors by file and name, and those left over by a name that each side has once.

    So a weights file is followed when it is renamed or resharded. Two tensors are equal when their shapes and element
    types are, and the fingerprints of the ranges that cover them, or when they are the same part of the same bytes.

    Args:
        a: The first version.
        b: The second version.
        files: How their files differ.
    """
    renamed = {row.a.path: row.b.path for row in files.renamed if row.a and row.b}
    there = {(entry.path, entry.sha256) for entry in b.manifest.files}
    same = {entry.path for entry in a.manifest.files if (entry.path, entry.sha256) in there}
    equal = {**renamed, **{path: path for path in same}}
    first, second = _insides(a, b, equal)
    found = _Findings(first, second)
    pairs = _pairs(first, second, renamed)
    for one, other in pairs.items():
        found.pair(one, other)
    blind_a, opaque_a = _not_seen(first, second, set(equal))
    blind_b, opaque_b = _not_seen(second, first, set(equal.values()))
    for one in first.tensors.keys() - pairs.keys():
        found.gone(one, blind_b)
    for other in second.tensors.keys() - set(pairs.values()):
        found.new(other, blind_a)
    return found.changes(opaque_a | opaque_b)


def _insides(a: Side, b: Side, equal: Mapping[str, str]) -> tuple[Inside, Inside]:
    """Give equal files one map: of two parsers, the better one finds more tensors."""
    first, second = (
        {entry.path: found for entry in side.manifest.files if (found := usable_map(side, entry))}
        for side in (a, b)
    )
    for path, other in equal.items():
        maps = [found for found in (first.get(path), second.get(other)) if found]
        best = max(maps, key=lambda found: len(found.tensors), default=None)
        if best and (path == other or not any(tensor.file for tensor in best.tensors)):
            first[path] = second[other] = best
    return Inside(a, first), Inside(b, second)


def _pairs(a: Inside, b: Inside, renamed: Mapping[str, str]) -> dict[Key, Key]:
    """Pair tensors: by file and name, then by a name that is left over once on each side."""
    pairs: dict[Key, Key] = {}
    for path, name in a.tensors:
        other = (renamed.get(path, path), name)
        if other in b.tensors:
            pairs[path, name] = other
    left_a = _by_name(a.tensors.keys() - pairs.keys())
    left_b = _by_name(b.tensors.keys() - set(pairs.values()))
    for name in left_a.keys() & left_b.keys():
        if len(left_a[name]) == len(left_b[name]) == 1:
            pairs[left_a[name][0]] = left_b[name][0]
    return pairs


def _by_name(keys: set[Key]) -> Mapping[str, list[Key]]:
    found = defaultdict(list)
    for key in keys:
        found[key[1]].append(key)
    return found


def _not_seen(mine: Inside, other: Inside, equal: set[str]) -> tuple[str, set[str]]:
    """Find weights files that are not in the other version and of whose tensors nothing is known.

    Returns:
        One that may hold any tensor that seems to be missing here, for there is no usable map of it, or none of the
        parser that the other version's map is of (empty where there is none); and all of them.
    """
    opaque = {
        entry.path
        for entry in mine.entries.values()
        if entry.role is Role.WEIGHTS and entry.path not in equal and not _format(mine, entry)
    }
    blind = [
        path
        for path in opaque
        if path not in mine.maps or (path in other.maps and _format(other, other.entries[path]))
    ]
    return min(blind, default=""), opaque


def _format(inside: Inside, entry: FileEntry) -> str:
    return inside.maps[entry.path].format if entry.path in inside.maps else ""


class _Findings:
    """Gathers what is found of each tensor."""

    def __init__(self, a: Inside, b: Inside) -> None:
        self._a = a
        self._b = b
        self._rows: dict[Kind, list[TensorRow]] = defaultdict(list)
        self._unchanged: Counter[str] = Counter()
        self._single: Counter[str] = Counter()

    def pair(self, one: Key, other: Key) -> None:
        """Take a tensor that both versions have."""
        before, after = self._a.tensors[one], self._b.tensors[other]
        kinds, reason = _judge(self._a, one, self._b, other)
        if not kinds:
            self._unchanged[other[0]] += 1
            self._single[other[0]] += after.elements <= 1
            return
        was_in = one[0] if one[0] != other[0] else ""
        row = TensorRow(other[0], other[1], before, after, was_in=was_in, reason=reason)
        for kind in kinds:
            self._rows[kind].append(row)

    def gone(self, key: Key, blind: str) -> None:
        """Take a tensor that the first version has alone, unless it is in a file that can't be seen into."""
        self._alone("removed", TensorRow(*key, self._a.tensors[key], None, reason=_perhaps(blind, self._b)))

    def new(self, key: Key, blind: str) -> None:
        """Take a tensor that the second version has alone, likewise."""
        self._alone("added", TensorRow(*key, None, self._b.tensors[key], reason=_perhaps(blind, self._a)))

    def _alone(self, kind: Kind, row: TensorRow) -> None:
        self._rows["unknown" if row.reason else kind].append(row)

    def changes(self, opaque: set[str]) -> TensorChanges:
        """Return what was found."""
        rows = {
            kind: tuple(sorted(rows, key=lambda row: (row.file, row.name)))
            for kind, rows in self._rows.items()
        }
        unchanged = tuple(
            Unchanged(file, count, self._single[file]) for file, count in sorted(self._unchanged.items())
        )
        return TensorChanges(
            **rows,
            unchanged_in=unchanged,
            opaque=tuple(sorted(opaque)),
            parameters_a=self._a.parameters,
            parameters_b=self._b.parameters,
        )


def _perhaps(blind: str, inside: Inside) -> str:
    return f"perhaps in {blind} of {inside.ref}, of whose tensors nothing is known" if blind else ""


def _judge(a: Inside, one: Key, b: Inside, other: Key) -> _Verdict:
    """Compare a tensor of two versions: headers first, then bytes."""
    before, after = a.tensors[one], b.tensors[other]
    if before.shape != after.shape:
        return (("reshaped",) if before.dtype == after.dtype else ("reshaped", "retyped")), ""
    if before.dtype != after.dtype:
        return ("retyped",), ""
    return _judge_bytes(a, one, b, other) if before.length == after.length else (("changed",), "")


def _judge_bytes(a: Inside, one: Key, b: Inside, other: Key) -> _Verdict:
    """Compare as many bytes of a tensor in two versions."""
    before, after = a.tensors[one], b.tensors[other]
    place_a, place_b = before.file or one[0], after.file or other[0]
    sha256 = a.sha256(place_a)
    same_part = sha256 is not None and sha256 == b.sha256(place_b) and before.offset == after.offset
    if same_part or not before.length:
        return (), ""
    run_a, run_b = a.run(one[0], before), b.run(other[0], after)
    if run_a is None or run_b is None:
        lacking = f"{place_a} of {a.ref}" if run_a is None else f"{place_b} of {b.ref}"
        return ("unknown",), f"no fingerprints of this tensor alone in the map of {lacking}"
    if [length for length, _ in run_a] != [length for length, _ in run_b]:
        return ("unknown",), "fingerprints of other ranges in the two versions"
    return (() if run_a == run_b else ("changed",)), ""
