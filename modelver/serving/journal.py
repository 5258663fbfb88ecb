"""What a follower did: kept, logged and told, each failure once."""

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from modelver.serving.change import Change, Figures, Stage
from modelver.serving.source import Sighting
from modelver.serving.troubles import Troubles
from modelver.values import html
from modelver.values.model_version import ModelVersion
from modelver.values.shown import one_line

T = TypeVar("T")

_LOGGER = logging.getLogger("modelver")
_REMEMBERED = 1000
"""Entries that are kept."""


class Journal:
    """A follower's history, and its counts since it began.

    Args:
        ref: The reference that is followed.
        troubles: The failures that still hold.
        on_change: Told of each entry.
    """

    def __init__(self, ref: str, troubles: Troubles, on_change: Callable[[Change], object] | None) -> None:
        self._ref = ref
        self._troubles = troubles
        self._on_change = on_change
        self._changes: deque[Change] = deque(maxlen=_REMEMBERED)
        self._swapped: Change | None = None
        self._told_yank = ""
        self._counts: dict[Stage, int] = {}
        self.swaps = 0

    @property
    def changes(self) -> tuple[Change, ...]:
        """The last entries, the oldest first; the last swap is among them, however much has failed since."""
        changes, swapped = tuple(self._changes), self._swapped
        if swapped is None or any(each is swapped for each in changes):
            return changes
        return swapped, *changes

    def figures(self, age: float) -> Figures:
        """Return all in numbers.

        Args:
            age: Seconds since the registry last confirmed what the reference names.
        """
        swapped = self._swapped
        return Figures(
            age=age,
            swaps=self.swaps,
            failures=dict(self._counts),
            fetch_seconds=swapped.fetch_seconds if swapped else 0.0,
            load_seconds=swapped.load_seconds if swapped else 0.0,
            failing=self._troubles.last is not None,
        )

    def html(self, served: str, age: float) -> str:
        """Return the newest entries as HTML, to be put into a page.

        Args:
            served: What is served, in words.
            age: As for `figures`.
        """
        rows = [
            (html.text(f"{change.at:%Y-%m-%d %H:%M:%S}"), html.text(change.outcome), html.text(change))
            for change in self.changes[-10:]
        ]
        title = html.heading(f"following {self._ref}", served)
        return title + html.line(f"confirmed {age:.0f} s ago") + html.table(("at", "", "change"), rows)

    def seen(self, sighting: Sighting) -> None:
        """Log that what the reference names was yanked, unless that was logged."""
        if sighting.yanked is not None and self._told_yank != sighting.version.digest:
            self._told_yank = sighting.version.digest
            named, why = sighting.version.ref, one_line(sighting.yanked)
            _LOGGER.warning("%s names %s, which was yanked: %s", self._ref, named, why)

    def swapped(
        self, sighting: Sighting, previous: ModelVersion | None, fetch_seconds: float, load_seconds: float
    ) -> None:
        """Note that a version was swapped in."""
        self._troubles.clear()
        self.swaps += 1
        change = Change(
            at=datetime.now(UTC),
            ref=self._ref,
            outcome="swapped",
            version=sighting.version,
            previous=previous,
            cause=sighting.cause,
            reason=sighting.reason,
            by=sighting.by,
            fetch_seconds=fetch_seconds,
            load_seconds=load_seconds,
        )
        _LOGGER.info("%s", change)
        self._record(change)

    def failed(
        self,
        stage: Stage,
        error: BaseException | str,
        sighting: Sighting | None,
        previous: ModelVersion | None,
    ) -> None:
        """Note that something failed, unless that was noted and still holds."""
        change = Change(
            at=datetime.now(UTC),
            ref=self._ref,
            outcome="failed",
            version=sighting.version if sighting else None,
            previous=previous,
            cause=sighting.cause if sighting else "",
            reason=sighting.reason if sighting else "",
            by=sighting.by if sighting else "",
            stage=stage,
            error=error if isinstance(error, str) else line(error),
        )
        if self._troubles.meet(change, sighting):
            self._counts[stage] = self._counts.get(stage, 0) + 1
            _LOGGER.warning("%s", change)
            self._record(change)

    def _record(self, change: Change) -> None:
        self._changes.append(change)
        if change.outcome == "swapped":
            self._swapped = change
        if self._on_change is not None:
            call(self._on_change, change, f"{self._ref}: on_change failed")


def call(function: Callable[[T], object], argument: T, failed: str) -> None:
    """Call a function of the caller's; whatever it raises is logged, and does not stop the following."""
    try:
        function(argument)
    except KeyboardInterrupt:
        raise
    except BaseException:  # (``sys.exit`` and a panic in Rust too)
        _LOGGER.exception("%s", failed)


def line(error: BaseException) -> str:
    """Return an error in a line; one that can't be put into words is named at least."""
    try:
        text = one_line(str(error).strip().partition("\n")[0][:500])
    except Exception:  # noqa: BLE001 (a caller's error has a text of its own making)
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
