"""``modelver notify``."""

from typing import TYPE_CHECKING

import attrs
import click

from modelver.cli import exit_codes
from modelver.cli.completion import complete_models
from modelver.cli.options import Call, verb
from modelver.cli.terminal import say, write_json
from modelver.cli.watching import until_ended, watch_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelver.notify.notified import Notified


@verb("notify")
@click.argument("model", required=False, shell_complete=complete_models)
@click.option(
    "--since",
    metavar="COMMIT|TIME",
    help="From there on, also what was told before: a commit's number, or a time such as 2026-11-17T15:00.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be told.")
@click.option("--test", is_flag=True, help="Only send each recipient an event that says nothing.")
@watch_options(30.0, "30s", "Go on, until Ctrl-C or SIGTERM.")
def command(
    call: Call,
    *,
    model: str | None,
    since: str | None,
    dry_run: bool,
    test: bool,
    every: float | None,
) -> int:
    """Tell people what they were not told yet of promotions, rollbacks, yanks and rejections.

    Whom, and of what, is said by [[notify]] tables in modelver.toml, and in the file that $MODELVER_NOTIFY names. The
    exit code is 8 where something is left to be told.
    """
    if sum((dry_run, test, every is not None)) > 1 or (test and (model or since)):
        raise click.UsageError("--test stands alone, and --watch goes with neither it nor --dry-run.")
    start = int(since) if since is not None and since.isascii() and since.isdigit() else since
    if every is not None:
        _go_on(call, call.registry.keep_notifying(model, since=start, every=every))
        return exit_codes.OK
    found = call.registry.notify(model, since=start, dry_run=dry_run, test=test)
    _show(call, found)
    return exit_codes.OK if found else exit_codes.ENVIRONMENT


def _go_on(call: Call, rounds: "Iterator[Notified]") -> None:
    """Tell of each round until somebody ends it; a note that holds on is told once."""
    told: tuple[str, ...] = ()
    with until_ended("Stopped. What was not told yet is told next time."):
        for found in rounds:
            notes = tuple(note for note in found.notes if note not in told)
            told = found.notes
            if found.deliveries or notes:
                _show(call, attrs.evolve(found, notes=notes), is_one_of_many=True)


def _show(call: Call, found: "Notified", *, is_one_of_many: bool = False) -> None:
    for note in found.notes:
        say(note)
    if call.as_json:
        write_json(found.to_dict(), in_a_line=is_one_of_many)
        return
    with call.screen() as screen:
        for each in found.deliveries:
            screen.line(each)
        if not found.deliveries:
            screen.line(found.summary)
