"""Logs made by hand: commits that follow a state, without a store."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from modelver.history.commit import Commit, commit_digest, encode_commit
from modelver.history.event import AliasSet, Event, ModelCreated, Registered
from modelver.history.fold import replay
from modelver.history.state import State
from modelver.values.digest import Digest
from modelver.values.name import Alias, ModelName

REGISTRY = "5eed" * 8
ROOT = "0" * 64
MODEL = "fraud"
START = datetime(2026, 11, 17, 15, tzinfo=UTC)
EMPTY = State(seq=0, head=ROOT)
CREATED = ModelCreated(ModelName(MODEL), "semver")


def next_commit(
    state: State, *events: Event, commit_id: str = "auto-x", at: datetime | None = None
) -> Commit:
    """Return a commit that may follow a state, one second after its head."""
    time = at or (START if state.at is None else state.at + timedelta(seconds=1))
    return Commit(
        registry=REGISTRY,
        model=MODEL,
        seq=state.seq + 1,
        parent=state.head,
        id=commit_id,
        at=time,
        clock=time,
        by="ci@acme.io",
        message=f"Commit {state.seq + 1}.",
        events=events,
    )


def stored(commit: Commit) -> tuple[Commit, str]:
    """Return a commit with the digest that it is stored under."""
    return commit, commit_digest(encode_commit(commit))


def after(state: State, *events: Event, commit_id: str = "auto-x", at: datetime | None = None) -> State:
    """Return the state after one more commit with these events."""
    return replay(state, [stored(next_commit(state, *events, commit_id=commit_id, at=at))])


def manifest_digest(version: str) -> Digest:
    """Return a digest for a version that has no manifest."""
    return Digest.of(version.encode())


def registered(version: str) -> Registered:
    """Return the event that registers a version."""
    return Registered(version, manifest_digest(version))


def alias_set(state: State, alias: str, version: str) -> AliasSet:
    """Return the event that moves an alias as it stands in a state."""
    change = state.aliases.get(alias)
    return AliasSet(Alias(alias), version, manifest_digest(version), change and change.as_previous())


def with_versions(versions: Iterable[str]) -> State:
    """Return the state of a new model with these versions, each in a commit of its own."""
    state = after(EMPTY, CREATED)
    for version in versions:
        state = after(state, registered(version))
    return state
