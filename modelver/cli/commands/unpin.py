"""``modelver unpin``."""

import click

from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, commit_id_option, model_argument, reason_option, verb


@verb("unpin")
@model_argument
@click.argument("alias", shell_complete=complete_aliases)
@reason_option
@commit_id_option
def command(call: Call, *, model: str, alias: str, reason: str, commit_id: str | None) -> None:
    """Let a pinned alias move again.

    The reference of the version that the alias names is printed.
    """
    version = call.registry.unpin(model, alias, reason=reason, commit_id=commit_id)
    call.done(version, f"Unpinned {model}@{alias}", alias=alias, pinned=False)
