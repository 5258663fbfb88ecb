"""Pinning an alias, and unpinning it."""

from modelver.errors import NotFound
from modelver.history.guarding import AliasPinned, AliasUnpinned
from modelver.history.state import State, VersionEntry
from modelver.log import Appended, Proposal
from modelver.registry.aliases.moving import no_alias, used_otherwise
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName


def pin(
    session: Session, name: ModelName, alias: Alias, *, reason: str, commit_id: str | None
) -> ModelVersion:
    """Pin an alias; see `Registry.pin`."""
    session.open_for_writing()
    session.state(name)

    def propose(state: State) -> Proposal:
        version, entry = _named(state, alias)
        held = state.pin(alias)
        known = held and (held.mark.by, held.mark.message) == (session.actor, reason)
        return Proposal(() if known else (AliasPinned(alias, version, entry.digest),), message=reason)

    return _done(session, session.append(name, propose, commit_id=commit_id), alias, pinned=True)


def unpin(
    session: Session, name: ModelName, alias: Alias, *, reason: str, commit_id: str | None
) -> ModelVersion:
    """Unpin an alias; see `Registry.unpin`."""
    session.open_for_writing()
    session.state(name)

    def propose(state: State) -> Proposal:
        version, entry = _named(state, alias)
        if state.pin(alias) is None:
            raise NotFound("the alias is not pinned", where=f"{name}@{alias}")
        return Proposal((AliasUnpinned(alias, version, entry.digest),), message=reason)

    return _done(session, session.append(name, propose, commit_id=commit_id), alias, pinned=False)


def _named(state: State, alias: Alias) -> tuple[str, VersionEntry]:
    change = state.aliases.get(alias)
    if change is None:
        raise no_alias(state, alias)
    return change.version, state.versions[change.version]


def _done(session: Session, appended: Appended, alias: Alias, *, pinned: bool) -> ModelVersion:
    """Return what the alias names.

    Raises:
        AlreadyExists: An earlier call with the same ``commit_id`` did something else.
    """
    state = appended.state
    if appended.seq:
        changes = [change for change in state.pin_history if change.mark.seq == appended.seq]
        same = [change for change in changes if (change.alias, change.pinned) == (alias, pinned)]
        if not same:
            raise used_otherwise(state, appended.seq)
        return model_version(session, state, state.versions[same[0].version])
    return model_version(session, state, state.versions[state.aliases[alias].version])
