"""``modelver mirror``."""

import click

from modelver.cli.completion import complete_folders
from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.replication import answer


@verb("mirror")
@click.option(
    "--to",
    required=True,
    metavar="URL",
    shell_complete=complete_folders,
    help="An empty place, or the mirror.",
)
def command(call: Call, *, to: str) -> None:
    """Make or renew a copy of the whole registry: bytes, versions, aliases, history, approvals.

    Only what is new is copied, and what was broken off goes on. A log that was written to in both places has diverged:
    then nothing is written. The versions that are new there are printed.
    """
    with Bar("mirroring") as bar:
        registry, options = call.registry_beside(to)
        done = registry.mirror(to=to, storage_options=options, callback=bar)
    answer(call, done)
