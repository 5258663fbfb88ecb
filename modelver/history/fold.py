"""Replaying commits: a pure fold from a state and more commits to the next state."""

from collections.abc import Iterable

import attrs

from modelver.errors import InvalidValue, LogTampered
from modelver.history.commit import Commit
from modelver.history.event import (
    AliasDeleted,
    AliasSet,
    Annotated,
    Evaluated,
    Event,
    Indexed,
    ModelCreated,
    Registered,
    SweepDone,
    SweepStarted,
    UnknownEvent,
    Yanked,
)
from modelver.history.governing import Approved, PolicySet, Rejected
from modelver.history.guarding import AliasPinned, AliasUnpinned
from modelver.history.state import (
    AliasChange,
    Annotation,
    Approval,
    Evaluation,
    Mark,
    PinChange,
    PolicyChange,
    Rejection,
    State,
    VersionEntry,
)
from modelver.values.digest import Digest
from modelver.values.scheme import Scheme

FOLD = 3
"""The fold's version: a checkpoint made by another fold is not used."""

RANDOM_ID = "auto-"
"""How the ids begin that nobody will ask for again; callers' own must not."""


def replay(state: State, commits: Iterable[tuple[Commit, str]]) -> State:
    """Return the state after more commits, each given with its digest; the given state stays as it is.

    Raises:
        LogTampered: A commit says what can't be, such as registering a version twice.
        InvalidValue: A commit holds an event that this release must understand to read on.
    """
    fold = None
    for commit, digest in commits:
        fold = fold or _Fold(state)
        fold.apply(commit, digest)
    return state if fold is None else fold.state()


class _Fold:
    """A state under construction, so that replaying is linear in the number of commits."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._versions = dict(state.versions)
        self._aliases = dict(state.aliases)
        self._alias_history = list(state.alias_history)
        self._pin_history = list(state.pin_history)
        self._commit_ids = dict(state.commit_ids)
        self._condemned = dict(state.condemned)

    def state(self) -> State:
        return attrs.evolve(
            self._state,
            versions=self._versions,
            aliases=self._aliases,
            alias_history=tuple(self._alias_history),
            pin_history=tuple(self._pin_history),
            commit_ids=self._commit_ids,
            condemned=self._condemned,
        )

    def apply(self, commit: Commit, digest: str) -> None:
        self._commit, self._digest = commit, digest
        self._mark = Mark(commit.seq, commit.at, commit.clock, commit.by, commit.message)
        if self._state.at is not None and commit.at <= self._state.at:
            raise self._impossible("is not later than the one before it")
        self._state = attrs.evolve(self._state, seq=commit.seq, head=digest, at=commit.at)
        if not commit.id.startswith(RANDOM_ID):
            self._commit_ids.setdefault(commit.id, commit.seq)
        for event in commit.events:
            self._apply_event(event)

    def _apply_event(self, event: Event) -> None:
        match event:
            case ModelCreated():
                self._create(event)
            case Registered():
                self._register(event)
            case AliasSet() | AliasDeleted():
                self._move(event)
            case AliasPinned() | AliasUnpinned():
                self._pin(event)
            case Indexed() | Yanked() | Evaluated() | Annotated() | Approved() | Rejected():
                self._amend(event)
            case PolicySet():
                change = PolicyChange(event.policy, self._mark)
                self._state = attrs.evolve(self._state, policies=(*self._state.policies, change))
            case SweepStarted():
                known = self._condemned.get(event.sweep, frozenset())
                self._condemned[event.sweep] = known.union(event.condemned)
                self._state = attrs.evolve(self._state, swept=self._mark.seq)
            case SweepDone():
                self._condemned.pop(event.sweep, None)
                self._state = attrs.evolve(self._state, swept=self._mark.seq)
            case UnknownEvent():
                self._meet_unknown(event)

    def _create(self, event: ModelCreated) -> None:
        if self._mark.seq != 1 or self._state.model is not None:
            raise self._impossible("creates a model that exists")
        if event.name.folder != self._commit.model:
            raise self._impossible(f"creates the model {event.name} in another's log")
        self._state = attrs.evolve(self._state, model=event.name, scheme=Scheme.parse(event.scheme))

    def _register(self, event: Registered) -> None:
        scheme = self._state.scheme
        if scheme is None:
            raise self._impossible("registers a version before the model was made")
        if not scheme.reads(event.version) or (version := scheme.version(event.version)) != event.version:
            raise self._impossible(
                f"registers {event.version[:80]!r}, which the scheme {scheme.text} does not write"
            )
        if version in self._versions:
            raise self._impossible(f"registers version {version} twice")
        self._versions[event.version] = VersionEntry(
            event.version, event.digest, self._mark, self._digest, finalizes=event.finalizes
        )
        highest, release = self._state.highest, self._state.highest_release
        if highest is None or version > highest:
            self._state = attrs.evolve(self._state, highest=version)
        if not version.is_prerelease and (release is None or version > release):
            self._state = attrs.evolve(self._state, highest_release=version)

    def _move(self, event: AliasSet | AliasDeleted) -> None:
        before = self._aliases.get(event.alias)
        if (before and before.as_previous()) != (event.previous and attrs.evolve(event.previous, unknown={})):
            raise self._impossible(f"says of the alias {event.alias} that it named something else before")
        if isinstance(event, AliasDeleted):
            del self._aliases[event.alias]
            if any(change.alias == event.alias for change in self._pin_history):
                ended = PinChange(event.alias, event.previous.version, self._mark, pinned=False)
                self._pin_history.append(ended)  # a pin ends with its alias
            change = AliasChange(event.alias, "deleted", self._mark, previous=event.previous)
        else:
            self._entry(event.version, event.digest)
            change = AliasChange(
                event.alias,
                event.cause,
                self._mark,
                event.version,
                event.digest,
                event.previous,
                event.verdicts,
                event.override,
                event.breach,
            )
            self._aliases[event.alias] = change
        self._alias_history.append(change)

    def _pin(self, event: AliasPinned | AliasUnpinned) -> None:
        named = self._aliases.get(event.alias)
        if named is None or (named.version, named.digest) != (event.version, event.digest):
            raise self._impossible(f"says of the alias {event.alias} that it named something else")
        pinned = isinstance(event, AliasPinned)
        self._pin_history.append(PinChange(event.alias, event.version, self._mark, pinned))

    def _amend(self, event: Indexed | Yanked | Evaluated | Annotated | Approved | Rejected) -> None:
        entry = self._entry(event.version, event.digest)
        match event:
            case Indexed():
                entry = attrs.evolve(entry, indexed=(*entry.indexed, self._mark.seq))
            case Yanked():
                entry = attrs.evolve(entry, yanked=entry.yanked or self._mark)
            case Evaluated():
                evaluation = Evaluation(event.metrics, self._mark)
                entry = attrs.evolve(entry, evaluations=(*entry.evaluations, evaluation))
            case Annotated():
                annotation = Annotation(event.note, event.tags, self._mark)
                entry = attrs.evolve(entry, annotations=(*entry.annotations, annotation))
            case Approved():
                entry = attrs.evolve(entry, approvals=(*entry.approvals, Approval(event, self._mark)))
            case Rejected():
                entry = attrs.evolve(entry, rejections=(*entry.rejections, Rejection(event, self._mark)))
        self._versions[event.version] = entry

    def _entry(self, version: str, digest: Digest) -> VersionEntry:
        entry = self._versions.get(version)
        if entry is None or entry.digest != digest:
            raise self._impossible(
                f"speaks of version {version[:80]!r} ({digest.short}), which the log does not have"
            )
        return entry

    def _meet_unknown(self, event: UnknownEvent) -> None:
        if event.must_understand == "read":
            raise InvalidValue(
                f"commit {self._mark.seq} holds an event that this release can't read",
                where=event.type[:80],
                hint="Upgrade modelver.",
            )
        if event.must_understand == "write":
            self._state = attrs.evolve(self._state, write_blocked=event.type[:80])

    def _impossible(self, what: str) -> LogTampered:
        return LogTampered(
            f"a commit {what}",
            where=f"commit {self._mark.seq} of {self._state.model or 'the log'}",
            hint="Restore the log from a copy of the registry.",
        )
