"""The guard: watch what an alias serves, and go back by itself."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import attrs

from modelver.errors import InvalidValue, ModelverError, StoreError
from modelver.serving.guarding.acting import Hand
from modelver.serving.guarding.judging import Patience, Seen, Streak, acts, advance, judge
from modelver.serving.guarding.looking import Baseline, Sight, check_baseline
from modelver.serving.guarding.memory import StreakMemory
from modelver.serving.guarding.recording import Recorder
from modelver.serving.guarding.report import GuardReport
from modelver.serving.guarding.rules import Needed, Side, read_rules
from modelver.serving.guarding.window import Length, parse_length
from modelver.serving.kpis.taking import Reader
from modelver.serving.watched import GuardedRegistry, Watched
from modelver.values.name import Alias, ModelName
from modelver.values.reading import Reading

_LOGGER = logging.getLogger("modelver.guard")
_SECOND = timedelta(seconds=1)


def _now() -> datetime:
    return datetime.now(UTC)


class Guard:
    """Watches what an alias serves, and rolls back where rules say that it serves badly, often enough in a row.

    A rollback by a guard goes where a rollback by hand would go, but never to a version that a guard rolled away from:
    so nothing flaps. It happens once for each move of the alias, whoever guards it; never past a person's pin.

    Lengths of time are seconds, texts such as ``5m``, or a `timedelta`; whole seconds, a year at most.

    Args:
        registry: The registry.
        model: The model.
        alias: Such as ``production``.
        rules: What must hold: expressions over ``current`` and ``baseline``, such as
            ``current.metrics.error_rate <= baseline.metrics.error_rate + 0.02``; see docs/how-to/guard.md.
        read: Gives the figures of a version over a window: a function, or a `PrometheusReader`, `CsvReader` or
            `ParquetReader`.
        baseline: What ``baseline`` is: ``previous``, the last window of the version that the guard would go back to; or
            ``offline``, the metrics of the current version that the registry has.
        window: How long the window is that figures are of.
        min_samples: With fewer samples in a window nothing is said of it. 0: the number is not asked for.
        breaches: How many breached readings in a row it takes.
        clear: How many good ones in a row end a streak of breached ones.
        apart: Readings that are nearer to each other than this count as one; None: the window's length, so that no sample
            is counted twice. Look as often as you like.
        cooldown: How long a guard does not act after a guard's rollback, as long as nobody moves the alias.
        settle: How long nothing is said of a version after the alias moved to it.
        record: Whether figures go on record as metrics: at a rollback, and once in every `record_every`.
        record_every: How often.
        dataset: The dataset of these metrics; their slice is ``window=`` and the window.
        dry_run: Only tell what would be done; breached readings count all the same, also for a guard that acts later.
        clock: Gives the time, in UTC; for tests and simulations.

    Raises:
        InvalidValue: A rule is none, or a number makes no sense.
        InvalidName: Model or alias break their grammar.
    """

    def __init__(
        self,
        registry: GuardedRegistry,
        model: str,
        alias: str,
        *,
        rules: Sequence[str] | str,
        read: Reader,
        baseline: Baseline = "previous",
        window: Length = "5m",
        min_samples: int = 200,
        breaches: int = 3,
        clear: int = 2,
        apart: Length | None = None,
        cooldown: Length = "30m",
        settle: Length = "1m",
        record: bool = True,
        record_every: Length = "1d",
        dataset: str = "production",
        dry_run: bool = False,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._registry = registry
        self._model, self._alias = ModelName(model), Alias(alias)
        every = parse_length(record_every, "record_every", least=_SECOND)
        self._recorder = Recorder(registry, dataset, every)
        length = parse_length(window, "window", least=_SECOND)
        self._sight = Sight(
            read_rules(rules),
            read,
            check_baseline(baseline),
            length,
            _whole(min_samples, "min_samples", least=0),
            self._recorder,
        )
        self._patience = Patience(
            _whole(breaches, "breaches"),
            _whole(clear, "clear"),
            length if apart is None else parse_length(apart, "apart"),
        )
        self._settle = parse_length(settle, "settle")
        self._hand = Hand(
            registry, parse_length(cooldown, "cooldown"), self._recorder if record else None, dry_run=dry_run
        )
        self._records = record
        self._dry_run = dry_run
        self._clock = clock
        self._memory: StreakMemory | None = None

    def __repr__(self) -> str:
        return f"<Guard {self._model}@{self._alias}: {len(self._sight.rules)} rule(s)>"

    def run_once(self) -> GuardReport:
        """Look once: read, judge, and roll back where that is due.

        Returns:
            What was found and done; true when all is well, or when it is too early to say.

        Raises:
            NotFound: There is no such model or alias.
            Corrupt: The registry is damaged.
        """
        at = self._clock()
        try:
            seen = self._registry.watched(str(self._model), str(self._alias))
        except StoreError as error:
            return _told(self._report(at, "unreadable", f"the registry can't be read: {error}"))
        notes = tuple(self._catch_up(seen))
        report = self._look(seen, at)
        if self._records and report.outcome not in {"rolled_back", "unreadable"}:
            notes += tuple(self._note(seen, report))
        return _told(attrs.evolve(report, notes=(*report.notes, *notes)))

    def run(
        self,
        interval: Length = 60,
        stop: threading.Event | None = None,
        *,
        on_report: Callable[[GuardReport], object] | None = None,
    ) -> None:
        """Look again and again until told to stop.

        What fails in between, the registry too, is reported as ``unreadable``, and it goes on.

        Args:
            interval: Between two looks.
            stop: Set it to end the loop; None: it ends with an exception alone, such as KeyboardInterrupt.
            on_report: Told of each report.

        Raises:
            NotFound: There is no such model or alias, at the first look.
        """
        pause = parse_length(interval, "interval", least=_SECOND).total_seconds()
        stopped = stop or threading.Event()
        report = self.run_once()
        while True:
            if on_report is not None:
                on_report(report)
            if stopped.wait(pause):
                return
            try:
                report = self.run_once()
            except ModelverError as error:
                report = _told(self._report(self._clock(), "unreadable", str(error)))

    def _look(self, seen: Watched, at: datetime) -> GuardReport:
        """Read and judge; act where that is due."""
        early = self._too_early(seen, at)
        if early:
            return self._report(at, "waiting", early, seen)
        readings = self._sight.read(seen, at)
        said, answers = judge(self._sight.rules, self._sight.facts(seen, readings))
        streak, kept = self._advance(seen, said, at)
        report = attrs.evolve(
            self._report(at, said, "", seen),
            answers=answers,
            current=_of("current", readings),
            baseline=_of("baseline", readings),
            streak=streak.breached,
            since=streak.since,
            notes=() if kept else ("the streak is not kept: the cache can't be used",),
        )
        if said in {"waiting", "unreadable"}:
            return attrs.evolve(report, reason=_why(report))
        if said == "breached" and not acts(streak, said, self._patience):
            return attrs.evolve(
                report, reason=f"reading {streak.breached} of {self._patience.breaches} in a row"
            )
        return self._hand.act(seen, report) if said == "breached" else report

    def _too_early(self, seen: Watched, at: datetime) -> str:
        """Say why nothing can be said yet; empty where it can."""
        served = at - seen.current.since
        if served < -self._settle - _SECOND:
            return f"this machine's clock is behind the log's time by {-served}"
        if served < self._settle:
            return f"the alias moved {max(0, int(served.total_seconds()))} s ago"
        return ""

    def _advance(self, seen: Watched, said: Seen, at: datetime) -> tuple[Streak, bool]:
        if self._memory is None:
            self._memory = StreakMemory(seen.cache, self._key(seen))
        return self._memory.advance(seen.generation, lambda streak: advance(streak, said, at, self._patience))

    def _key(self, seen: Watched) -> str:
        """Return what tells this guard from others: the same rules on the same alias go on where they were."""
        parts = (seen.registry, seen.model.lower(), seen.alias, self._sight.identity)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _catch_up(self, seen: Watched) -> Iterator[str]:
        """Record what a guard saw that was killed after it had rolled back."""
        if self._records and not self._dry_run and seen.cause == "guard" and seen.breach is not None:
            yield from self._recorder.breach(seen, seen.breach, seen.left_generation)

    def _note(self, seen: Watched, report: GuardReport) -> Iterator[str]:
        """Put on record what was seen, where it is enough to say something."""
        if self._dry_run or not report.answers or any(each.answer == "waiting" for each in report.answers):
            return
        sides: list[tuple[Side, tuple[Reading, ...]]] = [
            ("current", report.current),
            ("baseline", report.baseline),
        ]
        yield from self._recorder.now_and_then(seen, sides, report.at)

    def _report(
        self,
        at: datetime,
        outcome: Literal["ok", "waiting", "breached", "unreadable"],
        reason: str,
        seen: Watched | None = None,
    ) -> GuardReport:
        version = str(seen.current.version.version) if seen else ""
        return GuardReport(
            str(self._model), str(self._alias), at, outcome, version, reason, breaches=self._patience.breaches
        )


def _told(report: GuardReport) -> GuardReport:
    """Log a report that is not true."""
    if not report:
        _LOGGER.warning("%s", str(report).partition("\n")[0])
    return report


def _of(side: Side, readings: dict[Needed, Reading | str]) -> tuple[Reading, ...]:
    return tuple(
        reading for need, reading in readings.items() if need[0] == side and isinstance(reading, Reading)
    )


def _why(report: GuardReport) -> str:
    """Return why nothing was said: the first rule that could not be judged."""
    silent = (each.reason for each in report.answers if each.answer == report.outcome)
    return next(silent, "")


def _whole(value: int, what: str, *, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidValue(
            "not a count", where=what, expected=f"a whole number, at least {least}", found=repr(value)[:80]
        )
    return value
