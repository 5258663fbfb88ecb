"""A follower's metrics for Prometheus."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, get_args
from weakref import WeakKeyDictionary, ref

from modelver.errors import AlreadyExists, InvalidValue
from modelver.serving.change import Stage
from modelver.serving.follower import Follower

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

Key: TypeAlias = tuple[str, str]
"""A model's name, and the alias that is followed."""

Reference: TypeAlias = "ref[Follower[object]]"

_FOLLOWED = ("model", "alias")
_STAGES: tuple[Stage, ...] = get_args(Stage)


class FollowerCollector:
    """Gives a follower's figures to Prometheus, taken anew at each scrape.

    ``modelver_model_info`` is 1, with ``model``, ``version``, ``digest``, ``alias`` and ``external_facing``: join it to
    say which version another metric of this process is of. The others have ``model`` and ``alias``:
    ``modelver_swaps_total``, ``modelver_failures_total`` (with ``stage``), ``modelver_failing``,
    ``modelver_age_seconds``, ``modelver_last_swap_timestamp_seconds``, ``modelver_last_fetch_seconds`` and
    ``modelver_last_load_seconds``.

    Any number of followers may share a registry of metrics. A follower that was closed, or that nobody holds any more,
    is left out. It goes on in a forked child.

    Args:
        follower: The follower.
        registry: The metrics' registry; None: ``prometheus_client.REGISTRY``.

    Raises:
        AlreadyExists: The registry has a follower of the same alias of the same model.
        InvalidValue: prometheus_client is not installed, or the follower was closed.
    """

    def __init__(self, follower: Follower[Any], registry: "CollectorRegistry | None" = None) -> None:
        try:
            from prometheus_client import REGISTRY
        except ImportError:
            raise InvalidValue(
                "metrics need the prometheus_client package",
                hint="Install it: pip install 'modelver[prometheus]'",
            ) from None
        self._registry = REGISTRY if registry is None else registry
        telemetry = follower.current.telemetry
        self._key = str(telemetry["model.name"]), str(telemetry["model.alias"])
        self._follower = ref(follower)
        _add(self._registry, self._key, self._follower)

    def close(self) -> None:
        """Give its figures no more."""
        _remove(self._registry, self._key, self._follower)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Followers:
    """The followers of one registry of metrics: one collector, as each metric may be described only once there."""

    def __init__(self) -> None:
        self.all: Mapping[Key, Reference] = {}

    def describe(self) -> "Iterable[Metric]":
        return _Families().all

    def collect(self) -> "Iterable[Metric]":
        families = _Families()
        for key, follower in self.alive():
            families.add(key, follower)
        return families.all

    def alive(self) -> Iterator[tuple[Key, Follower[object]]]:
        """Yield the followers that are in use."""
        for key, reference in self.all.items():
            follower = reference()
            if follower is not None and not follower.is_closed:
                yield key, follower


_LOCK = threading.Lock()
_COLLECTORS: "WeakKeyDictionary[CollectorRegistry, _Followers]" = WeakKeyDictionary()


def _add(registry: "CollectorRegistry", key: Key, follower: Reference) -> None:
    with _LOCK:
        found = _COLLECTORS.get(registry)
        collector = _Followers() if found is None else found
        others = {each: collector.all[each] for each, _ in collector.alive()}
        if key in others:
            raise AlreadyExists(
                "a follower of this alias is collected already",
                where="@".join(key),
                hint="Close its collector first, or give this one a CollectorRegistry of its own.",
            )
        if found is None:
            registry.register(collector)
            _COLLECTORS[registry] = collector
        # A scrape goes on with the mapping that it began with.
        collector.all = {**others, key: follower}


def _remove(registry: "CollectorRegistry", key: Key, follower: Reference) -> None:
    with _LOCK:
        collector = _COLLECTORS.get(registry)
        if collector is None or collector.all.get(key) is not follower:
            return
        collector.all = {each: other for each, other in collector.all.items() if each != key}
        if not collector.all:
            registry.unregister(collector)
            del _COLLECTORS[registry]


class _Families:
    """The metrics of one scrape."""

    def __init__(self) -> None:
        from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        def gauge(name: str, text: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"modelver_{name}", text, labels=_FOLLOWED)

        self._info = InfoMetricFamily("modelver_model", "The version that is served.", labels=_FOLLOWED)
        self._swaps = CounterMetricFamily(
            "modelver_swaps", "Versions that were swapped in, the first one too.", labels=_FOLLOWED
        )
        self._failures = CounterMetricFamily(
            "modelver_failures",
            "Failures to resolve, fetch, load or check a version, each counted once.",
            labels=(*_FOLLOWED, "stage"),
        )
        self._failing = gauge("failing", "Whether what the alias names can't be served, or can't be told.")
        self._age = gauge("age_seconds", "Time since the registry last confirmed what the alias names.")
        self._swapped = gauge("last_swap_timestamp_seconds", "When a version was last swapped in.")
        self._fetch = gauge("last_fetch_seconds", "How long the last swap's download and verification took.")
        self._load = gauge("last_load_seconds", "How long the last swap's load and check took.")

    @property
    def all(self) -> "tuple[Metric, ...]":
        return (
            self._info,
            self._swaps,
            self._failures,
            self._failing,
            self._age,
            self._swapped,
            self._fetch,
            self._load,
        )

    def add(self, key: Key, follower: Follower[object]) -> None:
        """Add a follower's figures."""
        served, figures = follower.serving, follower.figures()
        if served is not None:
            self._info.add_metric(
                key,
                {
                    "version": str(served.telemetry["model.version"]),
                    "digest": str(served.telemetry["model.digest"]),
                    "external_facing": str(served.telemetry["model.external_facing"]).lower(),
                },
            )
        self._swaps.add_metric(key, figures.swaps)
        for stage in _STAGES:
            self._failures.add_metric((*key, stage), figures.failures.get(stage, 0))
        self._failing.add_metric(key, figures.failing)
        self._age.add_metric(key, figures.age)
        self._fetch.add_metric(key, figures.fetch_seconds)
        self._load.add_metric(key, figures.load_seconds)
        swapped = next((each.at for each in reversed(follower.history) if each.outcome == "swapped"), None)
        if swapped is not None:
            self._swapped.add_metric(key, swapped.timestamp())
