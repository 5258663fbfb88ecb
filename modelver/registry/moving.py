"""Moving aliases: set, delete, roll back. Every move is an event, so the past can be asked for."""

from collections.abc import Callable, Collection
from types import EllipsisType
from typing import TypeAlias

from modelver.content.blobs import has_blob
from modelver.errors import AlreadyExists, Conflict, InvalidName, ModelverError, NotFound, Refused
from modelver.history.event import AliasDeleted, AliasSet, Cause, Previous
from modelver.history.state import AliasChange, State, VersionEntry
from modelver.log import Appended, Proposal
from modelver.registry.finding import find, model_of, names_version, ref_of, scheme_of
from modelver.registry.reading import model_version, read_manifest
from modelver.registry.session import Session
from modelver.values.digest import Digest
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
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


def alias_set(state: State, alias: Alias, version: str, digest: Digest, *, cause: Cause) -> AliasSet | None:
    """Return the event that makes an alias name a version, or None where it does already.

    Raises:
        InvalidName: The alias reads as a version.
        Refused: The version was yanked.
    """
    check_alias(state, alias)
    entry = state.versions.get(version)
    if entry is not None and entry.yanked:
        raise Refused(
            "this version was yanked",
            where=f"{state.model}:{version}",
            found=entry.yanked.message,
            hint="Choose another version.",
        )
    current = state.aliases.get(alias)
    if current is not None and current.digest == digest:
        return None
    return AliasSet(alias, version, digest, _previous(current), cause)


def _previous(change: AliasChange | None) -> Previous | None:
    if change is None or change.digest is None:
        return None
    return Previous(change.version, change.digest, change.generation)


def set_alias(
    session: Session,
    name: ModelName,
    alias: Alias,
    version: str | ModelVersion,
    *,
    reason: str,
    expected: Expected,
    commit_id: str | None,
) -> ModelVersion:
    """Make an alias name a version; see `Registry.set_alias`."""
    session.open_for_writing()
    session.state(name)
    ref = ref_of(name, version)

    def propose(state: State) -> Proposal:
        check_alias(state, alias)
        entry = find(state, ref)
        _check_expected(state, alias, expected)
        event = alias_set(state, alias, entry.version, entry.digest, cause="manual")
        return Proposal((event,) if event else (), message=reason)

    appended = session.append(name, propose, commit_id=commit_id)
    return _moved(session, appended, alias, {"manual"}, ref)


def _moved(
    session: Session, appended: Appended, alias: Alias, causes: Collection[str], wanted: Ref | None
) -> ModelVersion:
    """Return what an alias names since a commit, or now where none was needed.

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
    return model_version(session, state, state.versions[change.version])


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
        previous = _previous(state.aliases.get(alias))
        if previous is None:
            raise _no_alias(state, alias)
        return Proposal((AliasDeleted(alias, previous),), message=reason)

    appended = session.append(name, propose, commit_id=commit_id)
    change = change_in(appended, alias)
    if change is None or change.digest is not None:
        raise used_otherwise(appended.state, appended.seq)


def _no_alias(state: State, alias: str) -> NotFound:
    known = ", ".join(state.aliases) or "none"
    return NotFound("the model has no such alias", where=f"{state.model}@{alias}", found=known)


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
        current = state.aliases.get(alias)
        if current is None:
            raise _no_alias(state, alias)
        if current.generation != generation:
            raise Conflict(
                "the alias moved while it was rolled back",
                where=f"{name}@{alias}",
                found=f"{current.version}, set by {current.mark.by}",
                hint="Look at it, and roll back again if that is still right.",
            )
        entry = _target(state, alias, to, lambda entry: _check_usable(session, name, entry))
        event = alias_set(state, alias, entry.version, entry.digest, cause="rollback")
        return Proposal((event,) if event else (), message=reason)

    appended = session.append(name, propose, commit_id=commit_id)
    return _moved(session, appended, alias, {"rollback"}, None if to is None else ref_of(name, to))


def served_before(state: State, alias: str) -> list[str]:
    """Return the versions that a rollback may reach, the nearest first.

    An alias's moves form a stack: a set pushes, a rollback pops down to its target, so what was rolled away from is
    gone until somebody sets the alias to it again; a deletion empties it. Yanked versions are passed over.
    """
    stack: list[str] = []
    for change in state.alias_history:
        if change.alias != alias:
            continue
        if change.digest is None:
            stack.clear()
        elif change.cause == "rollback" and change.version in stack:
            del stack[len(stack) - stack[::-1].index(change.version) :]
        else:
            stack.append(change.version)
    now = stack[-1] if stack else ""
    earlier = dict.fromkeys(version for version in reversed(stack[:-1]) if version != now)
    return [version for version in earlier if not state.versions[version].yanked]


def _target(
    state: State, alias: Alias, to: str | ModelVersion | None, check: Callable[[VersionEntry], None]
) -> VersionEntry:
    """Return the version to roll back to.

    Raises:
        NotFound: There is none.
        Refused: The wished one was never there, was rolled away from or yanked, or can't be loaded.
    """
    candidates = served_before(state, alias)
    where = f"{state.model}@{alias}"
    if to is not None:
        entry = find(state, ref_of(model_of(state), to))
        if entry.version not in candidates:
            raise Refused(
                "not a version to roll back to",
                where=where,
                expected=f"one of {', '.join(candidates)}" if candidates else "",
                found=entry.version,
                hint="Set the alias: that moves it anywhere.",
            )
        candidates = [entry.version]
    if not candidates:
        raise NotFound(
            "there is nothing to roll back to", where=where, hint="Set the alias: that moves it anywhere."
        )
    faults = []
    for version in candidates:
        try:
            check(state.versions[version])
        except ModelverError as error:
            faults.append(f"{version}: {error}")
            continue
        return state.versions[version]
    raise Refused("no earlier version can be loaded", where=where, found="; ".join(faults[:3]))


def _check_usable(session: Session, name: ModelName, entry: VersionEntry) -> None:
    """Check that a version's manifest is what the log says, and that its blobs are there, whole in size."""
    for file in read_manifest(session, name, entry).files:
        if not has_blob(session.store, Digest.from_hex(file.sha256), file.size):
            raise NotFound("a blob is missing", where=file.path)
