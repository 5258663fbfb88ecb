"""``modelver approve``."""

import click

from modelver.cli.judging import said_options
from modelver.cli.options import Call, commit_id_option, reason_option, ref_argument, verb


@verb("approve")
@ref_argument
@said_options
@reason_option
@click.option("--expires", metavar="TIME", help="Until when it counts: 30d, or 2027-01-31T00:00Z.")
@click.option(
    "--checklist",
    multiple=True,
    metavar="NAME",
    help="A checklist, or one of its points, that was gone through; may be given again.",
)
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
    expires: str | None,
    checklist: tuple[str, ...],
    commit_id: str | None,
) -> None:
    """Record that somebody approves of a version; policies ask for that by role.

    Signed with a key that the policy trusts it is a proof, otherwise a claim, and shown as one.
    """
    version = call.registry.approve(
        ref,
        role=role,
        reason=reason,
        to=to,
        person=person,
        expires=expires,
        checklist=checklist,
        signer=key,
        commit_id=commit_id,
    )
    call.done(version, f"Approved {version.ref} as {role}", role=role, decision="approved")
