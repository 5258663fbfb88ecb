"""What a working tree has that a version has not, as findings: pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import cast

from modelver.compare import Comparison, Side
from modelver.compare.files import FileRow
from modelver.compare.metrics import metric_label
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.file import Role, prompt_name
from modelver.values.record import Metadata
from modelver.values.report import Finding

TEXTS = frozenset({Role.PROMPT, Role.CONFIG, Role.CODE})
"""Roles of files whose lines are compared."""

_COMPONENTS = {
    Role.WEIGHTS: "weights",
    Role.PROMPT: "prompts",
    Role.CONFIG: "config",
    Role.TOKENIZER: "tokenizer",
    Role.DATA: "data",
    Role.CODE: "code",
    Role.DOC: "docs",
    Role.OTHER: "other",
}
_SHOWN = 120
_NAMED = 3


def changes(
    comparison: Comparison,
    was: Side,
    tree: Side,
    texts: Mapping[str, tuple[str, str]],
    *,
    project_file: str,
    lock: str = "",
) -> Iterator[Finding]:
    """Yield what changed in the files, the datasets and the stated metadata of a working tree.

    Args:
        comparison: Of the version and the tree.
        was: The version.
        tree: The working tree.
        texts: For changed text files, by path: what the version has, and what the tree has.
        project_file: Where metadata is stated, from the project's folder.
        lock: Path of the file that pins the environment.
    """
    for kind, row in comparison.files.rows():
        component = "environment" if lock and row.path == lock else _COMPONENTS[row.role]
        yield _file(kind, row, component, comparison, texts)
    for difference in comparison.metadata:
        component = "data" if difference.field.startswith("data.") else "metadata"
        label = difference.field if component == "data" else f"metadata.{difference.field}"
        yield Finding(
            label,
            _verb(difference.a, difference.b),
            _shown(difference.a),
            _shown(difference.b),
            component,
            project_file,
        )
    yield from _metrics(was.manifest.metadata, tree.manifest.metadata, project_file)


def _file(
    kind: str,
    row: FileRow,
    component: str,
    comparison: Comparison,
    texts: Mapping[str, tuple[str, str]],
) -> Finding:
    file = row.b.path if row.b else ""
    name = f"prompt {prompt_name(row.path)}" if row.role is Role.PROMPT else component
    if kind == "renamed" and row.a:
        return Finding(row.path, f"{name}: renamed", row.a.path, row.path, component, file)
    expected, found = (entry.sha256[:12] if entry else "" for entry in (row.a, row.b))
    if row.path in texts and kind == "changed":
        line, old, new = first_difference(*texts[row.path])
        if line:
            return Finding(
                row.path,
                f"{name}: changed in line {line}",
                _around(old, new),
                _around(new, old),
                component,
                file,
                line,
            )
    more = _tensors(row.path, comparison) if row.role is Role.WEIGHTS else ""
    return Finding(row.path, f"{name}: {kind}{more}", expected, found, component, file)


def _tensors(path: str, comparison: Comparison) -> str:
    """Say which tensors of a file differ."""
    said = []
    for kind, rows in comparison.tensors.kinds().items():
        names = [row.name for row in rows if row.file == path]
        if names:
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            said.append(f"{kind} {', '.join(names[:_NAMED])}{more}")
    return f": tensors {'; '.join(said)}" if said else ""


def _metrics(a: Metadata, b: Metadata, file: str) -> Iterator[Finding]:
    first, second = ({metric.key: metric.value for metric in each.metrics} for each in (a, b))
    for key in sorted(first.keys() | second.keys()):
        old, new = first.get(key), second.get(key)
        if old != new:
            yield Finding(
                f"metrics.{metric_label(*key)}", _verb(old, new), _shown(old), _shown(new), "metadata", file
            )


def _verb(old: Json, new: Json) -> str:
    return "added" if old is None else "removed" if new is None else "changed"


def _shown(value: Json) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def first_difference(old: str, new: str) -> tuple[int, str, str]:
    """Return the number of the first line that differs, from 1, and that line on both sides; 0 where none does."""
    for number, (one, other) in enumerate(zip_longest(old.splitlines(), new.splitlines()), start=1):
        if one != other:
            return number, one or "", other or ""
    return 0, "", ""


def _around(text: str, other: str) -> str:
    """Return the part of a line where it differs from another one, in quotes, with some of what is around it."""
    same = next((at for at, pair in enumerate(zip(text, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - _SHOWN // 2)
    part = text[start : start + _SHOWN]
    return repr(("…" if start else "") + part + ("…" if start + _SHOWN < len(text) else ""))


def merged(stated: Metadata, fields: Iterable[str], version: Metadata) -> Metadata:
    """Return what the tree states, and for the fields that the project says nothing of, what the version states.

    Args:
        stated: What the project states.
        fields: The fields that it says something of.
        version: What the version states.
    """
    import attrs

    return attrs.evolve(version, **{field: getattr(stated, field) for field in fields})


def unstated(fields: Iterable[str], version: Metadata, file: str) -> Iterator[Finding]:
    """Yield a note for each field that the version states and the project says nothing of."""
    known = {*fields, "base", "code"}
    for field in cast("Mapping[str, Json]", wire.to_json(version)):
        if field not in known:
            component = "data" if field == "data" else "metadata"
            yield Finding(
                f"metadata.{field}",
                "stated in the version, but not in the project file",
                component=component,
                file=file,
            )
