"""Putting on record what a guard saw, each figure once, however many guards there are and wherever one is killed."""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from modelver.errors import AlreadyExists, ModelverError
from modelver.serving.guarding.rules import OFFLINE, Side
from modelver.serving.watched import GuardedRegistry, Watched
from modelver.values.reading import WINDOW, Breach, Reading
from modelver.values.record import Metric

_LOGGER = logging.getLogger("modelver")


class Recorder:
    """Records figures of production as metrics of their versions.

    The ids of its commits are made of what they are about: the alias, its generation, the breach or the period, the names of
    the figures. So a repetition, or the same guard on another machine, writes nothing twice, and `is_regular` knows them.

    Args:
        registry: The registry.
        dataset: The metrics' dataset.
        every: How often figures go on record while nothing is wrong.
    """

    def __init__(self, registry: GuardedRegistry, dataset: str, every: timedelta) -> None:
        self._registry = registry
        self._dataset = dataset
        self._every = every
        self._done: set[str] = set()

    def breach(self, seen: Watched, breach: Breach, generation: int) -> Iterator[str]:
        """Record what was seen at a breach; yield what could not be done."""
        for side, readings in (("current", breach.current), ("baseline", breach.baseline)):
            yield from self._record(seen, readings, f"guard-{seen.alias}-{generation}-breach-{side}")

    def now_and_then(
        self, seen: Watched, sides: Iterable[tuple[Side, tuple[Reading, ...]]], at: datetime
    ) -> Iterator[str]:
        """Record what was seen, once in a period, the baseline once for each move; yield what could not be done."""
        period = int(at.timestamp() // self._every.total_seconds())
        for side, readings in sides:
            when = str(period) if side == "current" else "before"
            yield from self._record(seen, readings, f"guard-{seen.alias}-{seen.generation}-{when}-{side}")

    def recorded(self, seen: Watched, window: str) -> Reading | None:
        """Return what guards of this alias recorded of the version to go back to, while it served; None for nothing."""
        part = f"{WINDOW}{window}"
        found = [
            metric for metric in seen.back_recorded if (metric.dataset, metric.slice) == (self._dataset, part)
        ]
        if not found or seen.back is None:
            return None
        counts = [metric.count for metric in found if metric.count is not None]
        return Reading(
            {metric.name: metric.value for metric in found},
            min(counts) if counts else None,
            version=str(seen.back.version.version),
            window=window,
        )

    def _record(self, seen: Watched, readings: Iterable[Reading], commit_id: str) -> Iterator[str]:
        kept = [reading for reading in readings if reading.window != OFFLINE and reading.values]
        metrics = [metric for reading in kept for metric in self._metrics(reading)]
        commit_id = f"{commit_id}-{_named(metrics)}"
        if not metrics or commit_id in self._done:
            return
        try:
            self._registry.record_metrics(f"{seen.model}:{kept[0].version}", metrics, commit_id=commit_id)
        except AlreadyExists:  # another guard was faster, and read it a moment earlier
            self._done.add(commit_id)
        except ModelverError as error:
            _LOGGER.warning("a guard's figures were not recorded: %s", error)
            yield f"the figures were not recorded: {error}"
        else:
            self._done.add(commit_id)

    def _metrics(self, reading: Reading) -> Iterator[Metric]:
        for name, value in sorted(reading.values.items()):
            yield Metric(name, value, self._dataset, f"{WINDOW}{reading.window}", count=reading.samples)


def _named(metrics: Iterable[Metric]) -> str:
    """Return what tells the figures of one guard from those of another."""
    keys = "\0".join(f"{metric.name}\0{metric.slice}" for metric in metrics)
    return hashlib.sha256(keys.encode()).hexdigest()[:8]
