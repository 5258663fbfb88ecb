"""``modelver init``."""

import click

from modelver.cli.completion import complete_folders
from modelver.cli.options import Call, show_log, verb
from modelver.cli.terminal import say, write, write_json


@verb("init")
@click.argument("url", required=False, shell_complete=complete_folders)
def command(call: Call, *, url: str | None) -> None:
    """Make a registry where there is none.

    URL is a folder, or s3:// and the like; else the registry that --registry, the environment or modelver.toml names.
    The registry's id is printed; a registry that is there already is left as it is.
    """
    from modelver.registry.founding import found

    place = url or call.url
    show_log()
    founding = found(place, storage_options=call.storage_options(place))
    say(founding)
    if call.as_json:
        write_json({"registry": founding.url, "id": founding.registry, "created": founding.created})
    else:
        write(founding.registry)
