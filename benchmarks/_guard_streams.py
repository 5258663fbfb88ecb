"""Simulated production for a guard: streams of figures, and the guard's own judging, streaks and moves run through them.

Nothing here waits or stores: a minute is a step, and the alias's log is a state in memory. What judges is what judges in
production: `judge`, `advance`, `acts`, and for where a guard may go `guard_may_reach`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from modelver.history.event import AliasSet
from modelver.history.state import State
from modelver.registry.aliases.rolling_back import guard_may_reach
from modelver.serving.guarding.judging import Patience, Seen, Streak, acts, advance, judge
from modelver.serving.guarding.rules import NOTHING_BEFORE, Facts, Needed, read_rules
from modelver.values.name import Alias
from modelver.values.reading import Reading
from tests.histories import after, alias_set, manifest_digest, with_versions

MINUTES = 120
CHANGE = 30
"""The minute in which something happens, where something does."""

WINDOW = 5
SETTLE = 1
COOLDOWN = 30
BASE = 0.02
MARGIN = 0.02
RULES = {
    False: read_rules(f"current.metrics.error_rate <= baseline.metrics.error_rate + {MARGIN}"),
    True: read_rules(f'current.metrics.error_rate <= baseline.windows["1h"].metrics.error_rate + {MARGIN}'),
}
"""A rule, and one whose baseline is of the version's last hour."""

START = datetime(2026, 11, 17, 15, tzinfo=UTC)
VERSIONS = ("1.0.0", "2.0.0", "3.0.0")
"""The last one is what is served at first; the others can be gone back to."""

PRODUCTION = Alias("production")


class Kind(NamedTuple):
    """A kind of stream.

    Attributes:
        name: For people.
        harm: Whether going back is right.
        share: How many of 10,000 streams are of this kind.
        traffic: Requests a minute.
        step: By how much the error rate rises at `CHANGE`.
        drift: By how much it rises in the hour from `CHANGE` on.
        lost: The share of minutes in which figures can't be read, in bursts of ten on average.
        blip: Minutes from `CHANGE` on in which half of all requests fail, whatever the version.
        everywhere: Whether the step hits all versions.
    """

    name: str
    harm: bool
    share: int
    traffic: int = 100
    step: float = 0.0
    drift: float = 0.0
    lost: float = 0.0
    blip: int = 0
    everywhere: bool = False


KINDS = (
    Kind("no change, 20 a minute", False, 1000, traffic=20),
    Kind("no change, 100 a minute", False, 1500),
    Kind("no change, 1,000 a minute", False, 500, traffic=1000),
    Kind("few samples: 3 a minute", False, 1000, traffic=3),
    Kind("outages of the figures, 4 of 10 minutes", False, 1000, lost=0.4),
    Kind("a blip: half of all fail for 2 minutes", False, 1000, blip=2),
    Kind("step below the margin, +1 point", False, 500, step=0.01),
    Kind("step of +3 points", True, 750, step=0.03),
    Kind("step of +5 points", True, 1000, step=0.05),
    Kind("step of +10 points", True, 750, step=0.10),
    Kind("step of +30 points", True, 250, step=0.30),
    Kind("drift, +8 points in an hour", True, 500, drift=0.08),
    Kind("a bad day: +10 points, whatever the version", False, 250, step=0.10, everywhere=True),
)


class Setting(NamedTuple):
    """How a guard is set: the arguments of `Guard`; minutes for `apart`; which of `RULES`. It looks each minute."""

    min_samples: int
    breaches: int
    clear: int = 2
    apart: int = WINDOW
    hour: bool = False


class Ran(NamedTuple):
    """What a guard did to one stream.

    Attributes:
        first: The minute of its first rollback; -1 for none.
        moves: How often it rolled back.
        flaps: How often it went to a version that a guard had left: never.
    """

    first: int
    moves: int
    flaps: int


class Stream:
    """One stream: what can be read of each version, minute by minute.

    Args:
        kind: Its kind.
        seed: What else it depends on.
    """

    def __init__(self, kind: Kind, seed: int) -> None:
        self.kind = kind
        self._random = np.random.default_rng([seed, KINDS.index(kind)])
        self._figures = {version: self._windows(version) for version in VERSIONS}
        self._before = {
            hour: {
                version: self._sample((60 if hour else WINDOW) * kind.traffic, BASE) for version in VERSIONS
            }
            for hour in RULES
        }
        self.lost = self._bursts()
        self._seen: dict[tuple[str, int, bool], tuple[Seen, int]] = {}

    def _windows(self, version: str) -> list[tuple[int, int]]:
        """Return errors and requests of the window that ends with each minute."""
        kind, minute = self.kind, np.arange(MINUTES)
        rate = np.full(MINUTES, BASE)
        after = minute >= CHANGE
        if version == VERSIONS[-1] or kind.everywhere:
            rate = rate + after * kind.step + np.clip((minute - CHANGE) / 60, 0, 1) * kind.drift
        rate[CHANGE : CHANGE + kind.blip] = 0.5
        requests = self._random.poisson(kind.traffic, MINUTES)
        minutes = np.stack([self._random.binomial(requests, rate), requests], axis=1)
        sums = np.concatenate([np.zeros((WINDOW, 2), int), np.cumsum(minutes, axis=0)])
        found = sums[WINDOW:] - sums[:-WINDOW]
        return [(int(errors), int(counted)) for errors, counted in found]

    def _sample(self, size: int, rate: float) -> tuple[int, int]:
        requests = int(self._random.poisson(size))
        return int(self._random.binomial(requests, rate)), requests

    def _bursts(self) -> Any:
        """Return which minutes are lost: a two-state chain whose bursts last ten minutes on average."""
        lost = self.kind.lost
        if not lost:
            return np.zeros(MINUTES, bool)
        end, begin = 0.1, 0.1 * lost / (1 - lost)
        state, found = False, []
        for chance in self._random.random(MINUTES):
            state = chance >= end if state else chance < begin
            found.append(state)
        return np.array(found)

    def seen(self, version: str, minute: int, setting: Setting) -> Seen:
        """Return what a guard sees of a version at a minute."""
        key = (version, minute, setting.hour)
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = self._judged(*key)
        said, samples = known
        # With fewer samples `judge` gives "waiting" before it looks at a figure.
        return said if said == "unreadable" or samples >= setting.min_samples else "waiting"

    def _judged(self, version: str, minute: int, hour: bool) -> tuple[Seen, int]:
        errors, requests = self._figures[version][minute]
        number = VERSIONS.index(version)
        before = self._before[hour][VERSIONS[number - 1]]
        baseline = reading(*before) if number else NOTHING_BEFORE
        current = "the reader raises" if self.lost[minute] else reading(errors, requests)
        readings: dict[Needed, Reading | str] = {
            ("current", ""): current,
            ("baseline", "1h" if hour else ""): baseline,
        }
        said, _ = judge(RULES[hour], Facts(readings, lambda *_: None, 0))
        return said, min(requests, before[1]) if number else requests


def reading(errors: int, requests: int) -> Reading:
    """Return what a reader gives: without requests there is no rate."""
    return Reading({"error_rate": errors / requests} if requests else {}, requests)


def beginning() -> State:
    """Return an alias that went through all versions."""
    state = with_versions(VERSIONS)
    for version in VERSIONS:
        state = after(state, alias_set(state, PRODUCTION, version))
    return state


_BEGINNING = beginning()


class Guarded:
    """An alias under guard, for as long as a stream lasts."""

    def __init__(self, stream: Stream, setting: Setting) -> None:
        self._stream = stream
        self._setting = setting
        self._patience = Patience(setting.breaches, setting.clear, timedelta(minutes=setting.apart))
        self._state = _BEGINNING
        self._since = 0
        self._streak = Streak()
        self._left: set[str] = set()
        self.first, self.moves, self.flaps = -1, 0, 0

    def run(self) -> Ran:
        """Look at each minute."""
        for minute in range(SETTLE, MINUTES):
            if minute - self._since >= SETTLE:
                self._look(minute)
        return Ran(self.first, self.moves, self.flaps)

    def _look(self, minute: int) -> None:
        change = self._state.aliases[PRODUCTION]
        seen = self._stream.seen(change.version, minute, self._setting)
        self._streak = advance(self._streak, seen, START + timedelta(minutes=minute), self._patience)
        cooling = change.cause == "guard" and minute - self._since < COOLDOWN
        if acts(self._streak, seen, self._patience) and not cooling:
            self._go_back(minute, change.version)

    def _go_back(self, minute: int, version: str) -> None:
        reach = guard_may_reach(self._state, PRODUCTION)
        if not reach:
            return
        previous = self._state.aliases[PRODUCTION].as_previous()
        event = AliasSet(PRODUCTION, reach[0], manifest_digest(reach[0]), previous, "guard")
        self._state = after(self._state, event)
        self._left.add(version)
        self.flaps += reach[0] in self._left
        self.moves += 1
        self.first = minute if self.first < 0 else self.first
        self._since, self._streak = minute, Streak()


class Study:
    """What guards of some settings did to many streams.

    Args:
        settings: The settings.
    """

    def __init__(self, settings: Sequence[Setting]) -> None:
        self.settings = tuple(settings)
        self.ran: dict[tuple[str, Setting], list[Ran]] = {}

    def add(self, kind: Kind, seeds: range) -> None:
        """Run streams of a kind."""
        for seed in seeds:
            stream = Stream(kind, seed)
            for setting in self.settings:
                self.ran.setdefault((kind.name, setting), []).append(Guarded(stream, setting).run())

    def join(self, ran: Mapping[tuple[str, Setting], list[Ran]]) -> None:
        """Take what another process ran."""
        for key, found in ran.items():
            self.ran.setdefault(key, []).extend(found)

    def of(self, kind: Kind, setting: Setting) -> "Summary":
        """Return what came of one kind under one setting."""
        return Summary(kind, self.ran[kind.name, setting])

    def false_rollbacks(self, setting: Setting) -> float:
        """Return the share of streams without harm that were rolled back, but for bad days."""
        calm = [kind for kind in KINDS if not kind.harm and not kind.everywhere]
        found = [run.first >= 0 for kind in calm for run in self.ran.get((kind.name, setting), [])]
        return sum(found) / len(found)

    def flaps(self) -> int:
        """Return how often any guard went to a version that a guard had left."""
        return sum(run.flaps for found in self.ran.values() for run in found)


class Summary:
    """What came of the streams of one kind under one setting."""

    def __init__(self, kind: Kind, ran: Sequence[Ran]) -> None:
        self.kind = kind
        self.ran = ran

    @property
    def rolled_back(self) -> float:
        """The share that was rolled back, at any time."""
        return sum(run.first >= 0 for run in self.ran) / len(self.ran)

    @property
    def early(self) -> float:
        """The share that was rolled back before anything happened."""
        return sum(0 <= run.first < CHANGE for run in self.ran) / len(self.ran)

    @cached_property
    def delays(self) -> list[int]:
        """Minutes from the change to the rollback, sorted, where it came after."""
        return sorted(run.first - CHANGE for run in self.ran if run.first >= CHANGE)

    @property
    def moves(self) -> float:
        """Rollbacks for each stream."""
        return sum(run.moves for run in self.ran) / len(self.ran)

    def delay(self, share: float) -> float:
        """Return within how many minutes a share of those that were found was found; NaN where none was."""
        return self.delays[int(share * (len(self.delays) - 1))] if self.delays else float("nan")
