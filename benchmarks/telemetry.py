"""What it costs to say which version answered: a use, headers, spans, log records, and a scrape.

Each is timed in one thread, many times in a row, in turns with a bare counterpart; the best of the rounds counts, as a
busy machine only ever adds. The limits are what nobody is free of: taking and releasing a lock for a use, making a record
for the filter, starting and ending a span for its stamp.
"""

import argparse
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from timeit import repeat

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer
from prometheus_client import CollectorRegistry, generate_latest

import modelver as mv
from modelver.serving.telemetry.headers import HEADERS, Fields, noting

REPEATS = 20_000
SCRAPES = 500


def micros(work: Callable[[], object], rounds: int, number: int = REPEATS) -> float:
    """Return how long something takes, in microseconds."""
    return min(repeat(work, number=number, repeat=rounds)) / number * 1e6


def told(what: str, took: float, limit: float) -> None:
    """Print one row."""
    print(f"{what:<48} {took:7.2f} µs   {limit:7.2f} µs")


def record() -> logging.LogRecord:
    """Make a log record."""
    return logging.LogRecord("service", logging.INFO, "app.py", 1, "score", (), None)


def spans(tracer: Tracer) -> Callable[[], object]:
    """Return what starts and ends a span."""
    return lambda: tracer.start_span("work").end()


def measure(follower: "mv.Follower[int]", rounds: int) -> None:
    """Measure and print."""
    lock = Lock()

    def locked() -> None:
        with lock:
            pass

    def used() -> None:
        with follower.use():
            pass

    print(f"{'':<48} {'took':>10}   {'limit':>10}")
    told("use()", micros(used, rounds), micros(locked, rounds))

    bare, ours = (TracerProvider(resource=Resource.create({})) for _ in range(2))
    ours.add_span_processor(mv.VersionSpanProcessor())
    Fields(HEADERS)
    with ours.get_tracer("service").start_as_current_span("request"), noting([]):
        used()  # stamps the span, and notes the version
        told("use(), with headers and a stamped span", micros(used, rounds), micros(locked, rounds))

    with follower.use():
        limit, took = (
            micros(spans(each.get_tracer("service")), rounds, REPEATS // 4) for each in (bare, ours)
        )
    told("a span that is stamped", took, limit)

    version_filter = mv.VersionFilter()
    with follower.use():
        took = micros(lambda: version_filter.filter(record()), rounds)
    told("a record with the filter", took, micros(record, rounds))

    metrics = CollectorRegistry()
    with mv.FollowerCollector(follower, metrics):
        told("a scrape", micros(lambda: generate_latest(metrics), rounds, SCRAPES), 0.0)


def main() -> None:
    """Follow a small model, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often each is timed (9)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        registry = mv.Registry(Path(folder, "registry"), cache_dir=Path(folder, "cache"))
        registry.register("acme/fraud", {"model.txt": b"1"}, changelog="One.", aliases=["production"])
        with registry.follow("acme/fraud@production", load=lambda _: 1, interval=3600) as follower:
            measure(follower, rounds)


if __name__ == "__main__":
    main()
