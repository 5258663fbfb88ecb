"""``modelver reject``."""

import click

from modelver.cli.judging import said_options
from modelver.cli.options import Call, commit_id_option, ref_argument, verb


@verb("reject")
@ref_argument
@said_options
@click.option("--reason", required=True, metavar="TEXT", help="Why; recorded for ever.")
@commit_id_option
def command(
    call: Call,
    *,
    ref: str,
    role: str,
    to: str | None,
    person: str | None,
    key: str | None,
    reason: str,
    commit_id: str | None,
) -> None:
    """Record that somebody rejects a version: what the same role approved before no longer counts."""
    version = call.registry.reject(
        ref, role=role, reason=reason, to=to, person=person, signer=key, commit_id=commit_id
    )
    call.done(version, f"Rejected {version.ref} as {role}", role=role, decision="rejected")
