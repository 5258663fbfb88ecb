"""``modelver sync``."""

from typing import TYPE_CHECKING

import click

from modelver.cli import exit_codes
from modelver.cli.completion import complete_folders
from modelver.cli.durations import Duration
from modelver.cli.options import Call, ref_argument, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import say, write, write_json
from modelver.cli.watching import until_ended, watch_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelver.registry.server import MaterializeChoices
    from modelver.serving.keeping import News
    from modelver.serving.materialized import Materialized
    from modelver.values.canonical import Json


@verb("sync")
@ref_argument
@click.argument("dest", shell_complete=complete_folders)
@click.option(
    "--layout",
    type=click.Choice(("plain", "triton", "vllm")),
    default="plain",
    help="How the files are laid out. [default: plain]",
)
@watch_options(30.0, "30s", "Go on, and follow REF as it moves, until Ctrl-C or SIGTERM.")
@click.option(
    "--keep",
    type=int,
    metavar="N",
    default=2,
    help="How many versions stay, the current one too. [default: 2]",
)
@click.option(
    "--grace",
    type=Duration(),
    metavar="TIME",
    default="5m",
    help="How long a version stays after another became current. [default: 5m]",
)
@click.option("--name", help="Triton's name of the model. [default: MODEL, with -- for a slash]")
@click.option("--file", help="For Triton: which file is the model, where several could be.")
@click.option(
    "--verify/--no-verify",
    default=True,
    help="Whether what a bucket's service copied by itself is read once. [default: --verify]",
)
def command(
    call: Call,
    *,
    ref: str,
    dest: str,
    layout: str,
    every: float | None,
    grace: float,
    **arguments: object,
) -> int | None:
    """Lay a version out for a server, and keep that place in step.

    DEST is a folder, or a place in a bucket, that is new, empty or made by this command. Who reads there as
    docs/how-to/layouts.md says sees no half. The path of the version's own files is all that stdout gets: with --watch, a
    line whenever REF names another version.
    """
    from typing import cast

    registry, options = call.registry_beside(dest)
    choices = cast("MaterializeChoices", {**arguments, "storage_options": options})
    if every is not None:
        _watched(call, registry.sync(ref, dest, layout, interval=every, grace=grace, **choices))
        return exit_codes.OK
    with Bar("laying out") as bar:
        choices["callback"] = bar
        made = registry.materialize(ref, dest, layout, grace=grace, **choices)
    say(made)
    if call.as_json:
        write_json(made.to_dict())
    else:
        write(made.path)
    return None


def _watched(call: Call, news: "Iterator[News[Materialized]]") -> None:
    """Tell what happens until somebody ends it."""
    with until_ended("Stopped. What stands there is whole."):
        for each in news:
            _tell(call, each)


def _tell(call: Call, news: "News[Materialized]") -> None:
    fields: dict[str, Json] = {"event": "well"}
    if news.made is not None:
        say(news.made)
        fields = {"event": "materialized", **news.made.to_dict()}
        if not call.as_json:
            write(news.made.path)
    elif news.trouble is not None:
        say(f"Warning: {news.trouble}")
        error = {"type": type(news.trouble).__name__, "message": str(news.trouble)}
        fields = {"event": "trouble", "error": error}
    else:
        say("All is well again.")
    if call.as_json:
        write_json(fields, in_a_line=True)
