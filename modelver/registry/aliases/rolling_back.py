"""Rolling an alias back: what it served before forms a stack, and only what can be loaded is gone back to."""

from collections.abc import Sequence
from functools import partial

from modelver.content.blobs import has_blob
from modelver.errors import Conflict, Corrupt, InvalidValue, NotFound, Refused
from modelver.history.state import State, VersionEntry
from modelver.log import Proposal
from modelver.registry.aliases.moving import alias_set, moved, no_alias
from modelver.registry.aliases.pins import refuse_pinned
from modelver.registry.base.finding import find, model_of, ref_of
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import flag_move
from modelver.values.digest import Digest
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.reading import Breach


def rollback(
    session: Session,
    name: ModelName,
    alias: Alias,
    *,
    reason: str,
    to: str | ModelVersion | None,
    commit_id: str | None,
) -> ModelVersion:
    """Move an alias back to what it named before; see `Registry.rollback`."""
    session.open_for_writing()
    first = session.state(name)
    generation = first.aliases[alias].generation if alias in first.aliases else None

    def propose(state: State) -> Proposal:
        _check_unmoved(state, alias, generation)
        candidates = _wished(state, alias, to)
        entry = _first_usable(session, name, state, alias, candidates)
        gate = partial(flag_move, session, state, entry, alias)
        event = alias_set(state, alias, entry, cause="rollback", gate=gate)
        return Proposal((event,) if event else (), message=reason)

    appended = session.append(name, propose, commit_id=commit_id)
    return moved(session, appended, alias, {"rollback"}, None if to is None else ref_of(name, to))[0]


def rollback_on_breach(
    session: Session,
    name: ModelName,
    alias: Alias,
    breach: Breach,
    *,
    expected: int,
    reason: str,
) -> ModelVersion:
    """Move an alias back because of what a guard saw; see `Registry.rollback_on_breach`."""
    session.open_for_writing()
    session.state(name)

    def propose(state: State) -> Proposal:
        _check_unmoved(state, alias, expected)
        refuse_pinned(state, alias)
        entry = _first_usable(session, name, state, alias, guard_may_reach(state, alias))
        gate = partial(flag_move, session, state, entry, alias)
        event = alias_set(state, alias, entry, cause="guard", gate=gate, breach=breach)
        return Proposal((event,) if event else (), message=reason)

    appended = session.append(name, propose, commit_id=breach_id(alias, expected))
    return moved(session, appended, alias, {"guard"}, None)[0]


def breach_id(alias: str, generation: int) -> str:
    """Return the id of the commit by which guards answer a breach: there is one for each move that was a mistake."""
    return f"guard-{alias}-{generation}"


def guard_may_reach(state: State, alias: str) -> list[str]:
    """Return the versions that a guard may roll back to: never one that a guard rolled away from."""
    left = {
        change.previous.version
        for change in state.alias_history
        if change.alias == alias and change.cause == "guard" and change.previous is not None
    }
    return [version for version in served_before(state, alias) if version not in left]


def _check_unmoved(state: State, alias: Alias, generation: int | None) -> None:
    """Hold what was decided on against what is there.

    Raises:
        NotFound: There is no such alias any more.
        Conflict: Somebody else moved it.
    """
    current = state.aliases.get(alias)
    if current is None:
        raise no_alias(state, alias)
    if current.generation != generation:
        raise Conflict(
            "the alias moved while it was rolled back",
            where=f"{state.model}@{alias}",
            found=f"{current.version}, set by {current.mark.by}",
            hint="Look at it, and roll back again if that is still right.",
        )


def served_before(state: State, alias: str) -> list[str]:
    """Return the versions that a rollback may reach, the nearest first.

    An alias's moves form a stack: a set pushes, a rollback, by hand or by a guard, pops down to its target, so what was rolled away from is
    gone until somebody sets the alias to it again; a deletion empties it. Yanked versions are passed over.
    """
    stack: list[str] = []
    for change in state.alias_history:
        if change.alias != alias:
            continue
        if change.digest is None:
            stack.clear()
        elif change.cause in {"rollback", "guard"} and change.version in stack:
            del stack[len(stack) - stack[::-1].index(change.version) :]
        else:
            stack.append(change.version)
    now = stack[-1] if stack else ""
    earlier = dict.fromkeys(version for version in reversed(stack[:-1]) if version != now)
    return [version for version in earlier if not state.versions[version].yanked]


def _wished(state: State, alias: Alias, to: str | ModelVersion | None) -> list[str]:
    """Return the versions to roll back to, the best first.

    Raises:
        Refused: The wished one was never there, was rolled away from or yanked.
    """
    candidates = served_before(state, alias)
    if to is not None:
        entry = find(state, ref_of(model_of(state), to))
        if entry.version not in candidates:
            raise Refused(
                "not a version to roll back to",
                where=f"{state.model}@{alias}",
                expected=f"one of {', '.join(candidates)}" if candidates else "",
                found=entry.version,
                hint="Set the alias: that moves it anywhere.",
            )
        return [entry.version]
    return candidates


def _first_usable(
    session: Session, name: ModelName, state: State, alias: Alias, candidates: Sequence[str]
) -> VersionEntry:
    """Return the first of some versions that can be loaded.

    What is missing or damaged is passed over; a store that fails says nothing of a version.

    Raises:
        NotFound: There are none.
        Refused: None of them can.
        StoreError: The store can't be asked.
    """
    where = f"{state.model}@{alias}"
    if not candidates:
        raise NotFound(
            "there is nothing to roll back to", where=where, hint="Set the alias: that moves it anywhere."
        )
    faults = []
    for version in candidates:
        try:
            _check_usable(session, name, state.versions[version])
        except (NotFound, Corrupt, InvalidValue) as error:
            faults.append(f"{version}: {error}")
            continue
        return state.versions[version]
    raise Refused("no earlier version can be loaded", where=where, found="; ".join(faults[:3]))


def _check_usable(session: Session, name: ModelName, entry: VersionEntry) -> None:
    """Check that a version's manifest is what the log says, and that its blobs are there, whole in size."""
    for file in read_manifest(session, name, entry).files:
        if not has_blob(session.store, Digest.from_hex(file.sha256), file.size):
            raise NotFound("a blob is missing", where=file.path)
