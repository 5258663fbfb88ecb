"""Verdicts on the screen."""

from collections.abc import Sequence

from modelver.cli.render import BAD, GOOD, Cell, Screen, cell
from modelver.values.verdict import Verdict


def show_verdicts(screen: Screen, verdicts: Sequence[Verdict]) -> None:
    """Show verdicts as a table; what failed comes first."""
    rows: list[Sequence[Cell]] = [
        (cell("passed", GOOD) if each else cell("FAILED", BAD), each.check, each.reason)
        for each in sorted(verdicts, key=bool)
    ]
    screen.table(("", "check", "why"), rows)
