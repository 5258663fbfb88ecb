"""Which approvals count: for what, since when, proved or only claimed."""

from collections.abc import Container, Iterable
from functools import partial

import attrs

from modelver.errors import ModelverError
from modelver.gates.case import Case
from modelver.gates.policy import Policy
from modelver.gates.signing import check_signature, statement
from modelver.history.governing import Judgement
from modelver.history.state import Approval, Rejection, VersionEntry


@attrs.frozen
class Weighed:
    """An approval, and what it is worth.

    Attributes:
        approval: The approval.
        proved: Whether it is signed with a key that the policy trusts for the role.
        against: Why it does not count; empty where it does.
    """

    approval: Approval
    proved: bool
    against: str = ""


def role_of(said: Judgement) -> str:
    """Return a judgement's role, which means the same in every case of letters."""
    return said.role.lower()


def weigh(
    case: Case,
    policies: Iterable[Policy],
    *,
    asking: Policy | None = None,
    signed: bool = False,
    separate: bool = False,
) -> list[Weighed]:
    """Return all approvals of a version with what they are worth for a step, the oldest first.

    Args:
        case: The step.
        policies: Whose keys are trusted; where one of them has keys for a role, claims don't count for it.
        asking: The policy that asks for approvals: where it has keys for a role, no other policy's count for it.
        signed: Whether claims count for no role.
        separate: Whether the publisher's own approval does not count, nor that of who published what it finalizes.
    """
    if case.entry is None:
        return []
    known = tuple(policies)
    worth = partial(weigh_one, case, known, asking=asking, signed=signed, separate=separate)
    return [worth(approval) for approval in case.entry.approvals]


def weigh_one(
    case: Case,
    policies: tuple[Policy, ...],
    approval: Approval,
    *,
    asking: Policy | None = None,
    signed: bool = False,
    separate: bool = False,
) -> Weighed:
    """Return one approval with what it is worth for a step; see `weigh`."""
    said = approval.said
    proved, against = _proof(case, policies, asking or Policy(), said)
    needs_proof = signed or any(policy.trusts(role_of(said)) for policy in policies)
    if not against and not proved and needs_proof:
        against = "it is a claim, not signed"
    against = against or _past(case, approval)
    if not against and separate:
        against = _own(case, {said.person, approval.mark.by})
    return Weighed(approval, proved, against)


def _own(case: Case, who: Container[str]) -> str:
    """Say what one of some people registered: the version, or what it finalizes, whose content it has."""
    entry, what = case.entry, "the version"
    for _ in case.state.versions:
        if entry is None:
            break
        if entry.registered.by in who:
            return f"{entry.registered.by} registered {what}"
        what = f"{entry.finalizes}, which it finalizes"
        entry = case.state.versions.get(entry.finalizes)
    return ""


def _past(case: Case, approval: Approval) -> str:
    """Say why an approval does not count for this step any more, or never did."""
    said = approval.said
    if said.alias and said.alias != case.alias:
        return f"it is for {said.alias}"
    if said.alias and said.generation != case.state.generation(said.alias):
        return f"{said.alias} has moved since"
    if said.expires is not None and said.expires <= case.at:
        return f"it expired on {said.expires:%Y-%m-%d}"
    rejection = rejected_after(case.entry, approval, case.alias) if case.entry else None
    return f"{rejection.said.person} rejected the version afterwards" if rejection else ""


def rejected_after(entry: VersionEntry, approval: Approval, alias: str | None = None) -> Rejection | None:
    """Return the first rejection that undoes an approval: one by the same role, afterwards.

    Args:
        entry: The version.
        approval: One of its approvals.
        alias: The alias that is to move; None for no step, but all that the approval is for. A rejection for an alias
            undoes nothing for others.
    """
    meant = ("", approval.said.alias if alias is None else alias)
    undoing = [
        each
        for each in entry.rejections
        if role_of(each.said) == role_of(approval.said) and each.said.alias in meant
    ]
    if not undoing:
        return None
    since = _first_said(entry, approval)
    return next((each for each in undoing if each.mark.seq > since), None)


def undone_before(entry: VersionEntry, said: Judgement) -> Rejection | None:
    """Return the rejection because of which a signed approval would count for nothing new, as it was said before."""
    same = next((each for each in entry.approvals if _is_same(each.said, said)), None)
    if same is None:
        return None
    aliases = [said.alias] if said.alias else [each.said.alias for each in entry.rejections]
    return next(filter(None, (rejected_after(entry, same, alias) for alias in aliases)), None)


def _first_said(entry: VersionEntry, approval: Approval) -> int:
    """Return the number of the commit as of which an approval counts: the first one with its signed statement.

    Whoever can write to the store can write a signed approval again after a rejection: it says nothing new.
    """
    same = (each.mark.seq for each in entry.approvals if _is_same(each.said, approval.said))
    return min(next(same, approval.mark.seq), approval.mark.seq)


def _is_same(one: Judgement, other: Judgement) -> bool:
    """Tell whether two judgements are signed, and over the same bytes; the signatures may differ."""
    if one.signature is None or other.signature is None or one.reason != other.reason:
        return False
    return statement(one, registry="", model="") == statement(other, registry="", model="")


def _proof(case: Case, policies: tuple[Policy, ...], asking: Policy, said: Judgement) -> tuple[bool, str]:
    """Tell whether a judgement is proved, and what its signature's fault is."""
    if said.signature is None:
        return False, ""
    if any(said.signature.key in policy.revoked for policy in policies):
        return False, "its key was revoked"
    role = role_of(said)
    trusted = [
        key
        for policy in ((asking,) if asking.trusts(role) else policies)
        for key in policy.keys
        if key.fingerprint == said.signature.key and role in key.roles
    ]
    if not trusted:
        return False, f"its key is not trusted for {said.role}"
    if all(key.person != said.person for key in trusted):
        return False, f"its key is not that of {said.person}"
    model = case.state.model.folder if case.state.model else ""
    try:
        check_signature(said, trusted[0].spki, registry=case.registry, model=model)
    except ModelverError as error:
        return False, str(error.what)
    return True, ""
