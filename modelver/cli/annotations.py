"""Findings as annotations that GitHub shows at the lines of a pull request.

Source: docs.github.com, "Workflow commands for GitHub Actions"; what is escaped is that of actions/toolkit,
``packages/core/src/command.ts``.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from modelver.values.report import Finding, Report
from modelver.values.shown import one_line

_WORKSPACE = "GITHUB_WORKSPACE"


def annotations(report: Report, folder: Path) -> Iterator[str]:
    """Yield a line for each finding, an ``error``, and for each note, a ``notice``.

    Args:
        report: What was found.
        folder: Where the paths in it start.
    """
    for kind, findings in (("error", report.findings), ("notice", report.notes)):
        for finding in findings:
            yield f"::{kind} {','.join(_properties(finding, folder))}::{_message(str(finding))}"


def _properties(finding: Finding, folder: Path) -> Iterator[str]:
    if finding.file:
        yield f"file={_property(_shown(folder, finding.file))}"
        if finding.line:
            yield f"line={finding.line}"
    yield f"title={_property(f'modelver: {finding.component}'.rstrip(': '))}"


def _shown(folder: Path, file: str) -> str:
    """Return a file's path from the checkout's top, as GitHub wants it, else from the current folder."""
    path = Path(os.path.abspath(folder / file))  # noqa: PTH100 (follows no link)
    for top in (os.environ.get(_WORKSPACE), os.getcwd()):  # noqa: PTH109 (as a text)
        if top and path.is_relative_to(top):
            return path.relative_to(top).as_posix()
    return path.as_posix()


def _message(text: str) -> str:
    return one_line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
