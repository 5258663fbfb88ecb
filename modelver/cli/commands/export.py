"""``modelver export``."""

import os

import click

from modelver.cli.completion import complete_subjects
from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import say, write, write_json


@verb("export")
@click.argument("subject", metavar="[MODEL|REF]", required=False, shell_complete=complete_subjects)
@click.option("--to", required=True, type=click.Path(), help="The file, such as fraud.modelver.")
@click.option("--overwrite", is_flag=True, help="Replace another file that is there.")
def command(call: Call, *, subject: str | None, to: str, overwrite: bool) -> None:
    """Write a bundle: a version, a model or all, in one file, for places without a network.

    It holds the history too, and every byte is checked on its way. The file is there when it is whole; its path is
    printed.
    """
    with Bar("exporting") as bar:
        done = call.registry.export(subject, to=to, overwrite=overwrite, callback=bar)
    say(done)
    if call.as_json:
        write_json(done.to_dict())
    else:
        write(os.fsencode(done.path))
