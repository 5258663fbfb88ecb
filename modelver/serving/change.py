"""What happened to what is served: swaps, and versions that could not be swapped in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import attrs

from modelver.values.canonical import Json
from modelver.values.model_version import ModelVersion
from modelver.values.shown import one_line
from modelver.values.wire import format_time

Stage = Literal["resolve", "fetch", "load", "check", "drain"]


@attrs.frozen
class Change:
    """One entry of a follower's history.

    Attributes:
        at: When.
        ref: The reference that is followed.
        outcome: ``swapped``: `version` is served since; ``failed``: `previous` is served on.
        version: The new version; None where the reference could not be resolved.
        previous: What was served before; None at the beginning.
        cause: Why the alias had moved, such as ``promote``, ``rollback`` or ``guard``.
        reason: What was given as the reason.
        by: Who moved it.
        stage: Where it failed: ``resolve``, ``fetch`` (download and verification), ``load``, ``check`` or ``drain``.
        error: What went wrong, in a line.
        fetch_seconds: How long download and verification took.
        load_seconds: How long ``load`` and ``check`` took.
    """

    at: datetime
    ref: str
    outcome: Literal["swapped", "failed"]
    version: ModelVersion | None = None
    previous: ModelVersion | None = None
    cause: str = ""
    reason: str = ""
    by: str = ""
    stage: Stage | None = None
    error: str = ""
    fetch_seconds: float = 0.0
    load_seconds: float = 0.0

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "at": format_time(self.at),
            "ref": self.ref,
            "outcome": self.outcome,
            "version": str(self.version.version) if self.version else None,
            "digest": str(self.version.digest) if self.version else None,
            "previous": str(self.previous.version) if self.previous else None,
            "cause": self.cause,
            "reason": self.reason,
            "by": self.by,
            "stage": self.stage,
            "error": self.error,
            "fetch_seconds": self.fetch_seconds,
            "load_seconds": self.load_seconds,
        }

    def __str__(self) -> str:
        number = self.version.version if self.version else ""
        if self.outcome == "failed":
            kept = f"; {self.previous.version} is served on" if self.previous else ""
            if self.version is None:
                return f"what {self.ref} names can't be told: {self.error}{kept}"
            return f"{self.ref}: {number} was not swapped in, as {self.stage} failed: {self.error}{kept}"
        before = f"{self.previous.version} → " if self.previous else ""
        why = ": ".join(part for part in (self.cause, self.reason) if part)
        return f"{self.ref}: {before}{number}" + (f" ({one_line(why)})" if why else "")


@attrs.frozen
class Figures:
    """A follower in numbers, at one moment; counts begin when it was made.

    Attributes:
        age: Seconds since the registry last confirmed what the reference names.
        swaps: How often a version was swapped in, the first one too.
        failures: How often something failed, by stage; each failure counts once, however often it was tried again.
        fetch_seconds: How long the last swap's download and verification took.
        load_seconds: How long the last swap's ``load`` and ``check`` took.
        failing: Whether what the reference names now can't be served, or can't be told.
    """

    age: float
    swaps: int
    failures: Mapping[Stage, int]
    fetch_seconds: float
    load_seconds: float
    failing: bool
