"""Approvals and rejections for people to read: who said what, when, and whether it is proved or only claimed."""

from collections.abc import Iterator
from datetime import datetime
from typing import cast

import attrs

from modelver.gates import Case, Policy
from modelver.gates.approving import role_of, weigh_one
from modelver.gates.judge import asking
from modelver.gates.policy import Requirement
from modelver.history.governing import Approved, Judgement
from modelver.history.state import AliasChange, Approval, Rejection, State, VersionEntry
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.manifest import Manifest
from modelver.values.name import Alias


@attrs.frozen
class Judged:
    """What somebody said of a version, and what it is worth.

    Attributes:
        decision: ``approved`` or ``rejected``.
        role: In which role.
        person: Who; a word of their own unless it is proved.
        at: When it was recorded, in UTC.
        recorded_by: Who wrote the commit.
        reason: Why.
        alias: The promotion that it is for; empty where it is for the version as such.
        checklist: The points that were gone through.
        signed: Whether it has a signature.
        proved: Whether the signature holds, with a key that the policy trusts for the role.
        against: Why it does not count; empty where it does.
    """

    decision: str
    role: str
    person: str
    at: datetime
    recorded_by: str
    reason: str = ""
    alias: str = ""
    checklist: tuple[str, ...] = ()
    signed: bool = False
    proved: bool = False
    against: str = ""

    @property
    def worth(self) -> str:
        """What it is worth, in a word or two: a claim is never shown as proof."""
        if self.proved:
            return "signed"
        return "signature does not hold" if self.signed else "claimed, not signed"

    def __str__(self) -> str:
        aim = f" for {self.alias}" if self.alias else ""
        void = f"; does not count: {self.against}" if self.against else ""
        recorded = f" (recorded by {self.recorded_by})" if self.recorded_by != self.person else ""
        return f"{self.role} {self.decision}{aim}: {self.person}{recorded}, {self.at:%Y-%m-%d}, {self.worth}{void}"

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "decision": self.decision,
            "role": self.role,
            "person": self.person,
            "at": wire.format_time(self.at),
            "recorded_by": self.recorded_by,
            "reason": self.reason,
            "alias": self.alias,
            "checklist": list(self.checklist),
            "worth": self.worth,
            "signed": self.signed,
            "proved": self.proved,
            "counts": not self.against,
            "against": self.against,
        }


@attrs.frozen
class Bench:
    """What is needed to weigh judgements of one version.

    Attributes:
        registry: The registry's id.
        state: The log.
        manifest: What the version states.
        entry: The version.
        policies: Whose keys are trusted.
        at: The time for which they are weighed: expiry counts by it.
    """

    registry: str
    state: State
    manifest: Manifest
    entry: VersionEntry
    policies: tuple[Policy, ...]
    at: datetime

    def judged(self) -> tuple[Judged, ...]:
        """Return all that was said, the oldest first; each is weighed for the step that it was given for."""
        found = [self._weighed(each, _alias(each), each.mark.seq) for each in self._said()]
        return tuple(sorted(found, key=lambda each: each.at))

    def judged_for(self, step: AliasChange) -> tuple[Judged, ...]:
        """Return what had been said before an alias moved, the oldest first, weighed for that move."""
        earlier = attrs.evolve(
            self.entry,
            approvals=tuple(each for each in self.entry.approvals if each.mark.seq < step.generation),
            rejections=tuple(each for each in self.entry.rejections if each.mark.seq < step.generation),
        )
        bench = attrs.evolve(self, entry=earlier, at=step.mark.at)
        found = [bench._weighed(each, step.alias, step.generation) for each in bench._said()]  # noqa: SLF001 (its own)
        return tuple(sorted(found, key=lambda each: each.at))

    def _said(self) -> list[Approval | Rejection]:
        return [*self.entry.approvals, *self.entry.rejections]

    def _weighed(self, each: Approval | Rejection, alias: Alias | None, seq: int) -> Judged:
        """Weigh what was said for a step that was to be the commit of a number."""
        said = each.said
        rejected = isinstance(each, Rejection)
        # A rejection's signature is weighed as an approval's is; nothing takes a rejection back.
        as_approval = Approval(cast("Approved", said), each.mark)
        rejections = () if rejected else self.entry.rejections
        earlier = tuple(change for change in self.state.alias_history if change.generation < seq)
        case = Case(
            registry=self.registry,
            state=attrs.evolve(self.state, alias_history=earlier),
            manifest=self.manifest,
            entry=attrs.evolve(self.entry, rejections=rejections),
            alias=alias,
            at=self.at,
        )
        proved, against = _worth(case, self.policies, as_approval, separates=not rejected)
        return Judged(
            decision=type(said).TYPE,
            role=said.role,
            person=said.person,
            at=each.mark.at,
            recorded_by=each.mark.by,
            reason=said.reason,
            alias=said.alias,
            checklist=said.checklist,
            signed=said.signature is not None,
            proved=proved,
            against=against,
        )


def _worth(
    case: Case, policies: tuple[Policy, ...], approval: Approval, *, separates: bool
) -> tuple[bool, str]:
    """Weigh an approval for each policy that asks for such; it may count for one, and not for another."""
    weighed = [
        weigh_one(
            case,
            policies,
            approval,
            asking=policy,
            signed=required.signature,
            separate=separates and required.separate,
        )
        for policy, required in _asking(case, policies, approval.said)
    ] or [weigh_one(case, policies, approval)]
    against = next((each.against for each in weighed if each.against), "")
    if against and not all(each.against for each in weighed):
        against = f"for one of the policies: {against}"
    return any(each.proved for each in weighed), against


def _asking(
    case: Case, policies: tuple[Policy, ...], said: Judgement
) -> Iterator[tuple[Policy, Requirement]]:
    """Yield the policies that ask something of the alias which the judgement may answer."""
    for policy, required in asking(case, policies) if case.alias else ():
        if role_of(said) in required.approvals or required.checklists or required.signature or required.rules:
            yield policy, required


def _alias(each: Approval | Rejection) -> Alias | None:
    return Alias(each.said.alias) if each.said.alias else None
