"""What a guard has to know of an alias, and what it needs of a registry."""

import re
from datetime import datetime
from pathlib import Path
from typing import Protocol

import attrs

from modelver.history.state import Mark
from modelver.values.model_version import ModelVersion
from modelver.values.reading import Breach
from modelver.values.record import Metric


@attrs.frozen
class Service:
    """A version that an alias named for some time.

    Attributes:
        version: The version.
        since: Since when.
        until: Until when; None where it names it still.
    """

    version: ModelVersion
    since: datetime
    until: datetime | None = None


@attrs.frozen
class Watched:
    """An alias, as of one commit.

    Attributes:
        registry: The registry's id.
        model: The model.
        alias: The alias.
        current: What it names, since when.
        generation: The number of the commit that put it there.
        cause: How it came there: ``promote``, ``rollback``, ``manual`` or ``guard``.
        breach: What a guard saw, where the cause is ``guard``.
        left: The version that was left with this move; empty for the first one.
        left_generation: The alias's generation before; 0 likewise.
        back: Where a guard would go back to, and when that served last; None where there is nothing.
        back_recorded: What guards of this alias recorded of that version, but for what they saw at a rollback.
        pinned: Who pinned the alias, when and why; None where nobody did.
        metrics: What is known of the current version's metrics: as it was published, and later ones.
        cache: The user's cache folder.
    """

    registry: str
    model: str
    alias: str
    current: Service
    generation: int
    cause: str
    breach: Breach | None
    left: str
    left_generation: int
    back: Service | None
    back_recorded: tuple[Metric, ...]
    pinned: Mark | None
    metrics: tuple[Metric, ...]
    cache: Path


def is_regular(commit_id: str, alias: str) -> bool:
    """Tell whether a commit is one by which a guard of an alias records figures now and then, and not at a rollback."""
    parts = rf"guard-{re.escape(alias)}-[0-9]+-([0-9]+|before)-(current|baseline)-[0-9a-f]{{8}}"
    return re.fullmatch(parts, commit_id) is not None


class GuardedRegistry(Protocol):
    """What a guard needs of a registry."""

    def watched(self, model: str, alias: str) -> Watched:
        """Return what is to know of an alias, all as of one commit."""
        ...

    def rollback_on_breach(
        self, model: str, alias: str, breach: Breach, *, expected: int, reason: str = ""
    ) -> ModelVersion:
        """Move an alias back, once for each of its generations."""
        ...

    def record_metrics(
        self, ref: str | ModelVersion, metrics: list[Metric], *, commit_id: str | None = None
    ) -> ModelVersion:
        """Put figures on record."""
        ...
