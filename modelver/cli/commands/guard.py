"""``modelver guard``."""

import logging
from typing import TYPE_CHECKING

import click

from modelver.cli import exit_codes
from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, model_argument, pairs, verb
from modelver.cli.terminal import write, write_json
from modelver.cli.watching import until_ended, watch_options

if TYPE_CHECKING:
    from modelver.serving.guarding.guard import Guard
    from modelver.serving.guarding.report import GuardReport

_CODES = {
    "ok": exit_codes.OK,
    "waiting": exit_codes.OK,
    "rolled_back": exit_codes.ROLLED_BACK,
    "unreadable": exit_codes.ENVIRONMENT,
}


@verb("guard")
@model_argument
@click.argument("alias", shell_complete=complete_aliases)
@click.option("--rule", multiple=True, metavar="CEL", help="What must hold; repeatable.")
@click.option("--prometheus", metavar="URL", help="Read figures from this Prometheus.")
@click.option(
    "--query",
    multiple=True,
    metavar="NAME=PROMQL",
    callback=pairs,
    help="A figure's query, with $version and $window in it; repeatable.",
)
@click.option("--samples", metavar="PROMQL", help="The query for the number of samples.")
@click.option(
    "--csv", metavar="FILE", help="Read figures from this CSV file: time, version, and a column for each."
)
@click.option("--parquet", metavar="FILE", help="Read figures from this Parquet file, of the same columns.")
@click.option(
    "--baseline",
    type=click.Choice(("previous", "offline")),
    help="What to hold the version against. [default: previous]",
)
@click.option("--window", metavar="TIME", help="How long the window of figures is. [default: 5m]")
@click.option("--min-samples", type=int, metavar="N", help="With fewer, nothing is said. [default: 200]")
@click.option(
    "--breaches", type=int, metavar="N", help="Breached readings in a row before it acts. [default: 3]"
)
@click.option("--clear", type=int, metavar="N", help="Good readings that end such a row. [default: 2]")
@click.option(
    "--apart", metavar="TIME", help="Readings nearer to each other count as one. [default: the window]"
)
@click.option(
    "--cooldown", metavar="TIME", help="How long to let be what a guard went back to. [default: 30m]"
)
@click.option("--settle", metavar="TIME", help="How long to say nothing after a move. [default: 1m]")
@click.option("--record/--no-record", default=None, help="Whether figures go on record. [default: --record]")
@click.option("--dry-run", is_flag=True, help="Only tell.")
@watch_options(60.0, "1m", "Go on, until Ctrl-C or SIGTERM.")
def command(
    call: Call, *, model: str, alias: str, dry_run: bool, every: float | None, **arguments: object
) -> int:
    """Watch what an alias serves, and roll back on a breach.

    What is not said here comes from the table [guard.ALIAS] of the project's file, where there is one for MODEL.
    """
    from modelver.cli.guarding import given_settings, make_guard, merged, project_settings

    settings = merged(project_settings(model, alias), given_settings(arguments))
    guard = make_guard(call.registry, model, alias, settings, dry_run=dry_run)
    _be_quiet()
    if every is not None:
        _go_on(call, guard, every)
        return exit_codes.OK
    report = guard.run_once()
    if call.as_json:
        write_json(report.to_dict())
    else:
        _show(call, report)
    return _CODES.get(report.outcome, exit_codes.CHECK_FAILED)


def _be_quiet() -> None:
    """Have the guard log nothing meanwhile: that is the first line of the report, which is shown here."""
    logger = logging.getLogger("modelver.guard")
    logger.disabled = True
    click.get_current_context().call_on_close(lambda: setattr(logger, "disabled", False))


def _show(call: Call, report: "GuardReport") -> None:
    with call.screen() as screen:
        for line in str(report).splitlines():
            screen.line(line)


def _go_on(call: Call, guard: "Guard", every: float) -> None:
    """Tell of each look until somebody ends it."""

    def tell(report: "GuardReport") -> None:
        if call.as_json:
            write_json(report.to_dict(), in_a_line=True)
        else:
            from modelver.cli.render import moment

            write(f"{moment(report.at)}  {_line(report)}")

    with until_ended("Stopped."):
        guard.run(every, on_report=tell)


def _line(report: "GuardReport") -> str:
    from modelver.values.shown import one_line

    return one_line(str(report).partition("\n")[0])
