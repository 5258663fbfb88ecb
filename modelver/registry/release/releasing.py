"""A release in one step: check, bump, register, tag, card and notes, alias. Doing it again completes it."""

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import attrs

from modelver.compare import compare
from modelver.compare.metrics import MetricRow
from modelver.errors import Conflict, ModelverError, Refused
from modelver.history.state import State, VersionEntry
from modelver.project.settings import Project
from modelver.registry.aliases.pins import pin_verdicts
from modelver.registry.base.finding import find, parse_ref, scheme_of
from modelver.registry.base.progress import Callback
from modelver.registry.base.reading import model_version, side
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import move_verdicts
from modelver.registry.governing.promoting import promote
from modelver.registry.release import checkouts, handing_out
from modelver.registry.release.planning import make_plan
from modelver.registry.release.readiness import Order, Ready, checked, drift_of, may_tag, named, not_again
from modelver.registry.release.released import Release, Step
from modelver.registry.versions.committing import Wish
from modelver.registry.working_tree.projecting import Said, register_project
from modelver.values import wire
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias
from modelver.values.provenance import Run
from modelver.values.report import Finding
from modelver.values.verdict import Verdict

_TRIES = 10


def release(
    session: Session,
    project: Project,
    said: Said,
    wish: Wish,
    order: Order,
    *,
    run: Run | None,
    callback: Callback | None,
) -> Release:
    """Release a project; see `Registry.release_project`."""
    files = handing_out.places(order.output) if order.output else {}
    outputs = frozenset(Path(os.path.realpath(path.parent), path.name) for path in files.values())
    project = attrs.evolve(project, without=outputs)
    claimed = attrs.evolve(wish, version=wish.version or project.version or None)
    checkout = checkouts.find(project.folder, order.tagging)
    drift = drift_of(session, project)
    origin = checkout.origin if checkout else ""
    plan = partial(make_plan, session, project, said, claimed, order.alias, origin=origin)
    ready = Ready(session, project, order, checkout, drift, plan())
    trouble, steps = checked(ready, explicit=wish.version is not None, outputs=outputs)
    if order.dry_run or trouble is not None:
        return _foretold(ready, steps, trouble)
    if ready.plan.entry is not None:
        version = model_version(session, ready.plan.state, ready.plan.entry)
    else:
        wish = attrs.evolve(claimed, commit_id=ready.plan.commit_id)
        version = register_project(session, project, said, wish, run=run, capture=True, callback=callback)
        if str(version.version) != ready.plan.manifest.version:  # others released meanwhile
            ready = attrs.evolve(ready, plan=plan())
    return _finished(ready, version, steps[0])


def _foretold(ready: Ready, steps: list[Step], trouble: ModelverError | None) -> Release:
    """Return what is so, and what would be done, where nothing is changed."""
    plan, alias, outcome = ready.plan, ready.order.alias, steps[-1].outcome
    former, moving = "", plan.moving
    if plan.entry is not None and alias is not None and outcome in {"already", "left"}:
        former, moving = _former(plan.state, plan.entry, alias), _said(plan.state, plan.entry, alias)
    elif alias is not None and alias in plan.state.aliases:
        former = plan.state.aliases[alias].version
    record = None
    if plan.entry is not None and ready.order.dry_run:
        record = model_version(ready.session, plan.state, plan.entry)
    told = _told(ready, record, steps, trouble=trouble, moved=outcome == "already", former=former)
    return attrs.evolve(told, moving=moving)


def _finished(ready: Ready, version: ModelVersion, checked: Step) -> Release:
    """Do what follows the registration, as far as it is not done."""
    order, plan = ready.order, ready.plan
    steps = [checked, Step("register", "done" if version.created else "already", str(version.version))]
    tag = ""
    if ready.checkout is None or order.tagging.wanted is False:
        steps += may_tag(ready)
    else:
        scheme = scheme_of(plan.state)
        tag, made = checkouts.make_tag(ready.session, ready.checkout, version, scheme, order.tagging)
        steps += made
    files = {}
    if order.output is not None:
        folder = ready.project.folder
        texts = handing_out.texts(ready.session, version, plan, order.audience, folder)
        files = handing_out.write(order.output, texts)
    steps.append(Step("files", "done" if files else "skipped", ", ".join(map(str, files.values()))))
    step, trouble, verdicts, former = _moved(ready, version)
    moved = step.outcome in {"done", "already"}
    told = _told(ready, version, [*steps, step], trouble=trouble, moved=moved, former=former)
    return attrs.evolve(told, tag=tag, files=files, moving=verdicts)


def _moved(
    ready: Ready, version: ModelVersion
) -> tuple[Step, ModelverError | None, tuple[Verdict, ...], str]:
    """Set the alias once; return the step, the refusal, what the gates said, and what the alias named before."""
    session, alias = ready.session, ready.order.alias
    if alias is None:
        return Step("alias", "skipped", "none was asked for"), None, (), ""
    for _ in range(_TRIES):
        state = session.state(version.name)
        entry = find(state, parse_ref(version))
        if why := not_again(state, entry, alias):
            return why, None, _said(state, entry, alias), _former(state, entry, alias)
        before = named(state, alias)
        try:
            done = promote(
                session,
                version,
                alias,
                reason=ready.order.reason or f"release {version.version}",
                dry_run=False,
                override=False,
                commit_id=f"release-{version.digest.short}-{alias}",
                expected=state.aliases[alias].generation if alias in state.aliases else None,
            )
        except Conflict:
            continue
        except Refused as error:
            said = (*pin_verdicts(state, entry, alias), *move_verdicts(session, state, entry, alias))
            return Step("alias", "refused", str(error)), error, said, "" if before == "-" else before
        step = Step("alias", "done", f"{alias}: {before} -> {version.version}")
        return step, None, tuple(done.verdicts), "" if before == "-" else before
    raise Conflict("the alias kept moving", where=f"{version.name}@{alias}", hint="Run the release again.")


def _said(state: State, entry: VersionEntry, alias: Alias) -> tuple[Verdict, ...]:
    """Return what the gates said when an alias was set to a version; nothing where it never was."""
    moves = (each for each in state.alias_history if each.alias == alias and each.digest == entry.digest)
    first = next(moves, None)
    said = first.verdicts if first else ()
    return tuple(wire.from_json(each, Verdict, what="a verdict") for each in said)


def _former(state: State, entry: VersionEntry, alias: Alias) -> str:
    """Return what an alias named before it named a version."""
    moves = (each for each in state.alias_history if each.alias == alias and each.digest == entry.digest)
    first = next(moves, None)
    return first.previous.version if first and first.previous else ""


def _told(
    ready: Ready,
    version: ModelVersion | None,
    steps: Iterable[Step],
    *,
    trouble: ModelverError | None,
    moved: bool,
    former: str,
) -> Release:
    plan, order = ready.plan, ready.order
    former = former or (plan.previous.version if plan.previous else "")
    return Release(
        model=plan.manifest.model,
        version=plan.version,
        digest=version.digest if version else plan.digest,
        record=version,
        created=version is not None and version.created,
        previous=plan.previous.version if plan.previous else "",
        advice=plan.advice,
        first=plan.first,
        alias=order.alias,
        moved=moved,
        former=former,
        metrics=_metrics(ready, former),
        registering=plan.registering,
        moving=plan.moving,
        steps=tuple(steps),
        findings=_notes(ready),
        dry_run=order.dry_run,
        error=trouble,
    )


def _notes(ready: Ready) -> tuple[Finding, ...]:
    return ready.drift.notes if ready.drift else ()


def _metrics(ready: Ready, former: str) -> tuple[MetricRow, ...]:
    """Return the version's metrics beside those of an earlier one."""
    state = ready.plan.state
    entry = state.versions.get(former)
    if entry is None:
        return ()
    before = side(ready.session, model_version(ready.session, state, entry), entry)
    return compare(before, attrs.evolve(before, manifest=ready.plan.manifest, evaluations=())).metrics
