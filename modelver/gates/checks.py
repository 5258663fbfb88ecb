"""The checks that policies are made of: each takes the case and gives verdicts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import cast

from modelver.expressions import Absent, Expression, parse
from modelver.gates.approving import Weighed, role_of
from modelver.gates.case import Case
from modelver.gates.policy import Policy, Requirement
from modelver.gates.reading import write_age
from modelver.gates.subject import subject, tags
from modelver.history.state import VersionEntry
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.scheme import SEMVER, Scheme
from modelver.values.verdict import Verdict


def yank(entry: VersionEntry | None) -> Iterator[Verdict]:
    """A yanked version is never served, whatever the policy says."""
    yanked = entry.yanked if entry else None
    if yanked is not None:
        yield Verdict("not yanked", False, f"yanked by {yanked.by}: {yanked.message}", "yank")


def fields(case: Case, required: Requirement) -> Iterator[Verdict]:
    """What must be stated is stated."""
    if not required.fields:
        return
    stated = cast("Mapping[str, Json]", wire.to_json(case.manifest.metadata))
    known: Json = {**stated, "tags": tags(case.manifest, case.entry)}
    for field in required.fields:
        if field == "changelog":
            there = bool(case.manifest.changelog)
        else:
            there = _is_there(known, field.split(".", 2)[1:])
        yield Verdict(f"field {field}", there, "" if there else "it is not stated", "fields")


def _is_there(value: Json, path: Sequence[str]) -> bool:
    """Tell whether something is stated; false and 0 are statements, an empty text or list is none."""
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return value is not None and value not in ("", [], {})


def forbidden(case: Case, required: Requirement) -> Iterator[Verdict]:
    """What is forbidden is not there."""
    for what in required.forbid:
        if what == "pickle":
            found = [f"{path}: {kind}" for path, kind in sorted(case.unsafe.items())]
            yield Verdict("no unsafe formats", not found, "; ".join(found[:5]), "format")
        elif what == "prerelease":
            yield _no_prerelease(case)
        else:
            bases = ", ".join(case.yanked_bases)
            yield Verdict("no yanked base", not bases, f"yanked: {bases}" if bases else "", "base")


def _no_prerelease(case: Case) -> Verdict:
    scheme = case.state.scheme or Scheme.parse(SEMVER)
    text = case.manifest.version
    prerelease = bool(text) and scheme.version(text).is_prerelease
    return Verdict("no pre-release", not prerelease, f"{text} is one" if prerelease else "", "prerelease")


def approvals(required: Requirement, policy: Policy, weighed: Sequence[Weighed]) -> Iterator[Verdict]:
    """Each role approved, and each of the policy's checklists was gone through."""
    for role in required.approvals:
        yield _approval(role, weighed)
    if required.signature:
        proved = [each for each in weighed if each.proved and not each.against]
        reason = f"by {proved[-1].approval.said.person}" if proved else "nobody's signed approval counts"
        yield Verdict("signature", bool(proved), reason, "signature")
    gone = {point for each in weighed if not each.against for point in each.approval.said.checklist}
    for name in required.checklists:
        points = policy.points(name)
        left = [point for point in points if point not in gone]
        found = f"{len(left)} of {len(points)} points are open, such as: {left[0]}" if left else ""
        yield Verdict(f"checklist {name}", not left and bool(points), found, "checklist")


def _approval(role: str, weighed: Sequence[Weighed]) -> Verdict:
    mine = [each for each in weighed if role_of(each.approval.said) == role]
    good = [each for each in mine if not each.against]
    if good:
        said = good[-1].approval.said
        return Verdict(
            f"approval {role}",
            True,
            f"{said.person}, {'signed' if good[-1].proved else 'claimed'}",
            "approval",
        )
    if mine:
        last = mine[-1]
        return Verdict(
            f"approval {role}",
            False,
            f"that of {last.approval.said.person} doesn't count: {last.against}",
            "approval",
        )
    return Verdict(f"approval {role}", False, "nobody approved", "approval")


def stage(case: Case, required: Requirement) -> Iterator[Verdict]:
    """The version was in an earlier stage, and long enough."""
    age = _age(case, required)
    if required.after is not None:
        reason = "" if age is not None else f"it was never there: set {required.after} to it first"
        yield Verdict(f"after {required.after}", age is not None, reason, "stage")
    if required.min_age is not None:
        enough = age is not None and age >= required.min_age
        where = f" in {required.after}" if required.after else ""
        hours = f"not yet{where}" if age is None else f"{age.total_seconds() / 3600:.1f} h{where}"
        yield Verdict(f"known for {write_age(required.min_age)}{where}", enough, hours, "age")


def _age(case: Case, required: Requirement) -> timedelta | None:
    """Return for how long the version is known, or was in the earlier stage in all; None where it never was."""
    entry = case.entry
    if entry is None or required.after is None:
        return case.at - entry.registered.at if entry else None
    moves = [change for change in case.state.alias_history if change.alias == required.after]
    times = pairwise([*(change.mark.at for change in moves), case.at])
    stays = [
        until - since
        for move, (since, until) in zip(moves, times, strict=True)
        if move.digest == entry.digest
    ]
    return sum(stays, timedelta(0)) if stays else None


def rules(case: Case, required: Requirement, weighed: Sequence[Weighed]) -> Iterator[Verdict]:
    """Each expression is true.

    One about `current` says nothing where the alias never served anything, and one about `version` waits until there
    is a number.
    """
    if not required.rules:
        return
    roles = sorted({role_of(each.approval.said) for each in weighed if not each.against})
    served = case.served
    current = subject(served.manifest, served.entry, case.state) if served else None
    variables = subject(case.manifest, case.entry, case.state, roles=roles, current=current)
    for text in required.rules:
        expression = parse(text)
        if not variables["version"] and expression.names("version"):
            continue
        if current is None and expression.names("current"):
            yield Verdict(f"rule {text}", True, "the alias has never served anything to compare with", "rule")
            continue
        outcome = expression.evaluate(variables)
        reason = (
            outcome.why if isinstance(outcome, Absent) else "" if outcome else _shown(expression, variables)
        )
        yield Verdict(f"rule {text}", outcome is True, reason, "rule")


def _shown(expression: Expression, variables: Mapping[str, object]) -> str:
    """Say which figures made a rule fail."""
    if expression.names("slices"):
        return _failing_slices(expression, variables)
    figures = variables["metrics"]
    named = {word.text.strip("\"'") for word in expression.words if word.kind in {"name", "text"}}
    found = [f"{name} is {value:g}" for name, value in _items(figures) if name in named]
    current = variables["current"]
    if isinstance(current, Mapping) and expression.names("current"):
        found += [f"{name} was {value:g}" for name, value in _items(current["metrics"]) if name in named]
    return ", ".join(found) or "it is false"


def _failing_slices(expression: Expression, variables: Mapping[str, object]) -> str:
    """Name the slices for which the rule alone is false."""
    slices = variables["slices"]
    named = {word.text for word in expression.words if word.kind == "name"}
    failing = []
    for each in slices if isinstance(slices, list) else ():
        if expression.evaluate({**variables, "slices": [each]}) is not True:
            figures = ", ".join(f"{name} is {value:g}" for name, value in _items(each) if name in named)
            failing.append(f"{each['slice']}: {figures or 'no such figure'}")
    return "; ".join(failing[:5]) or "it is false"


def _items(figures: object) -> list[tuple[str, float]]:
    if not isinstance(figures, Mapping):
        return []
    return [(str(name), value) for name, value in figures.items() if isinstance(value, float)]
