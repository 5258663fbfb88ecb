"""A place that is kept in step with a reference, as it moves: look, bring, wait; and go on when something fails."""

import random
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import attrs

from modelver.errors import ModelverError, Offline, StoreError, UnsupportedStore
from modelver.serving.source import Sighting
from modelver.values.digest import Digest
from modelver.values.wire import format_time

M = TypeVar("M")
_JITTER = 0.2
_LONGEST_REST = 900.0
"""Seconds after which a version that failed is brought again at the latest."""


@attrs.frozen
class News(Generic[M]):
    """Something to tell; where both are None, what was wrong before is well again.

    Attributes:
        made: What stands at the place now.
        trouble: Why it can't be brought there, or why nobody knows whether it is in step. It is told once.
    """

    made: M | None = None
    trouble: ModelverError | None = None


@attrs.define
class Keeper(Generic[M]):
    """Keeps a place in step; a version that fails is brought again ever more seldom, as each try may move all its bytes.

    Attributes:
        look: Returns what the reference names, with one request where nothing moved.
        bring: Brings what it names to the place, and clears what has been retired for long enough.
        digest: Tells which version was brought.
        interval: Seconds between two looks; each is up to a fifth more or less, so that many don't ask in step.
        grace: Seconds after a change in which there is something to clear.
        wait: Waits so many seconds; True ends it all.
        clock: Tells the time in seconds, by any clock that only goes on.
    """

    look: Callable[[], Sighting]
    bring: Callable[[], M]
    digest: Callable[[M], Digest]
    interval: float
    grace: float
    wait: Callable[[float], bool]
    clock: Callable[[], float]
    _done: Digest | None = None
    _clear_at: float | None = None
    _told: str = ""
    _failed: Digest | None = None
    _tries: int = 0
    _again: float = 0.0

    def run(self) -> Iterator[News[M]]:
        """Yield what there is to tell, until `wait` ends it.

        Raises:
            ModelverError: The first look or the first version fails by what was asked for, and not by a store.
        """
        while True:
            yield from self._step()
            if self.wait(self.interval * random.uniform(1 - _JITTER, 1 + _JITTER)):  # noqa: S311 (no secret)
                return

    def _step(self) -> Iterator[News[M]]:
        try:
            sighting = self.look()
            rests = self._failed == sighting.version.digest and self.clock() < self._again
            made = None if rests else self._brought(sighting)
        except ModelverError as error:
            passing = isinstance(error, StoreError) and not isinstance(error, UnsupportedStore)
            if self._done is None and not passing:
                raise
            yield from self._trouble(error)
            return
        if made is not None:
            yield News(made)
        if sighting.as_of is not None:
            yield from self._trouble(
                Offline(
                    "the registry can't be reached: what stands here stays",
                    where=sighting.version.ref,
                    found=f"as of {format_time(sighting.as_of)}",
                )
            )
        elif self._told and not rests:
            self._told = ""
            yield News()

    def _brought(self, sighting: Sighting) -> M | None:
        """Bring what is new; return it where it is."""
        is_new = sighting.version.digest != self._done
        if not is_new and (self._clear_at is None or self.clock() < self._clear_at):
            return None
        try:
            made = self.bring()
        except ModelverError as error:
            self._rest(sighting.version.digest, error)
            raise
        self._failed, self._tries = None, 0
        self._clear_at = self.clock() + self.grace + 1 if is_new else None
        self._done = self.digest(made)
        return made if is_new else None

    def _rest(self, digest: Digest, error: ModelverError) -> None:
        """Leave a version alone that failed; while nobody can be reached, nothing was moved."""
        if isinstance(error, Offline):
            return
        self._tries = self._tries + 1 if self._failed == digest else 0
        self._failed = digest
        # The first rest ends before the next look.
        self._again = self.clock() + min(self.interval * 2.0 ** (min(self._tries, 32) - 1), _LONGEST_REST)

    def _trouble(self, error: ModelverError) -> Iterator[News[M]]:
        """Tell of trouble, unless it was the last thing that was told; the time of day in it doesn't count."""
        text = f"{type(error).__name__} {error.what} {error.where}"
        if text != self._told:
            self._told = text
            yield News(trouble=error)
