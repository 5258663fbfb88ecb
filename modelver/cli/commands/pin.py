"""``modelver pin``."""

import click

from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, commit_id_option, model_argument, verb
from modelver.values.name import Alias


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
    before = call.registry.status(f"{model}@{alias}").pins.get(Alias(alias))
    version = call.registry.pin(model, alias, reason=reason, commit_id=commit_id)
    told = f"Pinned {model}@{alias} at {version.version}"
    if before is not None and before.message != reason:
        told += f", in place of {before.by}'s pin: {before.message}"
    call.done(version, told, alias=alias, pinned=True)
