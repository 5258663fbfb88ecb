"""``modelver rollback``."""

import click

from modelver.cli.completion import complete_aliases, complete_versions
from modelver.cli.options import Call, commit_id_option, model_argument, reason_option, verb


@verb("rollback")
@model_argument
@click.argument("alias", shell_complete=complete_aliases)
@reason_option
@click.option(
    "--to", metavar="VERSION", shell_complete=complete_versions, help="One of the earlier versions."
)
@commit_id_option
def command(
    call: Call, *, model: str, alias: str, reason: str, to: str | None, commit_id: str | None
) -> None:
    """Move an alias back to the version it named before.

    Each further rollback goes further back; never to a version that was rolled away from, nor to a yanked one. The
    reference of the version that the alias names now is printed.
    """
    version = call.registry.rollback(model, alias, reason=reason, to=to, commit_id=commit_id)
    call.done(version, f"Rolled back {model}@{alias} to {version.version}", alias=alias)
