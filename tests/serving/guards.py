"""What tests of guards share: a registry with versions, a clock that is set, and figures that are given."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import attrs

import modelver as mv
from modelver.serving.watched import GuardedRegistry, Watched

Figures = Mapping[str, float | None] | mv.Reading | Callable[[], Mapping[str, float | None]]
RULE = "current.metrics.error_rate <= baseline.metrics.error_rate + 0.02"
GOOD = {"error_rate": 0.01, "samples": 1000.0}
BAD = {"error_rate": 0.10, "samples": 1000.0}


def filled(place: object, *versions: str, actor: str = "ana@acme.io") -> mv.Registry:
    """Return a registry whose production went through some versions."""
    registry = mv.Registry(str(place), actor=actor)
    for number, version in enumerate(versions):
        registry.register("m", {"w.bin": bytes([number])}, version=version, capture=False)
        registry.set_alias("m", "production", version)
    return registry


class Shaky:
    """A registry that fails now and then, and whose process may die between a rollback and what follows it.

    Args:
        registry: The registry.
        faults: What each look at it meets.
        dies: Whether the process ends before figures go on record.
        unrecordable: Why they can't.
    """

    def __init__(
        self,
        registry: mv.Registry,
        faults: Iterable[Exception | None] = (),
        *,
        dies: bool = False,
        unrecordable: Exception | None = None,
    ) -> None:
        self._registry = registry
        self._faults = iter(faults)
        self._dies = dies
        self._unrecordable = unrecordable
        self.rollback_on_breach = registry.rollback_on_breach

    def watched(self, model: str, alias: str) -> Watched:
        """Look."""
        fault = next(self._faults, None)
        if fault is not None:
            raise fault
        return self._registry.watched(model, alias)

    def record_metrics(
        self, ref: str | mv.ModelVersion, metrics: list[mv.Metric], *, commit_id: str | None = None
    ) -> mv.ModelVersion:
        """Record, or die."""
        if self._dies:
            raise KeyboardInterrupt
        if self._unrecordable is not None:
            raise self._unrecordable
        return self._registry.record_metrics(ref, metrics, commit_id=commit_id)


@attrs.define
class Scene:
    """A registry with a guard, at a time that is set.

    Attributes:
        registry: The registry.
        at: Seconds since the alias' last move that the clock shows; it goes on by itself only by `look`.
        figures: What is read, by version; what is missing is not there to be read.
    """

    registry: mv.Registry
    figures: dict[str, Figures] = attrs.field(factory=dict)
    ahead: timedelta = attrs.field(factory=lambda: timedelta(minutes=10))
    asked: list[tuple[str, mv.Window]] = attrs.field(factory=list)

    def clock(self) -> datetime:
        """Return a time after the alias's last move."""
        return self.registry.watched("m", "production").current.since + self.ahead

    def begin_of(self, period: timedelta) -> None:
        """Go on to where a period of recording begins."""
        self.ahead += period - timedelta(seconds=self.clock().timestamp() % period.total_seconds())

    def read(self, version: mv.ModelVersion, window: mv.Window) -> mv.Reading | Mapping[str, float | None]:
        """Give the figures of a version."""
        name = str(version.version)
        self.asked.append((name, window))
        found = self.figures[name]
        return found() if callable(found) else found

    def guard(self, registry: GuardedRegistry | None = None, **options: object) -> mv.Guard:
        """Return a guard of production."""
        chosen: dict[str, object] = {
            "rules": RULE,
            "read": self.read,
            "clock": self.clock,
            "apart": "1m",
            **options,
        }
        return mv.Guard(registry or self.registry, "m", "production", **chosen)  # type: ignore[arg-type] # as given

    def look(self, guard: mv.Guard, times: int = 1) -> list[mv.GuardReport]:
        """Look several times, a minute apart."""
        found = []
        for _ in range(times):
            found.append(guard.run_once())
            self.ahead += timedelta(minutes=1)
        return found
