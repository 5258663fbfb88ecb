"""``modelver import``."""

import click

from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.replication import answer


@verb("import")
@click.argument("bundle", type=click.Path())
def command(call: Call, *, bundle: str) -> None:
    """Bring in what a bundle holds, by the rules of push; everything is checked.

    The versions that are new here are printed.
    """
    with Bar("importing") as bar:
        done = call.registry.import_bundle(bundle, callback=bar)
    answer(call, done)
