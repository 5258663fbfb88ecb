"""Two versions side by side, as one value that shows itself."""

from typing import TYPE_CHECKING

import attrs

from modelver.compare.components import ComponentRow, compare_components
from modelver.compare.files import FileChanges, compare_files
from modelver.compare.frame import to_frame
from modelver.compare.matching import compare_tensors
from modelver.compare.metadata import Difference, compare_metadata
from modelver.compare.metrics import MetricRow, compare_metrics
from modelver.compare.prompts import PromptRow, compare_prompts
from modelver.compare.sections import Section, notices, plain, sections
from modelver.compare.side import Side
from modelver.compare.tensors import TensorChanges
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role

if TYPE_CHECKING:
    import pandas as pd

_TEXT_ROWS = 12
_HTML_ROWS = 25


@attrs.frozen(repr=False)
class Comparison:
    """What differs between two versions, `a` and `b`; ``str()`` is for people, `to_dict` for programs.

    Attributes:
        a: Reference of the first version, ``name:version``.
        b: Reference of the second version.
        digest_a: The digest of the first version.
        digest_b: The digest of the second version.
        identical: Whether the content is the same: files and metadata, whatever the number and the changelog.
        same_weights: Whether there are weights files, and their bytes are the same, whatever their names.
        files: Files added, removed, changed, renamed.
        components: Each component: the same or not, and why; data, code and environment with details.
        metadata: Stated fields that differ.
        metrics: All metrics of both, those recorded later too.
        tensors: Tensors changed, added, removed, reshaped, retyped.
        prompts: Prompts whose variables differ.
    """

    a: str
    b: str
    digest_a: Digest
    digest_b: Digest
    identical: bool
    same_weights: bool
    files: FileChanges
    components: tuple[ComponentRow, ...]
    metadata: tuple[Difference, ...]
    metrics: tuple[MetricRow, ...]
    tensors: TensorChanges
    prompts: tuple[PromptRow, ...]

    def to_dict(self) -> dict[str, Json]:
        """Return all of it as plain JSON data."""
        parameters = (self.tensors.parameters_a, self.tensors.parameters_b)
        return {
            "a": self.a,
            "b": self.b,
            "digests": {"a": str(self.digest_a), "b": str(self.digest_b)},
            "identical": self.identical,
            "same_weights": self.same_weights,
            "files": self.files.to_dict(),
            "components": {row.component: row.to_dict() for row in self.components},
            "metadata": [row.to_dict() for row in self.metadata],
            "metrics": [row.to_dict() for row in self.metrics],
            "tensors": self.tensors.to_dict(),
            "parameters": {
                "a": parameters[0],
                "b": parameters[1],
                "delta": parameters[1] - parameters[0],
            },
            "prompts": [row.to_dict() for row in self.prompts],
        }

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each metric, and one for each tensor that differs.

        Its columns: ``kind`` (``metric`` or ``tensor``), ``name``, ``file``, ``dataset``, ``slice``, ``change``; of
        metrics ``a``, ``b``, ``delta``, ``better``; of tensors ``dtype``, ``shape`` and ``elements``, each with ``_a``
        and ``_b``.

        Raises:
            InvalidValue: pandas is not installed.
        """
        return to_frame(self.metrics, self.tensors)

    def __str__(self) -> str:
        parts = [f"{plain(self.a)} -> {plain(self.b)}", *notices(self)]
        parts += [_text(section) for section in sections(self, _TEXT_ROWS)]
        return "\n".join(parts)

    def __repr__(self) -> str:
        state = "identical" if self.identical else "different"
        return f"<Comparison {plain(self.a)} -> {plain(self.b)}: {state}>"

    def _repr_html_(self) -> str:
        parts = [html.heading(f"{self.a} → {self.b}", f"{self.digest_a.short} → {self.digest_b.short}")]
        parts += [html.line(notice) for notice in notices(self)]
        parts += [_html(section) for section in sections(self, _HTML_ROWS)]
        return "".join(parts)


def compare(a: Side, b: Side) -> Comparison:
    """Compare two versions without opening any file of theirs."""
    files = compare_files(a.manifest.files, b.manifest.files)
    weights = _weights(a)
    return Comparison(
        a=a.ref,
        b=b.ref,
        digest_a=a.digest,
        digest_b=b.digest,
        identical=a.manifest.content() == b.manifest.content(),
        same_weights=bool(weights) and weights == _weights(b),
        files=files,
        components=compare_components(a, b),
        metadata=compare_metadata(a, b),
        metrics=compare_metrics(a, b),
        tensors=compare_tensors(a, b, files),
        prompts=compare_prompts(a, b),
    )


def _weights(side: Side) -> list[str]:
    entries: tuple[FileEntry, ...] = side.manifest.files
    return sorted(entry.sha256 for entry in entries if entry.role is Role.WEIGHTS)


def _title(section: Section) -> str:
    return f"{section.title}: {section.note}" if section.note else section.title


def _text(section: Section) -> str:
    """Return a section as lines, its columns aligned."""
    table = (section.header, *section.rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(section.header))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    more = [f"  ... and {section.more:,} more"] if section.more else []
    return "\n".join(["", _title(section), *lines, *more])


def _html(section: Section) -> str:
    rows = [(html.code(row[0]), *map(html.text, row[1:])) for row in section.rows]
    more = html.line(f"... and {section.more:,} more") if section.more else ""
    return html.heading(section.title, section.note) + html.table(section.header, rows) + more
