"""``modelver notes``."""

from typing import cast

import click

from modelver.cli.completion import complete_refs
from modelver.cli.documents import deliver, html_option, output_option
from modelver.cli.options import Call, verb
from modelver.publish.audiences import AUDIENCES, Audience


@verb("notes")
@click.argument("a", shell_complete=complete_refs)
@click.argument("b", shell_complete=complete_refs)
@click.option(
    "--audience",
    type=click.Choice(tuple(AUDIENCES)),
    default="product",
    help="Who reads them; product unless you say otherwise.",
)
@click.option(
    "--templates",
    type=click.Path(file_okay=False),
    metavar="FOLDER",
    help="Your own templates; else [publish] templates of the nearest modelver.toml.",
)
@html_option
@output_option
def command(
    call: Call, *, a: str, b: str, audience: str, templates: str | None, as_html: bool, output: str | None
) -> None:
    """Write release notes from one version to a later one.

    In Markdown, from A to the later version B.

    Each audience gets what it needs, and nothing that harms.
    """
    found = call.registry.release_notes(a, b, cast("Audience", audience), templates=templates)
    deliver(call, found.html() if as_html else str(found), found.to_dict(), output)
