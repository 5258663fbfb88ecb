"""``modelver yank``."""

import click

from modelver.cli.options import Call, ref_argument, verb


@verb("yank")
@ref_argument
@click.option("--reason", required=True, metavar="TEXT", help="Why; recorded for ever.")
def command(call: Call, *, ref: str, reason: str) -> None:
    """Mark a version as not to be used.

    Its files stay, so that the past can be explained; but loading it warns, and no alias can be set to it.
    """
    version = call.registry.yank(ref, reason=reason)
    call.done(version, f"Yanked {version.ref}")
