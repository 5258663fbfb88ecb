"""``modelver load``."""

import os

import click

from modelver.cli.options import Call, ref_argument, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import write, write_json


@verb("load")
@ref_argument
@click.option(
    "--to", type=click.Path(), help="A new or empty folder to copy to. [default: the cache's, read-only]"
)
@click.option("--include", multiple=True, metavar="PATTERN", help="Only files that match, such as '*.onnx'.")
@click.option(
    "--verify",
    type=click.Choice(("stamp", "fast", "full")),
    default="stamp",
    help="How files that were loaded before are checked again. [default: stamp]",
)
def command(call: Call, *, ref: str, to: str | None, include: tuple[str, ...], verify: str) -> None:
    """Bring a version's files here, verified, and print the folder.

    The path is all that stdout gets: cp "$(modelver load acme/fraud@production)/model.onnx" .
    """
    with Bar("loading") as bar:
        model = call.registry.load(ref, verify=verify, include=include or None, to=to, callback=bar)
    if not call.as_json:
        write(os.fsencode(model.path))
        return
    from modelver.cli.data import version_data

    files = [entry.path for entry in model.record.files if (model.path / entry.path).exists()]
    write_json({**version_data(model.record), "path": str(model.path), "files": files})
