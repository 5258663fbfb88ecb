"""What is worth telling, read off commits."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import attrs

from modelver.history.commit import Commit
from modelver.history.event import AliasSet, Event, Yanked
from modelver.history.governing import Approved, Rejected

Kind = Literal["promote", "rollback", "yank", "reject", "approve", "test"]
KINDS: tuple[Kind, ...] = ("promote", "rollback", "yank", "reject", "approve")
"""Of what a recipient may be told, in the words of the command's verbs."""

_BACK = frozenset({"rollback", "guard"})


@attrs.frozen
class Happening:
    """One event of a log that somebody may be told of.

    Attributes:
        kind: ``promote`` for each move of an alias but a rollback, by hand or by a guard.
        registry: The registry's id.
        model: The model's name.
        seq: The commit's number.
        index: The event's number in the commit, from 0.
        at: When it took effect.
        commit: SHA-256 of the commit's stored bytes: 64 hex digits.
        by: Who did it.
        reason: Why.
        version: The version.
        digest: Its manifest's digest.
        alias: The alias that moved, or that a judgement is for; else empty.
        previous: The version that the alias named before; else empty.
        cause: Of a move: ``promote``, ``manual``, ``rollback`` or ``guard``.
        override: Whether a move passed over failed checks.
        role: Of a judgement: the role.
    """

    kind: Kind
    registry: str
    model: str
    seq: int
    index: int
    at: datetime
    commit: str = ""
    by: str = ""
    reason: str = ""
    version: str = ""
    digest: str = ""
    alias: str = ""
    previous: str = ""
    cause: str = ""
    override: bool = False
    role: str = ""

    @property
    def subject(self) -> str:
        """What it is about, as a reference."""
        return f"{self.model}@{self.alias}" if self.cause else f"{self.model}:{self.version}"

    def __str__(self) -> str:
        if not self.model:
            return "this is a test"
        moved = f"is {self.version} now ({self.cause})" if self.cause else _WORDS.get(self.kind, "")
        return f"{self.subject} {moved}"


_WORDS = {"yank": "was yanked", "reject": "was rejected", "approve": "was approved"}


def kind_of(event: Event) -> Kind | None:
    """Return of what an event is one; None where nobody is told of such."""
    match event:
        case AliasSet():
            return "rollback" if event.cause in _BACK else "promote"
        case Yanked():
            return "yank"
        case Rejected():
            return "reject"
        case Approved():
            return "approve"
        case _:
            return None


def happenings(commit: Commit, digest: str, model: str) -> Iterator[Happening]:
    """Yield what a commit has to tell, in order.

    Args:
        commit: The commit.
        digest: The SHA-256 of its stored bytes.
        model: The model's name, as its maker spelled it.
    """
    for index, event in enumerate(commit.events):
        kind = kind_of(event)
        if kind is None:
            continue
        common = Happening(
            kind,
            commit.registry,
            model,
            commit.seq,
            index,
            commit.at,
            digest,
            by=commit.by,
            reason=commit.message,
        )
        match event:
            case AliasSet():
                yield attrs.evolve(
                    common,
                    version=event.version,
                    digest=str(event.digest),
                    alias=str(event.alias),
                    previous=event.previous.version if event.previous else "",
                    cause=event.cause,
                    override=event.override,
                )
            case Approved() | Rejected():
                yield attrs.evolve(
                    common,
                    version=event.version,
                    digest=str(event.digest),
                    alias=event.alias,
                    by=event.person,
                    reason=event.reason or commit.message,
                    role=event.role,
                )
            case Yanked():
                yield attrs.evolve(common, version=event.version, digest=str(event.digest))
