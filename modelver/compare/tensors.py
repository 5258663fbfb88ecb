"""How the tensors of two versions differ."""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import attrs

from modelver.values.canonical import Json
from modelver.values.filemap import Tensor

Kind: TypeAlias = Literal["changed", "added", "removed", "reshaped", "retyped", "unknown"]


@attrs.frozen
class TensorRow:
    """A tensor that differs between two versions, or may differ.

    Attributes:
        file: The file whose header names it in the second version, else in the first.
        name: Its name.
        a: The tensor in the first version; None where there is none.
        b: The tensor in the second version; None where there is none.
        was_in: Its file in the first version, where that is another one.
        reason: Why it can't be told whether it differs; empty where it can.
    """

    file: str
    name: str
    a: Tensor | None
    b: Tensor | None
    was_in: str = ""
    reason: str = ""

    @property
    def reshaped(self) -> bool:
        """Whether both versions have it, in other shapes."""
        return self.a is not None and self.b is not None and self.a.shape != self.b.shape

    @property
    def retyped(self) -> bool:
        """Whether both versions have it, with other element types."""
        return self.a is not None and self.b is not None and self.a.dtype != self.b.dtype

    @property
    def elements(self) -> int:
        """The number of elements, of the larger where they differ."""
        return max(tensor.elements for tensor in (self.a, self.b) if tensor)

    def to_dict(self) -> dict[str, Json]:
        """Return the row as plain JSON data."""
        row: dict[str, Json] = {"file": self.file, "name": self.name, "a": _json(self.a), "b": _json(self.b)}
        more = {"was_in": self.was_in, "reason": self.reason}
        return {**row, **{key: text for key, text in more.items() if text}}


def _json(tensor: Tensor | None) -> Json:
    if tensor is None:
        return None
    return {"dtype": tensor.dtype, "shape": list(tensor.shape), "elements": tensor.elements}


@attrs.frozen
class Unchanged:
    """How many tensors of one file are unchanged.

    Attributes:
        file: The file in the second version.
        count: All of them.
        single: Those of one element or none: an ONNX file has hundreds.
    """

    file: str
    count: int
    single: int


@attrs.frozen
class TensorChanges:
    """How the tensors of two versions differ; each tuple of rows is in order of file and name.

    Attributes:
        changed: Same shape and element type, other bytes.
        added: In the second version alone.
        removed: In the first version alone.
        reshaped: Other shape; a tensor may be both reshaped and retyped.
        retyped: Other element type.
        unknown: What was recorded does not tell; each row says why.
        unchanged_in: The unchanged tensors of each file.
        opaque: Weights files, added, removed or changed, of whose tensors nothing is known.
        parameters_a: The number of elements of all tensors in the first version, in all files.
        parameters_b: The same in the second version.
    """

    changed: tuple[TensorRow, ...] = ()
    added: tuple[TensorRow, ...] = ()
    removed: tuple[TensorRow, ...] = ()
    reshaped: tuple[TensorRow, ...] = ()
    retyped: tuple[TensorRow, ...] = ()
    unknown: tuple[TensorRow, ...] = ()
    unchanged_in: tuple[Unchanged, ...] = ()
    opaque: tuple[str, ...] = ()
    parameters_a: int = 0
    parameters_b: int = 0

    @property
    def unchanged(self) -> int:
        """The number of tensors that are the same, bytes and all."""
        return sum(each.count for each in self.unchanged_in)

    def kinds(self) -> dict[Kind, tuple[TensorRow, ...]]:
        """Return the rows by kind of change."""
        return {
            "changed": self.changed,
            "added": self.added,
            "removed": self.removed,
            "reshaped": self.reshaped,
            "retyped": self.retyped,
            "unknown": self.unknown,
        }

    def rows(self) -> Iterator[tuple[str, TensorRow]]:
        """Yield every row once, with the names of its changes: ``reshaped, retyped`` where both hold."""
        for kind, rows in self.kinds().items():
            for row in rows:
                if kind not in ("reshaped", "retyped") or not (row.reshaped and row.retyped):
                    yield kind, row
                elif kind == "reshaped":
                    yield "reshaped, retyped", row

    def __bool__(self) -> bool:
        return any(self.kinds().values())

    def __str__(self) -> str:
        counts: dict[str, int] = {kind: len(rows) for kind, rows in self.kinds().items()}
        counts["unchanged"] = self.unchanged
        return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)

    def to_dict(self) -> dict[str, Json]:
        """Return the changes as plain JSON data."""
        changes: dict[str, Json] = {
            kind: [row.to_dict() for row in rows] for kind, rows in self.kinds().items()
        }
        return {
            **changes,
            "unchanged": self.unchanged,
            "unchanged_in": [attrs.asdict(each) for each in self.unchanged_in],
            "opaque": list(self.opaque),
        }
