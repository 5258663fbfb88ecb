"""``modelver pull``."""

import click

from modelver.cli.completion import complete_folders
from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.replication import answer


@verb("pull")
@click.argument("subject", metavar="MODEL|REF")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="URL",
    shell_complete=complete_folders,
    help="The other registry, or a bundle.",
)
def command(call: Call, *, subject: str, source: str) -> None:
    """Bring a version or a model from another registry: a push from there into this one.

    The versions that are new here are printed.
    """
    with Bar("pulling") as bar:
        registry, options = call.registry_beside(source)
        done = registry.pull(subject, source=source, storage_options=options, callback=bar)
    answer(call, done)
