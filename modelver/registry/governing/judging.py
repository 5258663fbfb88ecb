"""Approvals and rejections: claims, or signatures where there is a key."""

import os
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from modelver.errors import InvalidValue
from modelver.gates.approving import undone_before
from modelver.gates.parse import check_role
from modelver.gates.policy import Policy
from modelver.gates.reading import parse_age
from modelver.gates.signing import load_key, sign
from modelver.history.governing import Approved, Judgement, Rejected
from modelver.history.state import State, VersionEntry
from modelver.log import Proposal
from modelver.registry.aliases.moving import used_otherwise
from modelver.registry.base.finding import caller_level, find, model_of, parse_ref
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import Governed, governed
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias

if TYPE_CHECKING:
    from modelver.gates.signing import PrivateKey

Expiry: TypeAlias = datetime | timedelta | str | None
Signer: TypeAlias = "str | os.PathLike[str] | PrivateKey | None"

SIGNING_KEY = "MODELVER_SIGNING_KEY"


@attrs.frozen
class Words:
    """What somebody says of a version.

    Attributes:
        role: In which role.
        reason: Why.
        to: The alias that the judgement is for; None for the version as such.
        person: Who; None for the session's actor.
        expires: Until when it counts.
        checklist: Names of checklists, or single points, that were gone through and found well.
        signer: A private key, or the file of one; None for ``$MODELVER_SIGNING_KEY``, else no signature.
        commit_id: As for `Registry.register`.
    """

    role: str
    reason: str
    to: str | None
    person: str | None
    expires: Expiry
    checklist: Sequence[str]
    signer: Signer
    commit_id: str | None


def judge_version(
    session: Session, ref: str | ModelVersion, words: Words, decision: Literal["approve", "reject"]
) -> ModelVersion:
    """Record that somebody approves of a version, or rejects it; see `Registry.approve`."""
    role = check_role(words.role, "role")
    wanted = parse_ref(ref)
    session.open_for_writing()
    first = session.state(wanted.model)
    entry = find(first, wanted)
    alias = Alias(words.to) if words.to is not None else None
    governing = governed(session, first)
    kind = Approved if decision == "approve" else Rejected
    said = kind(
        version=entry.version,
        digest=entry.digest,
        role=role,
        person=words.person or session.actor,
        reason=words.reason,
        alias=str(alias) if alias else "",
        generation=first.generation(alias) if alias else 0,
        checklist=_points(governing, words.checklist),
        expires=_expiry(words.expires),
    )
    said = _signed(session, first, said, words.signer, governing)

    def propose(state: State) -> Proposal:
        newest = find(state, parse_ref(model_version(session, first, entry)))
        if isinstance(said, Approved):
            _check_new(newest, said)
        return Proposal((said,), message=words.reason)

    appended = session.append(wanted.model, propose, commit_id=words.commit_id)
    if appended.seq and not appended.written:
        commit, _ = session.log(wanted.model).commit(appended.seq)
        if all(_without_signature(said) != _without_signature(event) for event in commit.events):
            raise used_otherwise(appended.state, appended.seq)
    if not words.checklist:
        _warn_of_role(governing, words.role)
    return model_version(session, appended.state, appended.state.versions[entry.version])


def _check_new(entry: VersionEntry, said: Approved) -> None:
    """Refuse a signed approval that says no more than one which was rejected since: it would not count.

    Raises:
        InvalidValue: It is one.
    """
    rejection = undone_before(entry, said)
    if rejection is not None:
        raise InvalidValue(
            "this was approved in the same words before a rejection, and would not count again",
            where=f"{said.role}, {said.person}",
            found=f"{rejection.said.person} rejected the version in commit {rejection.mark.seq}",
            hint="Say something new: another reason, or until when it counts.",
        )


def _warn_of_role(governing: Governed, role: str) -> None:
    """Warn where policies ask for approvals, but not in this role: it may be mistyped."""
    required = [each for policy in governing.policies for each in (policy.register, *policy.aliases.values())]
    asked = {wanted.casefold() for each in required for wanted in each.approvals}
    ruled = any("approvals" in rule for each in required for rule in each.rules)
    if asked and role.casefold() not in asked and not ruled:
        warnings.warn(
            f"no policy asks for the role {role}: policies ask for {', '.join(sorted(asked))}",
            stacklevel=caller_level(),
        )


def _without_signature(event: object) -> object:
    """Return a judgement without what differs between two calls that say the same."""
    return (
        attrs.evolve(event, signature=None, expires=None, generation=0)
        if isinstance(event, Judgement)
        else event
    )


def _points(governing: Governed, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the points of checklists that are given by name, and single points as they are."""
    several = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    policies = governing.policies or (Policy(),)
    known = [(each, [point for policy in policies for point in policy.points(each)]) for each in several]
    return tuple(dict.fromkeys(point for each, points in known for point in points or (each,)))


def _expiry(expires: Expiry) -> datetime | None:
    """Return until when a judgement counts.

    Raises:
        InvalidValue: It is no time, or one that has passed.
    """
    if expires is None:
        return None
    now = datetime.now(UTC)
    until = _time(expires, now)
    if until is None or until <= now:
        raise InvalidValue(
            "not a time to come", where="expires", found=expires, expected="such as 30d, or 2027-01-31T00:00Z"
        )
    return until


def _time(expires: datetime | timedelta | str, now: datetime) -> datetime | None:
    try:
        if isinstance(expires, str):
            age = parse_age(expires)
            expires = datetime.fromisoformat(expires) if age is None else age
        until = now + expires if isinstance(expires, timedelta) else expires
    except (ValueError, OverflowError):
        return None
    return until.replace(tzinfo=UTC) if until.tzinfo is None else until.astimezone(UTC)


def _signed(
    session: Session,
    state: State,
    said: Approved | Rejected,
    signer: Signer,
    governing: Governed,
) -> Approved | Rejected:
    """Sign a judgement, where there is a key.

    Raises:
        InvalidValue: No policy trusts the key for this role and person.
    """
    place = os.environ.get(SIGNING_KEY) if signer is None else signer
    if not place:
        return said
    key = load_key(Path(place)) if isinstance(place, str | os.PathLike) else place
    signature = sign(said, key, registry=session.identity.registry, model=model_of(state).folder)
    keys = [trusted for policy in governing.policies for trusted in policy.keys]
    if not any(
        trusted.fingerprint == signature.key and said.role in trusted.roles and trusted.person == said.person
        for trusted in keys
    ):
        raise InvalidValue(
            "no policy trusts this key",
            where=f"{said.role}, {said.person}",
            found=f"the key with the fingerprint {signature.key}",
            hint=f'Add it to the policy as [keys."{said.person}"] with roles and public_key, or say who you are.',
        )
    return attrs.evolve(said, signature=signature)
