"""``modelver push``."""

import click

from modelver.cli.completion import complete_folders, complete_subjects
from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.replication import answer


@verb("push")
@click.argument("subject", metavar="MODEL|REF", shell_complete=complete_subjects)
@click.option(
    "--to", required=True, metavar="URL", shell_complete=complete_folders, help="The other registry."
)
def command(call: Call, *, subject: str, to: str) -> None:
    """Bring a version or a model into another registry. Its digest stays the same.

    The other registry registers the versions in a log of its own; aliases stay behind. Into a mirror of this registry,
    and into an empty place, the model's whole log goes as it is. The versions that are new there are printed.
    """
    with Bar("pushing") as bar:
        registry, options = call.registry_beside(to)
        done = registry.push(subject, to=to, storage_options=options, callback=bar)
    answer(call, done)
