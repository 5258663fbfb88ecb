"""What keeps a follower from serving what it should: reported once, tried again ever more seldom."""

import time
from collections.abc import Collection

from modelver.serving.change import Change, Stage
from modelver.serving.source import Sighting

LONGEST_REST = 900.0
"""Seconds after which a version that failed is tried again at the latest."""


class Troubles:
    """The failures that still hold.

    Args:
        interval: Seconds of the first rest; each further one is twice as long.
        final: Stages after whose failure a version is not tried again, unless somebody asks for it.
    """

    def __init__(self, interval: float, *, final: Collection[Stage] = ()) -> None:
        self._interval = interval
        self._final = frozenset(final)
        self._holding: dict[Stage, Change] = {}
        self._subject: tuple[str, int] | None = None
        self._tries = 0
        self._again = 0.0

    @property
    def last(self) -> Change | None:
        """The newest failure that still holds."""
        holding = list(self._holding.values())  # in one step, as a thread may be changing them
        return holding[-1] if holding else None

    def meet(self, change: Change, sighting: Sighting | None) -> bool:
        """Note a failure; tell whether it is a new one.

        Args:
            change: The failure.
            sighting: The version that failed; None where it is the registry.
        """
        if sighting is not None:
            subject = (str(sighting.version.digest), sighting.generation)
            if subject != self._subject:
                self.clear()
            self._subject = subject
            rest = min(self._interval * 2.0 ** min(self._tries, 32), LONGEST_REST)
            self._tries += 1
            self._again = float("inf") if change.stage in self._final else time.monotonic() + rest
        stage = change.stage or "resolve"
        if stage in self._holding:
            return False
        self._holding[stage] = change
        return True

    def is_resting(self, sighting: Sighting) -> bool:
        """Tell whether the version failed and is not to be tried again yet."""
        same = self._subject == (str(sighting.version.digest), sighting.generation)
        return same and time.monotonic() < self._again

    def forget_rest(self) -> None:
        """Try again at the next occasion."""
        self._again = 0.0

    def end(self, stage: Stage) -> bool:
        """Forget a failure; tell whether there was one."""
        return self._holding.pop(stage, None) is not None

    def clear(self) -> None:
        """All is well."""
        self._holding.clear()
        self._subject, self._tries, self._again = None, 0, 0.0
