"""How far a new version has to move: what its stated content calls for, next to that of an earlier one."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import attrs

from modelver.compare.comparison import Comparison, compare
from modelver.compare.files import counted
from modelver.compare.prompts import PromptRow
from modelver.compare.sections import plain
from modelver.compare.side import Side
from modelver.compare.signature import compare_signatures
from modelver.compare.tensors import TensorRow
from modelver.values.scheme import Bump

_NAMED = 3
"""Things that a reason names; the others are counted."""


@attrs.frozen
class BumpAdvice:
    """The bump that a change calls for.

    Attributes:
        bump: ``major``, ``minor`` or ``patch``.
        reasons: Why, the weightiest first; empty where the content is the same.
    """

    bump: Bump
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.bump}: {'; '.join(self.reasons) or 'the content is the same'}"


def required_bump(a: Side, b: Side) -> BumpAdvice:
    """Tell the bump that leads from the content of `a` to that of `b`. Only what is stated counts, no provenance.

    - major: a changed interface. Tensors added, removed or reshaped; other inputs or outputs of an ONNX graph, or stated
      ones (how a free dimension is called does not count); a prompt that takes other variables, or that took variables and
      is gone.
    - minor: any file (weights, prompts, configuration, tokenizer, code, documents...) or stated dataset added, removed,
      changed or renamed. A tensor of another element type is minor: whoever calls it gives and gets the same shapes, and
      a runtime casts. So is a new prompt, since it has no callers yet.
    - patch: metadata alone, or nothing.
    """
    comparison = compare(a, b)
    major = (*_interface(comparison), *compare_signatures(a, b))
    minor = tuple(_content(comparison))
    patch = tuple(_metadata(comparison, a, b))
    if not (major or minor or patch or comparison.identical):
        patch = ("fields of a newer release changed",)
    bump: Bump = "major" if major else "minor" if minor else "patch"
    return BumpAdvice(bump, major + minor + patch)


def _interface(comparison: Comparison) -> Iterator[str]:
    tensors = comparison.tensors
    for change, rows in (
        ("removed", tensors.removed),
        ("reshaped", tensors.reshaped),
        ("added", tensors.added),
    ):
        yield from _tensors(change, rows)
    for row in comparison.prompts:
        if row.a is not None:
            yield f"prompt {plain(row.prompt)} {_variables(row)}"


def _content(comparison: Comparison) -> Iterator[str]:
    yield from _tensors("retyped", comparison.tensors.retyped)
    yield from _tensors("not comparable", comparison.tensors.unknown)
    changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for kind, file in comparison.files.rows():
        changes[file.role.value][kind] += 1
    for role, counts in sorted(changes.items()):
        yield f"{role} files: {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}"
    for row in comparison.components:
        if row.component == "data" and row.details:
            yield f"data: {_some([detail.field for detail in row.details])}"


def _metadata(comparison: Comparison, a: Side, b: Side) -> Iterator[str]:
    fields = [row.field for row in comparison.metadata]
    if a.manifest.metadata.metrics != b.manifest.metadata.metrics:
        fields.append("metrics")
    if fields:
        yield f"metadata: {_some(fields)}"


def _tensors(change: str, rows: Sequence[TensorRow]) -> Iterator[str]:
    if rows:
        yield f"{counted(len(rows), 'tensor')} {change}: {_some([row.name for row in rows])}"


def _variables(row: PromptRow) -> str:
    sides = [
        f"{verb} {_some(names)}"
        for verb, names in (("takes", row.added), ("no longer takes", row.removed))
        if names
    ]
    return " and ".join(sides)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(map(plain, names[:_NAMED])) + more
