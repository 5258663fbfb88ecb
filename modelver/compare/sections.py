"""What a comparison shows a person: notices and tables of texts, the same for a terminal and a notebook."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import attrs

from modelver.compare.metrics import MetricRow, metric_label
from modelver.compare.tensors import TensorChanges, TensorRow
from modelver.values.canonical import Json, encode
from modelver.values.file import FileEntry
from modelver.values.filemap import Tensor
from modelver.values.shown import one_line
from modelver.values.sizes import format_size

if TYPE_CHECKING:
    from modelver.compare.comparison import Comparison

T = TypeVar("T")
_MAX_TEXT = 72
_LARGE = 10**15
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


@attrs.frozen
class Section:
    """A titled table.

    Attributes:
        title: What it is about.
        note: All of it in a few words.
        header: Titles of the columns.
        rows: Texts; the first is a name.
        more: The number of rows that were left out.
    """

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0


def notices(comparison: "Comparison") -> Iterator[str]:
    """Yield what a person should see first."""
    if comparison.digest_a == comparison.digest_b:
        yield "This is one version, compared with itself."
    elif comparison.identical:
        yield "The content is the same under two numbers: files and metadata."
    elif comparison.same_weights:
        yield "The weights are the same bytes under two numbers."


def sections(comparison: "Comparison", limit: int) -> Iterator[Section]:
    """Yield the tables that have something to say.

    Args:
        comparison: The comparison.
        limit: The most rows of a table; what is cut is counted.
    """
    candidates = (
        _components(comparison),
        _metrics(comparison, limit),
        _files(comparison, limit),
        *_tensors(comparison, limit),
        _fields("metadata", [(row.field, row.a, row.b) for row in comparison.metadata], limit),
        _environment(comparison, limit),
        _prompts(comparison, limit),
    )
    yield from (section for section in candidates if section.rows)


def plain(text: object, longest: int = _MAX_TEXT) -> str:
    """Return a text in one line, cut in its middle, with what a terminal would obey or not show spelled out."""
    shown = str(text)
    if len(shown) > longest:
        shown = f"{shown[: longest // 2]}…{shown[-(longest // 2) + 1 :]}"
    return one_line(shown)


def number(value: float | None) -> str:
    """Return a metric's value for people."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value == int(value) and abs(value) < _LARGE else f"{value:.6g}"


def _components(comparison: "Comparison") -> Section:
    shown = [row for row in comparison.components if row.reason != "none"]
    rows = tuple((row.component, row.status, plain(row.reason, 2 * _MAX_TEXT)) for row in shown)
    return Section("components", "", ("component", "is", "why"), rows)


def _metrics(comparison: "Comparison", limit: int) -> Section:
    moved = sorted(comparison.metrics, key=lambda row: row.a == row.b)
    verdicts = Counter(_verdict(row) for row in moved)
    note = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items() if verdict)
    rows = tuple(
        (
            plain(metric_label(row.name, row.dataset, row.slice)),
            number(row.a),
            number(row.b),
            "" if row.delta is None else f"{row.delta:+.4g}",
            _verdict(row),
        )
        for row in moved[:limit]
    )
    return Section("metrics", note, ("metric", "a", "b", "delta", ""), rows, len(moved) - len(rows))


def _verdict(row: MetricRow) -> str:
    if row.a is None or row.b is None:
        return "new" if row.a is None else "gone"
    if row.a == row.b:
        return "same"
    return "" if row.better is None else "better" if row.better else "worse"


def _files(comparison: "Comparison", limit: int) -> Section:
    found = list(comparison.files.rows())
    rows = tuple(
        (
            plain(row.path),
            kind if not (kind == "renamed" and row.a) else plain(f"renamed from {row.a.path}"),
            row.role.value,
            _sides(row.a, row.b, _size),
            _sides(row.a, row.b, lambda entry: entry.sha256[:12]),
        )
        for kind, row in found[:limit]
    )
    header = ("file", "change", "role", "size", "sha256")
    return Section("files", str(comparison.files), header, rows, len(found) - len(rows))


def _size(entry: FileEntry) -> str:
    return format_size(entry.size)


def _tensors(comparison: "Comparison", limit: int) -> Iterator[Section]:
    tensors = comparison.tensors
    before, after = tensors.parameters_a, tensors.parameters_b
    counts = f"parameters {after:,}" + (f" ({after - before:+,})" if after != before else "")
    files = list(_tensor_files(tensors))
    note = f"{str(tensors) or 'none known'}; {counts}"
    header = ("file", "tensors", "of these single values")
    yield Section("tensors", note, header, tuple(files[:limit]), max(0, len(files) - limit))
    found = sorted(
        tensors.rows(), key=lambda each: (each[1].a is None or each[1].b is None, -each[1].elements)
    )
    shown = tuple(_tensor(row, kind) for kind, row in found[:limit])
    yield Section(
        "tensors that differ, the largest first",
        "",
        ("tensor", "change", "type", "shape", "file"),
        shown,
        len(found) - len(shown),
    )


def _tensor_files(tensors: TensorChanges) -> Iterator[tuple[str, str, str]]:
    """Yield each file's numbers of tensors by kind of change: all, and those of one element."""
    every: dict[str, Counter[str]] = {}
    single: dict[str, Counter[str]] = {}
    for kind, rows in tensors.kinds().items():
        for row in rows:
            every.setdefault(row.file, Counter())[kind] += 1
            single.setdefault(row.file, Counter())[kind] += row.elements <= 1
    for same in tensors.unchanged_in:
        every.setdefault(same.file, Counter())["unchanged"] += same.count
        single.setdefault(same.file, Counter())["unchanged"] += same.single
    for file in sorted(every):
        yield plain(file), _counts(every[file]), _counts(single.get(file, Counter()))
    for file in tensors.opaque:
        yield plain(file), "not known", ""


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counter.items() if count)


def _tensor(row: TensorRow, kind: str) -> tuple[str, ...]:
    return (
        plain(row.name),
        f"{kind}: {plain(row.reason)}" if row.reason else kind,
        _sides(row.a, row.b, lambda tensor: plain(tensor.dtype)),
        _sides(row.a, row.b, _shape),
        plain(f"{row.was_in} -> {row.file}" if row.was_in else row.file),
    )


def _shape(tensor: Tensor) -> str:
    return plain(" x ".join(map(str, tensor.shape)) or "single")


def _environment(comparison: "Comparison", limit: int) -> Section:
    details = comparison.components[-1].details
    return _fields("environment", [(row.field, row.a, row.b) for row in details], limit)


def _fields(title: str, found: Sequence[tuple[str, Json, Json]], limit: int) -> Section:
    rows = tuple((plain(field), _json(a), _json(b)) for field, a, b in found[:limit])
    return Section(title, f"{len(found):,} changed", ("field", "a", "b"), rows, len(found) - len(rows))


def _prompts(comparison: "Comparison", limit: int) -> Section:
    rows = tuple(
        (plain(row.prompt), plain(", ".join(row.added) or "-"), plain(", ".join(row.removed) or "-"))
        for row in comparison.prompts[:limit]
    )
    header = ("prompt", "variables added", "removed")
    return Section("prompts", "", header, rows, len(comparison.prompts) - len(rows))


def _json(value: Json) -> str:
    if value is None:
        return "-"
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return value[:19]
    return plain(value if isinstance(value, str) else encode(value).decode())


def _sides(a: T | None, b: T | None, show: Callable[[T], str]) -> str:
    """Show a property of both sides, once where it is the same."""
    texts = [show(side) for side in (a, b) if side is not None]
    return texts[0] if texts[0] == texts[-1] else " -> ".join(texts)
