"""Versions from one registry into another, which has a log of its own: the same number, digest, maps and provenance.

What is known of a version comes along: that it was yanked, later metrics, notes and file maps. Aliases and approvals
don't: who may promote is for each registry to say. Each fact is a commit of the target's own, whose id is made of where
the fact was first written. So repeating a push finds what it did before, and a fact that went around comes home to none.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from modelver.content.blobs import get_blob
from modelver.content.copying import BlobCopier
from modelver.errors import AlreadyExists, InvalidValue, LogTampered
from modelver.history.commit import Commit
from modelver.history.event import Annotated, Evaluated, Indexed, Registered, Yanked
from modelver.history.state import State, VersionEntry
from modelver.log import Proposal
from modelver.registry.base.finding import find, model_of, scheme_of
from modelver.registry.base.reading import vouched_commits
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import gate_registration, governed
from modelver.registry.replication.ends import End
from modelver.registry.replication.replicated import Tally
from modelver.registry.replication.replicating import copy_blobs, needed_blobs
from modelver.registry.versions.sweeping import Sweeps, honour_sweeps, seen_sweeps
from modelver.storage.layout import blob_key
from modelver.values.digest import Digest
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.ref import Ref
from modelver.values.wire import format_time

_CARRIED = re.compile(r"push-([0-9a-f]{32})-[0-9]+-[0-9a-f]{16}")

Fact = Registered | Indexed | Yanked | Evaluated | Annotated


@attrs.frozen
class Step:
    """What one commit says of one version.

    Attributes:
        id: The id of the target's commit.
        events: The facts.
        message: What the target's log says to them.
        digest: The version's digest.
    """

    id: str
    events: tuple[Fact, ...]
    message: str
    digest: Digest


def adopt(source: End, target: Session, model: Ref, tally: Tally) -> None:
    """Register versions of another registry, and what is known of them; see `Registry.push`.

    Args:
        source: Where they are.
        target: Another registry, which exists.
        model: The version, or the model where it has neither selector nor digest.
        tally: Counts.

    Raises:
        AlreadyExists: The target has one of the versions with other content; nothing was written.
        InvalidValue: The target's model has another scheme; nothing was written.
        LogTampered: The source's log is not what led to its head; nothing was written.
        Refused: The target's policy does not let a version be registered.
    """
    state = source.state(model.model)
    entries = [find(state, model)] if model.selector or model.digest else list(state.versions.values())
    source.check_reached()
    target.open_for_writing()
    name = model_of(state)
    before = target.log(name).state()
    _check(state, entries, before, target)
    steps = _steps(source, state, entries, before, target.identity.registry)
    if before.model is None:
        before = target.create_model(name, scheme_of(state).text)
        tally.add_commit(str(name), ())
    sweeps = seen_sweeps(target, before)
    needed = needed_blobs(source.store, [event for step in steps for event in step.events])
    with BlobCopier(source.store, target.store, source.cache, tally) as copier:
        copy_blobs(copier, needed, tally)
    for step in steps:
        _write(source, target, step, sweeps, tally, before)


def _check(state: State, entries: Sequence[VersionEntry], before: State, target: Session) -> None:
    """Refuse, before anything is written, what the target's log can't take."""
    where = f"{state.model} in {target.store.url}"
    if before.scheme is not None and before.scheme != state.scheme:
        raise InvalidValue(
            "the model has another version scheme there",
            where=where,
            expected=before.scheme.text,
            found=scheme_of(state).text,
            hint="A model's scheme is fixed when it is made.",
        )
    for entry in entries:
        _check_same(entry.version, entry.digest, before, where)


def _check_same(version: str, digest: Digest, before: State, where: str) -> bool:
    """Tell whether a version is there already.

    Raises:
        AlreadyExists: With other content.
    """
    theirs = before.versions.get(version)
    if theirs is not None and theirs.digest != digest:
        raise AlreadyExists(
            "this version exists there with other content",
            where=f"{version} of {where}",
            expected=digest.short,
            found=theirs.digest.short,
            hint="Versions never change: register it under another number first.",
        )
    return theirs is not None


def _steps(
    source: End, state: State, entries: Sequence[VersionEntry], before: State, target: str
) -> list[Step]:
    """Return what the target's log lacks, in the order of the source's.

    Raises:
        LogTampered: The source's commits are not those that led to its head.
    """
    ids = {seq: text for text, seq in state.commit_ids.items()}
    places = sorted((seq, entry.digest, entry.version) for entry in entries for seq in _commits_of(entry))
    lacking = []
    for seq, digest, version in places:
        known = ids.get(seq, "")
        carried = _CARRIED.fullmatch(known)
        identity = known if carried else f"push-{source.identity.registry}-{seq}-{digest.hex[:16]}"
        # A source may claim falsely that a fact came from the target: only of a version that is there can it be true.
        home = carried and carried[1] == target and version in before.versions
        if identity not in before.commit_ids and not home:
            lacking.append((seq, digest, version, identity, bool(carried)))
    place = source.log(model_of(state)).place
    commits = vouched_commits(source.store, place, state, {seq for seq, *_ in lacking})
    steps = []
    for seq, digest, version, identity, carried_on in lacking:
        commit, _ = commits[seq]
        events = _facts(commit, version, digest)
        if not all(isinstance(event, Registered) and version in before.versions for event in events):
            message = commit.message if carried_on else _message(source, commit)
            steps.append(Step(identity, events, message, digest))
    return steps


def _facts(commit: Commit, version: str, digest: Digest) -> tuple[Fact, ...]:
    """Return what a commit says of a version.

    Raises:
        LogTampered: It registers another digest than the source's state says, which is the one that gates are asked of.
    """
    events = tuple(event for event in commit.events if isinstance(event, Fact) and event.version == version)
    for event in events:
        if isinstance(event, Registered) and event.digest != digest:
            raise LogTampered(
                "a commit registers another version than the log's state says",
                where=f"version {version}, commit {commit.seq}",
                expected=digest.short,
                found=event.digest.short,
                hint="A checkpoint or the log was forged: compare the source with another copy.",
            )
    return events


def _commits_of(entry: VersionEntry) -> set[int]:
    """Return the numbers of the commits that say something of a version, but for aliases."""
    later = [each.mark.seq for each in entry.evaluations] + [each.mark.seq for each in entry.annotations]
    yanked = [entry.yanked.seq] if entry.yanked else []
    return {entry.registered.seq, *entry.indexed, *later, *yanked}


def _message(source: End, commit: Commit) -> str:
    """Return why, and where it was first written; of a local path the last segment, as datasets have it."""
    url = source.store.url
    origin = (
        f"from {url if '://' in url else Path(url).name}, registry {commit.registry[:12]}, commit {commit.seq},"
        f" by {commit.by} at {format_time(commit.at)}"
    )
    return f"{commit.message} ({origin})" if commit.message else origin


def _write(source: End, target: Session, step: Step, seen: Sweeps, tally: Tally, before: State) -> None:
    """Append one step; its blobs are there."""
    name = model_of(before)
    manifest = get_blob(source.store, step.digest, limit=MAX_MANIFEST)
    named: Mapping[Digest, int | None] = needed_blobs(source.store, step.events)

    def propose(state: State) -> Proposal:
        where = f"{name} in {target.store.url}"
        events = tuple(event for event in step.events if not _is_known(event, state, where))
        if not any(isinstance(event, Registered | Indexed) for event in events):
            return Proposal(events, step.message)
        sweeps = honour_sweeps(target, state, step.digest, named, seen)
        gated = tuple(_gated(target, state, event, manifest) for event in events)
        return Proposal((*sweeps, *gated), step.message, blobs={blob_key(step.digest): manifest})

    appended = target.append(name, propose, commit_id=step.id)
    if appended.written:
        versions = tuple(
            event.version
            for event in step.events
            if isinstance(event, Registered)
            and appended.state.versions[event.version].registered.seq == appended.seq
        )
        tally.add_commit(str(name), versions)


def _gated(target: Session, state: State, event: Fact, manifest: bytes) -> Fact:
    """Ask the target's own gates of a registration; what the source's said is of no account there.

    Raises:
        Refused: They say no.
    """
    if not isinstance(event, Registered):
        return event
    stated = Manifest.from_bytes(manifest, what=event.version)
    said = gate_registration(target, state, stated, governed(target, state))
    return attrs.evolve(event, verdicts=said.evidence, default_policy=said.default_policy)


def _is_known(event: Fact, state: State, where: str) -> bool:
    """Tell whether the log says so already."""
    if isinstance(event, Registered):
        return _check_same(event.version, event.digest, state, where)
    return isinstance(event, Yanked) and state.versions[event.version].yanked is not None
