"""Moving aliases: set and delete. Every move is an event, so the past can be asked for."""

from collections.abc import Callable, Collection
from functools import partial
from types import EllipsisType
from typing import TypeAlias

from modelver.errors import AlreadyExists, Conflict, InvalidName, NotFound, Refused
from modelver.history.event import AliasDeleted, AliasSet, Cause
from modelver.history.state import AliasChange, State, VersionEntry
from modelver.log import Appended, Proposal
from modelver.registry.aliases.pins import refuse_pinned
from modelver.registry.base.finding import find, names_version, ref_of, scheme_of
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import Gated, gate_move
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.reading import Breach
from modelver.values.ref import Ref

Expected: TypeAlias = str | int | ModelVersion | EllipsisType | None


def check_alias(state: State, alias: Alias) -> None:
    """Refuse an alias that could be taken for a version.

    Raises:
        InvalidName: It reads as a version of the model's scheme.
    """
    if scheme_of(state).reads(alias):
        raise InvalidName(
            "an alias must not read as a version",
            where=alias,
            found=f"a version of {state.model}",
            hint="Choose a word.",
        )


def alias_set(
    state: State,
    alias: Alias,
    entry: VersionEntry,
    *,
    cause: Cause,
    gate: Callable[[], Gated],
    breach: Breach | None = None,
) -> AliasSet | None:
    """Return the event that makes an alias name a version, or None where it does already.

    Args:
        state: The log before.
        alias: The alias.
        entry: The version.
        cause: Why.
        gate: Asks the gates, once it is clear that something is to happen.
        breach: What a guard saw.

    Raises:
        InvalidName: The alias reads as a version.
        Refused: The version was yanked, somebody pinned the alias, or the gates say no. A rollback by hand passes a pin.
    """
    check_alias(state, alias)
    if entry.yanked:
        raise Refused(
            "this version was yanked",
            where=f"{state.model}:{entry.version}",
            found=entry.yanked.message,
            hint="Choose another version.",
        )
    current = state.aliases.get(alias)
    if current is not None and current.digest == entry.digest:
        return None
    if cause != "rollback":
        refuse_pinned(state, alias)
    said = gate()
    return AliasSet(
        alias,
        entry.version,
        entry.digest,
        current.as_previous() if current else None,
        cause,
        said.evidence,
        said.default_policy,
        said.override,
        breach,
    )


def set_alias(
    session: Session,
    name: ModelName,
    alias: Alias,
    version: str | ModelVersion,
    *,
    reason: str,
    expected: Expected,
    commit_id: str | None,
    cause: Cause = "manual",
    override: bool = False,
) -> tuple[ModelVersion, AliasChange]:
    """Make an alias name a version; see `Registry.set_alias` and `Registry.promote`.

    Returns:
        The version, and the move by which the alias names it.
    """
    session.open_for_writing()
    session.state(name)
    ref = ref_of(name, version)

    def propose(state: State) -> Proposal:
        check_alias(state, alias)
        entry = find(state, ref)
        _check_expected(state, alias, expected)
        gate = partial(gate_move, session, state, entry, alias, override=override)
        event = alias_set(state, alias, entry, cause=cause, gate=gate)
        return Proposal((event,) if event else (), message=reason)

    appended = session.append(name, propose, commit_id=commit_id)
    return moved(session, appended, alias, {cause}, ref)


def moved(
    session: Session, appended: Appended, alias: Alias, causes: Collection[str], wanted: Ref | None
) -> tuple[ModelVersion, AliasChange]:
    """Return what an alias names since a commit, or now where none was needed, and by which move.

    Raises:
        AlreadyExists: An earlier call with the same ``commit_id`` did something else.
    """
    state = appended.state
    change = change_in(appended, alias) if appended.seq else state.aliases.get(alias)
    if change is None or change.digest is None:
        raise used_otherwise(state, appended.seq)
    if not appended.written and appended.seq:
        same = (
            wanted is None or not names_version(state, wanted) or find(state, wanted).digest == change.digest
        )
        if change.cause not in causes or not same:
            raise used_otherwise(state, appended.seq)
    return model_version(session, state, state.versions[change.version]), change


def change_in(appended: Appended, alias: Alias) -> AliasChange | None:
    """Return what a commit did to an alias, or None."""
    changes = (change for change in appended.state.alias_history if change.generation == appended.seq)
    return next((change for change in changes if change.alias == alias), None)


def used_otherwise(state: State, seq: int) -> AlreadyExists:
    """Return the error for a ``commit_id`` that stands for another write."""
    return AlreadyExists(
        "this commit_id was used for something else",
        where=f"{state.model}, commit {seq}",
        hint="Use a commit_id of its own for each write.",
    )


def _check_expected(state: State, alias: Alias, expected: Expected) -> None:
    """Hold what the caller believes of the alias against what it is.

    Raises:
        Conflict: They differ.
    """
    if expected is ...:
        return
    current = state.aliases.get(alias)
    if expected is None or current is None:
        agrees = expected is None and current is None
    elif isinstance(expected, ModelVersion):
        agrees = current.digest == expected.digest
    elif isinstance(expected, int):
        agrees = current.generation == expected
    else:
        agrees = current.version == scheme_of(state).version(expected)
    if not agrees:
        raise Conflict(
            "the alias is not where it was expected",
            where=f"{state.model}@{alias}",
            expected="no such alias" if expected is None else expected,
            found=f"{current.version} (generation {current.generation})" if current else "no such alias",
            hint="Look again, and decide anew.",
        )


def delete_alias(
    session: Session,
    name: ModelName,
    alias: Alias,
    *,
    reason: str,
    expected: Expected,
    commit_id: str | None,
) -> None:
    """Delete an alias; see `Registry.delete_alias`."""
    session.open_for_writing()
    session.state(name)

    def propose(state: State) -> Proposal:
        _check_expected(state, alias, expected)
        current = state.aliases.get(alias)
        previous = current.as_previous() if current else None
        if previous is None:
            raise no_alias(state, alias)
        refuse_pinned(state, alias)
        return Proposal((AliasDeleted(alias, previous),), message=reason)

    appended = session.append(name, propose, commit_id=commit_id)
    change = change_in(appended, alias)
    if change is None or change.digest is not None:
        raise used_otherwise(appended.state, appended.seq)


def no_alias(state: State, alias: str) -> NotFound:
    """Return the error for an alias that a model does not have."""
    known = ", ".join(state.aliases) or "none"
    return NotFound("the model has no such alias", where=f"{state.model}@{alias}", found=known)
