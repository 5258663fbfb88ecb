"""``modelver compare``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_refs
from modelver.cli.exit_codes import CHECK_FAILED, OK
from modelver.cli.options import Call, verb
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.cli.render import Cell
    from modelver.compare import Comparison

_ROWS = 12
_ALL = 10**9


@verb("compare")
@click.argument("a", shell_complete=complete_refs)
@click.argument("b", shell_complete=complete_refs)
@click.option("--all", "everything", is_flag=True, help=f"Show all rows of a table, not {_ROWS} at most.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where files or metadata differ.")
def command(call: Call, *, a: str, b: str, everything: bool, exit_code: bool) -> int:
    """Compare two versions, down to the tensor.

    A and B are references, of one model or of two. No weights are read.
    """
    comparison = call.registry.compare(a, b)
    if call.as_json:
        write_json(comparison.to_dict())
    else:
        _show(call, comparison, _ALL if everything else _ROWS)
    return CHECK_FAILED if exit_code and not comparison.identical else OK


def _show(call: Call, comparison: "Comparison", limit: int) -> None:
    from modelver.compare.sections import notices, sections

    with call.screen() as screen:
        screen.heading(f"{comparison.a} -> {comparison.b}")
        for notice in notices(comparison):
            screen.line(notice, "bold yellow")
        for section in sections(comparison, limit):
            title = f"{section.title}: {section.note}" if section.note else section.title
            screen.table(section.header, [tuple(map(_cell, row)) for row in section.rows], title=title)
            if section.more:
                screen.line(f"  ... and {section.more:,} more; --all shows them")


def _cell(text: str) -> "Cell":
    from modelver.cli.render import BAD, GOOD, cell

    return cell(text, {"better": GOOD, "worse": BAD}.get(text, ""))
