"""Reading what a guard's rules speak of."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import attrs

from modelver.errors import InvalidValue
from modelver.gates.subject import Figures
from modelver.serving.guarding.recording import Recorder
from modelver.serving.guarding.rules import NOTHING_BEFORE, OFFLINE, Facts, Needed, Rule, Side, window_lengths
from modelver.serving.guarding.window import window_before
from modelver.serving.kpis.taking import Reader, take
from modelver.serving.watched import Watched
from modelver.values.reading import Reading

Baseline: TypeAlias = Literal["previous", "offline"]


def check_baseline(value: Baseline) -> Baseline:
    """Return a baseline.

    Raises:
        InvalidValue: It is none.
    """
    if value not in {"previous", "offline"}:
        raise InvalidValue("not a baseline", where=repr(value)[:80], expected="previous or offline")
    return value


@attrs.frozen
class Sight:
    """How a guard reads.

    Attributes:
        rules: What it judges by.
        reader: Gives figures.
        baseline: What the current version is held against.
        window: How long the window is where a rule names none.
        min_samples: With fewer samples nothing is said.
        recorder: Knows what is on record of the baseline, for when the reader has forgotten it.
    """

    rules: tuple[Rule, ...]
    reader: Reader
    baseline: Baseline
    window: timedelta
    min_samples: int
    recorder: Recorder

    @property
    def identity(self) -> str:
        """What makes two guards judge alike."""
        own = str(int(self.window.total_seconds()))
        return "\0".join((self.baseline, own, *(rule.text for rule in self.rules)))

    def read(self, seen: Watched, at: datetime) -> dict[Needed, Reading | str]:
        """Return the figures that the rules speak of, each or why it could not be read."""
        lengths = window_lengths(self.rules, self.window)
        return {need: self._one(seen, need[0], length, at) for need, length in lengths.items()}

    def facts(self, seen: Watched, readings: Mapping[Needed, Reading | str]) -> Facts:
        """Return what the rules are judged on."""
        figures = Figures(seen.metrics)
        ambiguous = figures.ambiguous() if self.baseline == "offline" else {}
        return Facts(readings, figures.metric, self.min_samples, ambiguous)

    def _one(self, seen: Watched, side: Side, length: timedelta, at: datetime) -> Reading | str:
        if side == "current":
            window = window_before(at, length, seen.current.since)
            return take(self.reader, seen.current.version, window)
        if self.baseline == "offline":
            values = Figures(seen.metrics).by_name()
            return Reading(values, version=str(seen.current.version.version), window=OFFLINE)
        if seen.back is None:
            return NOTHING_BEFORE
        window = window_before(seen.back.until or at, length, seen.back.since)
        found = take(self.reader, seen.back.version, window)
        if isinstance(found, Reading) and found.values and (found.samples or 0) >= self.min_samples:
            return found
        return self.recorder.recorded(seen, window.name) or found
