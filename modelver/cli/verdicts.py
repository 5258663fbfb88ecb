"""Verdicts on the screen and as JSON."""

from collections.abc import Sequence

from modelver.cli.render import BAD, GOOD, Cell, Screen, cell
from modelver.values.canonical import Json
from modelver.values.verdict import Verdict


def verdict_data(verdicts: Sequence[Verdict]) -> list[Json]:
    """Return verdicts as JSON data."""
    return [
        {"check": verdict.check, "passed": verdict.passed, "reason": verdict.reason, "kind": verdict.kind}
        for verdict in verdicts
    ]


def show_verdicts(screen: Screen, verdicts: Sequence[Verdict]) -> None:
    """Show verdicts as a table; what failed comes first."""
    rows: list[Sequence[Cell]] = [
        (cell("passed", GOOD) if each else cell("FAILED", BAD), each.check, each.reason)
        for each in sorted(verdicts, key=bool)
    ]
    screen.table(("", "check", "why"), rows)
