"""``modelver init``."""

from pathlib import Path

import click

from modelver.cli.completion import complete_folders
from modelver.cli.options import Call, show_log, verb
from modelver.cli.terminal import say, write, write_json


@verb("init")
@click.argument("url", required=False, shell_complete=complete_folders)
@click.option(
    "--template",
    type=click.Choice(("llm", "classifier", "embedding", "minimal")),
    help="Write a commented modelver.toml here, and make no registry: the first registration does.",
)
def command(call: Call, *, url: str | None, template: str | None) -> None:
    """Make a registry where there is none, or begin a project.

    URL is a folder, or s3:// and the like; else the registry that --registry, the environment or modelver.toml names.
    The registry's id is printed; a registry that is there already is left as it is.
    """
    if template is not None:
        _begin(call, url, template)
        return
    from modelver.registry.founding import found

    place = url or call.url
    show_log()
    founding = found(place, storage_options=call.storage_options(place))
    say(founding)
    if call.as_json:
        write_json({"registry": founding.url, "id": founding.registry, "created": founding.created})
    else:
        write(founding.registry)


def _begin(call: Call, url: str | None, template: str) -> None:
    """Write a project file, which is never overwritten."""
    from modelver.project.starting import write_project_file

    if url:
        raise click.UsageError("--template goes without URL: the file says where the registry is.")
    path = write_project_file(template, Path.cwd())
    say(f"Wrote {path.name}: say there what the model is called and made of, then `modelver register`")
    if call.as_json:
        write_json({"project": str(path), "template": template})
    else:
        write(str(path))
