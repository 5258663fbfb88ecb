"""``modelver promote``."""

import click

from modelver.cli import exit_codes
from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, commit_id_option, reason_option, ref_argument, verb
from modelver.cli.terminal import say, write_json


@verb("promote")
@ref_argument
@click.option(
    "--to",
    required=True,
    metavar="ALIAS",
    shell_complete=complete_aliases,
    help="The alias, such as production.",
)
@reason_option
@click.option(
    "--dry-run", is_flag=True, help="Only say what each check would say; exit with 1 where one fails."
)
@click.option(
    "--override", is_flag=True, help="Pass over failed checks; needs a --reason and is on record for ever."
)
@commit_id_option
def command(
    call: Call, *, ref: str, to: str, reason: str, dry_run: bool, override: bool, commit_id: str | None
) -> int:
    """Make an alias name a version, if the policy lets it.

    Where one fails, all that failed are named, the alias stays where it is, and the exit code is 6.
    """
    from modelver.cli.data import version_data
    from modelver.cli.verdicts import show_verdicts

    found = call.registry.promote(
        ref, to=to, reason=reason, dry_run=dry_run, override=override, commit_id=commit_id
    )
    if found.moved:
        over = ", passing over what failed" if found.override else ""
        say(f"{found.version.name}@{found.alias} is {found.version.version} now{over}")
    if call.as_json:
        write_json(
            {
                **version_data(found.version),
                "alias": str(found.alias),
                "moved": found.moved,
                "override": found.override,
                "passed": bool(found),
                "verdicts": [each.to_dict() for each in found.verdicts],
            }
        )
    else:
        with call.screen() as screen:
            screen.line(found.version.ref)
            if dry_run and found.verdicts:
                show_verdicts(screen, found.verdicts)
            elif dry_run:
                say(f"nothing is required of {found.version.name}@{found.alias}")
    return exit_codes.CHECK_FAILED if dry_run and not found else exit_codes.OK
