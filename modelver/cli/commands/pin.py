"""``modelver pin``."""

import click

from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, commit_id_option, model_argument, verb


@verb("pin")
@model_argument
@click.argument("alias", shell_complete=complete_aliases)
@click.option("--reason", required=True, metavar="TEXT", help="Why; told to everybody who is refused.")
@commit_id_option
def command(call: Call, *, model: str, alias: str, reason: str, commit_id: str | None) -> None:
    """Leave an alias where it is until it is unpinned.

    Nothing moves or deletes it meanwhile, a guard neither; only a rollback by hand goes through, and the pin stays. The
    reference of the version that the alias names is printed.
    """
    version = call.registry.pin(model, alias, reason=reason, commit_id=commit_id)
    call.done(version, f"Pinned {model}@{alias} at {version.version}", alias=alias, pinned=True)
