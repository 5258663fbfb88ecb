"""``modelver log``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, model_argument, verb
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.cli.render import Cell
    from modelver.registry import HistoryEntry


@verb("log")
@model_argument
@click.option("--alias", shell_complete=complete_aliases, help="The moves of this alias alone.")
def command(call: Call, *, model: str, alias: str | None) -> None:
    """Show what happened to a model, or to one of its aliases, the oldest first."""
    history = call.registry.history(model, alias=alias)
    if call.as_json:
        from modelver.cli.data import entry_data

        write_json({"subject": history.subject, "entries": [entry_data(entry) for entry in history]})
        return
    with call.screen() as screen:
        header = ("commit", "when (UTC)", "what", "version", "by", "why")
        screen.table(header, [_row(entry) for entry in history])


def _row(entry: "HistoryEntry") -> "tuple[Cell, ...]":
    from modelver.cli.render import BAD, cell, moment

    move = f"{entry.previous} -> {entry.version or '-'}" if entry.previous else entry.version
    place = f"{entry.alias} {move}" if entry.alias else move
    told = f"{entry.action}, over failed checks" if entry.override else entry.action
    action = cell(
        told, BAD if entry.override or entry.action in {"rollback", "guard", "yanked", "rejected"} else ""
    )
    return str(entry.generation), moment(entry.at), action, place, entry.by, entry.reason
