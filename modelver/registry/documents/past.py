"""What happened to a model, as entries for people."""

from collections.abc import Iterator

from modelver.errors import NotFound
from modelver.history.commit import Commit
from modelver.history.event import (
    AliasDeleted,
    AliasSet,
    Annotated,
    Evaluated,
    Event,
    ModelCreated,
    Registered,
    UnknownEvent,
    Yanked,
)
from modelver.history.governing import Approved, Rejected
from modelver.history.guarding import AliasPinned, AliasUnpinned
from modelver.history.state import AliasChange, PinChange, State
from modelver.log import Log
from modelver.registry.base.results import History, HistoryEntry


def alias_history(state: State, alias: str) -> History:
    """Return the moves of one alias and the pins on it, the oldest first.

    Raises:
        NotFound: The model never had it.
    """
    moves = [change for change in state.alias_history if change.alias == alias]
    if not moves:
        had = ", ".join(sorted({change.alias for change in state.alias_history})) or "none"
        raise NotFound("the model never had this alias", where=f"{state.model}@{alias}", found=had)
    told = {change.generation: _of_change(change) for change in moves}
    for pin in state.pin_history:
        if (
            pin.alias == alias and pin.mark.seq not in told
        ):  # a pin that ends with its alias is told by the deletion
            before = max(change.generation for change in moves if change.generation < pin.mark.seq)
            told[pin.mark.seq] = _of_pin(pin, before)
    return History(f"{state.model}@{alias}", tuple(told[seq] for seq in sorted(told)))


def _of_change(change: AliasChange) -> HistoryEntry:
    return HistoryEntry(
        at=change.mark.at,
        by=change.mark.by,
        action=change.cause,
        version=change.version,
        alias=change.alias,
        previous=change.previous.version if change.previous else "",
        reason=change.mark.message,
        generation=change.generation,
        clock=change.mark.clock,
        override=change.override,
        breach=change.breach,
    )


def _of_pin(pin: PinChange, generation: int) -> HistoryEntry:
    return HistoryEntry(
        at=pin.mark.at,
        by=pin.mark.by,
        action="pinned" if pin.pinned else "unpinned",
        version=pin.version,
        alias=pin.alias,
        previous="",
        reason=pin.mark.message,
        generation=generation,
        clock=pin.mark.clock,
    )


def whole_history(log: Log, state: State) -> History:
    """Return everything that happened to a model, the oldest first."""
    entries = (entry for commit, _ in log.commits() for entry in _of_commit(commit))
    return History(str(state.model), tuple(entries))


def _of_commit(commit: Commit) -> Iterator[HistoryEntry]:
    for event in commit.events:
        action, version, alias, previous = _told(event)
        yield HistoryEntry(
            at=commit.at,
            by=commit.by,
            action=action,
            version=version,
            alias=alias,
            previous=previous,
            reason=commit.message,
            generation=commit.seq,
            clock=commit.clock,
            override=isinstance(event, AliasSet) and event.override,
            breach=event.breach if isinstance(event, AliasSet) else None,
        )


def _told(event: Event) -> tuple[str, str, str, str]:
    """Return an event's action, version, alias and previous version."""
    match event:
        case AliasSet():
            return event.cause, event.version, event.alias, event.previous.version if event.previous else ""
        case AliasDeleted():
            return "deleted", "", event.alias, event.previous.version
        case AliasPinned() | AliasUnpinned():
            return event.TYPE.removeprefix("alias_"), event.version, event.alias, ""
        case ModelCreated():
            return "created", "", "", ""
        case Registered() | Yanked() | Evaluated() | Annotated() | Approved() | Rejected():
            return event.TYPE, event.version, "", ""
        case _:
            return event.type if isinstance(event, UnknownEvent) else event.TYPE, "", "", ""
