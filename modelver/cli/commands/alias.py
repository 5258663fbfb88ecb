"""``modelver alias``."""

from types import EllipsisType

import click

from modelver.cli.completion import complete_aliases, complete_versions
from modelver.cli.options import Call, commit_id_option, model_argument, reason_option, verb
from modelver.cli.terminal import say, write_json


@verb("alias")
@model_argument
@click.argument("alias", required=False, shell_complete=complete_aliases)
@click.argument("version", required=False, shell_complete=complete_versions)
@reason_option
@click.option("--expected", metavar="VERSION", help="Only if it names this version now.")
@click.option(
    "--expected-generation",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only if the model's commit N was its last move; see log.",
)
@click.option("--expected-none", is_flag=True, help="Only if there is no such alias yet.")
@click.option("--delete", is_flag=True, help="Delete the alias; its history stays.")
@commit_id_option
def command(
    call: Call,
    *,
    model: str,
    alias: str | None,
    version: str | None,
    reason: str,
    expected: str | None,
    expected_generation: int | None,
    expected_none: bool,
    delete: bool,
    commit_id: str | None,
) -> None:
    """List, set or delete aliases.

    With MODEL alone, list what each alias names. With ALIAS and VERSION, set it; VERSION may be another alias, and the
    version's reference is printed.
    """
    wanted = _expected(expected, expected_generation, none=expected_none)
    if alias is None:
        if delete or reason or commit_id or wanted is not ...:
            raise click.UsageError("Which alias?")
        _list(call, model)
    elif delete:
        if version or commit_id:
            raise click.UsageError("--delete takes neither a VERSION nor --commit-id.")
        _delete(call, model, alias, reason, wanted)
    elif version is None:
        raise click.UsageError("Give a VERSION to set the alias to, or --delete.")
    else:
        found = call.registry.set_alias(
            model, alias, version, reason=reason, expected=wanted, commit_id=commit_id
        )
        call.done(found, f"{model}@{alias} is {found.version} now", alias=alias)


def _expected(version: str | None, generation: int | None, *, none: bool) -> str | int | EllipsisType | None:
    """Return what the alias must name, as `Registry.set_alias` takes it."""
    given = [each for each in (version, generation) if each is not None]
    if len(given) + none > 1:
        raise click.UsageError(
            "Only one of --expected, --expected-generation and --expected-none makes sense."
        )
    return given[0] if given else None if none else ...


def _list(call: Call, model: str) -> None:
    from modelver.cli.serving import show_serving

    found = call.registry.serving(model)
    if call.as_json:
        write_json({"model": model, "aliases": found.to_dict()["aliases"]})
        return
    with call.screen() as screen:
        show_serving(screen, found)


def _delete(
    call: Call, model: str, alias: str, reason: str, expected: str | int | EllipsisType | None
) -> None:
    call.registry.delete_alias(model, alias, reason=reason, expected=expected)
    say(f"Deleted {model}@{alias}")
    if call.as_json:
        write_json({"model": model, "alias": alias, "deleted": True})
