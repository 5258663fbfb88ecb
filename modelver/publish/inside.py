"""What changed inside a version: tensors in a few words, prompts line by line."""

import difflib
from collections.abc import Iterator

from modelver.compare import Comparison, Side
from modelver.compare.files import FileRow
from modelver.compare.tensors import TensorChanges
from modelver.values.canonical import Json
from modelver.values.file import Role, prompt_name

MAX_TENSORS = 20
"""Tensors that are named; the others are counted."""

MAX_DIFF = 200
"""Lines of one prompt's difference that are shown."""

_MAX_COMPARED = 2_000
"""Lines of a prompt beyond which it is not compared line by line: that takes a time that grows with their square."""


def tensor_summary(tensors: TensorChanges) -> dict[str, Json]:
    """Return how the tensors differ: ``summary``, ``parameters_a``, ``parameters_b``, and the largest by name."""
    rows = sorted(tensors.rows(), key=lambda each: -each[1].elements)
    named: list[Json] = [
        {"name": row.name, "file": row.file, "change": kind} for kind, row in rows[:MAX_TENSORS]
    ]
    return {
        "summary": str(tensors),
        "parameters_a": tensors.parameters_a,
        "parameters_b": tensors.parameters_b,
        "named": named,
        "more": max(0, len(rows) - MAX_TENSORS),
    }


def prompt_changes(a: Side, b: Side, comparison: Comparison) -> list[Json]:
    """Return the prompts that differ: ``prompt``, ``path``, ``change``, ``variables_added``, ``variables_removed``, ``diff``."""
    variables = {row.prompt: row for row in comparison.prompts}
    found: list[Json] = []
    for kind, row in comparison.files.rows():
        if row.role is Role.PROMPT and kind != "renamed":
            name = prompt_name(row.path)
            told = variables.get(name)
            found.append(
                {
                    "prompt": name,
                    "path": row.path,
                    "change": kind,
                    "variables_added": list(told.added) if told else [],
                    "variables_removed": list(told.removed) if told else [],
                    "diff": "\n".join(_diff(a, b, row)),
                }
            )
    return found


def _diff(a: Side, b: Side, row: FileRow) -> Iterator[str]:
    """Yield the lines of a difference; nothing where a text is not at hand."""
    if (row.a and row.a.path not in a.prompts) or (row.b and row.b.path not in b.prompts):
        return
    before = a.prompts[row.a.path].splitlines() if row.a else []
    after = b.prompts[row.b.path].splitlines() if row.b else []
    if max(len(before), len(after)) > _MAX_COMPARED:
        yield "too long to be compared line by line"
        return
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    yield from lines[:MAX_DIFF]
    if len(lines) > MAX_DIFF:
        yield f"... and {len(lines) - MAX_DIFF:,} more lines"
