"""Examining a user's own store: does it keep the contract, how long do its answers take, and is its clock right?"""

import math
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from modelver.errors import ModelverError, NotFound
from modelver.storage.examination import Check, Examination, Latency, Verdict
from modelver.storage.probe import Scratch, Unfit, got
from modelver.storage.store import Store
from modelver.storage.trials import TRIALS, Bench, Remark

CLOCK_FAULT = timedelta(minutes=5)
"""How far a clock may be off before nothing is written (`modelver.log.check_clock`)."""

CLOCK_REMARK = timedelta(seconds=5)
_CALLS = 20
_NEEDED = ("exclusive_create", "strong_listing", "range_reads")


def examine(store: Store, second: Store | None = None) -> Examination:
    """Try a store out. What is written is below ``probes/`` and is deleted again, where the store allows that.

    Args:
        store: The store itself, with no cache before it.
        second: Another handle of it, as another process would have; else the same one.

    Raises:
        StoreError: It can't be asked at all: it is out of reach, or refuses the credentials.
    """
    with Scratch(store) as scratch:
        got(store, scratch.key("hello"))
        bench = Bench(store, second or store, scratch, frozenset(store.folders("")))
        checks = [Check("promises", *_promises(store))]
        checks += [_tried(name, partial(trial, bench)) for name, trial in TRIALS.items()]
        checks.append(_tried("clock", partial(_clock, bench)))
        try:
            latencies = _latencies(bench)
        except ModelverError as error:
            latencies = ()
            checks.append(Check("latencies", str(error), Verdict.FAULT))
    return Examination(store.url, store.guarantees, tuple(checks), latencies)


def _tried(name: str, trial: Callable[[], str]) -> Check:
    try:
        return Check(name, trial())
    except Unfit as broken:
        return Check(name, broken.found, Verdict.FAULT, broken.expected)
    except Remark as remark:
        return Check(name, str(remark), Verdict.REMARK)
    except ModelverError as error:
        return Check(name, f"{type(error).__name__}: {error}", Verdict.FAULT)


def _promises(store: Store) -> tuple[str, Verdict]:
    """Say whether this kind of store promises what a registry needs; the other checks see whether it is true."""
    missing = [name.replace("_", " ") for name in _NEEDED if not getattr(store.guarantees, name)]
    if missing:
        return f"this kind of store promises no {', no '.join(missing)}", Verdict.FAULT
    if not store.guarantees.durable:
        return "this kind of store promises no durability", Verdict.REMARK
    return "this kind of store promises what a registry needs", Verdict.GOOD


def _clock(bench: Bench) -> str:
    """Compare the clocks; the answer's way here and the store's whole seconds are nobody's fault."""
    before = datetime.now(UTC)
    got(bench.store, bench.key("time"))  # a remote store tells the time of its newest answer
    theirs = bench.store.clock()
    after = datetime.now(UTC)
    off = max(before - theirs - timedelta(seconds=1), theirs - after, timedelta(0))
    if off > CLOCK_FAULT:
        raise Unfit(f"it is {off.total_seconds():,.0f} s off this machine's", f"less than {CLOCK_FAULT}")
    if off > CLOCK_REMARK:
        raise Remark(f"it is {off.total_seconds():.0f} s off this machine's: histories are read by time")
    return f"it agrees with this machine's, within {max(1, math.ceil(off.total_seconds()))} s"


def _latencies(bench: Bench) -> tuple[Latency, ...]:
    store, keys = bench.store, [bench.key(f"timed/{number}") for number in range(_CALLS)]

    def miss(key: str) -> None:
        try:
            store.get(f"{key}-missing", limit=1)
        except NotFound:
            return

    calls: dict[str, Callable[[str], object]] = {
        "create": lambda key: store.put_new(key, b"1"),
        "get": lambda key: store.get(key, limit=1),
        "miss": miss,
        "list": lambda _: [*store.list(bench.folder("timed"))],
    }
    return tuple(_timed(name, call, keys) for name, call in calls.items())


def _timed(name: str, call: Callable[[str], object], keys: list[str]) -> Latency:
    times = []
    for key in keys:
        started = time.perf_counter()
        call(key)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return Latency(name, len(times), statistics.median(times), times[math.ceil(0.95 * len(times)) - 1])
