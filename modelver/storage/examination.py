"""What an examination of a store found: checks, guarantees, times and rates; true where it is fit for a registry."""

from collections.abc import Iterator
from enum import Enum

import attrs

from modelver.errors import UnsupportedStore
from modelver.storage.probe import HINT
from modelver.storage.store import Guarantees
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.report import Finding

_MEGA = 1e6


class Verdict(Enum):
    """How a check ended."""

    GOOD = "good"
    REMARK = "remark"
    """Not as it should be, but a registry can live with it."""
    FAULT = "fault"
    """A registry would lose data, or answer wrongly."""


@attrs.frozen
class Check:
    """One rule of the contract, tried out.

    Attributes:
        name: What was tried.
        seen: What happened.
        verdict: How it ended.
        expected: What should have happened, where it did not.
    """

    name: str
    seen: str
    verdict: Verdict = Verdict.GOOD
    expected: str = ""

    def __str__(self) -> str:
        expected = f" (expected {self.expected})" if self.expected else ""
        return f"{self.verdict.value:<6}  {self.name:<19}  {self.seen}{expected}"


@attrs.frozen
class Latency:
    """How long calls of a kind took.

    Attributes:
        call: ``create``, ``get``, ``miss`` (asking for what is not there) or ``list``.
        calls: How many there were.
        median: Milliseconds.
        p95: Milliseconds that 95 of 100 calls don't exceed.
    """

    call: str
    calls: int
    median: float
    p95: float

    def __str__(self) -> str:
        return f"{self.call:<6}  {self.median:9.2f} ms  {self.p95:9.2f} ms"


@attrs.frozen
class Throughput:
    """How fast one large object went there and came back, as registering and loading move it.

    Attributes:
        size: Its bytes.
        upload: Bytes a second.
        download: Bytes a second.
    """

    size: int
    upload: float
    download: float

    def __str__(self) -> str:
        up, down = (f"{rate / _MEGA:,.0f} MB/s" for rate in (self.upload, self.download))
        return f"{up} up, {down} down, for {self.size / _MEGA:,.0f} MB"


@attrs.frozen
class Examination:
    """What was found of a store; ``if examination:`` asks whether a registry is safe there.

    Attributes:
        store: Its address, without credentials.
        guarantees: What its kind promises.
        checks: Whether it keeps the contract.
        latencies: How long its answers take; empty where that was not measured.
        throughput: How fast it is; None where that was not measured.
    """

    store: str
    guarantees: Guarantees
    checks: tuple[Check, ...]
    latencies: tuple[Latency, ...] = ()
    throughput: Throughput | None = None

    def __bool__(self) -> bool:
        return not self.findings

    @property
    def ok(self) -> bool:
        """Whether the store is fit for a registry."""
        return bool(self)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The faults."""
        faults = (check for check in self.checks if check.verdict is Verdict.FAULT)
        return tuple(Finding(check.name, check.seen, check.expected) for check in faults)

    @property
    def judgement(self) -> str:
        """What it comes to, in a few words."""
        remarks = sum(check.verdict is Verdict.REMARK for check in self.checks)
        noted = f", {remarks} remark{'s' if remarks > 1 else ''}" if remarks else ""
        if self.ok:
            return f"fit for a registry{noted}"
        count = len(self.findings)
        return f"not fit for a registry: {count} fault{'s' if count > 1 else ''}{noted}"

    def raise_if_failed(self) -> None:
        """Raise where the store is not fit.

        Raises:
            UnsupportedStore: It names the first faults.
        """
        if self.findings:
            raise UnsupportedStore(
                "the store is not fit for a registry",
                where=self.store,
                found="; ".join(str(finding) for finding in self.findings[:5]),
                hint=HINT,
            )

    def promises(self) -> Iterator[tuple[str, bool]]:
        """Yield each guarantee with whether it is given."""
        for name, given in attrs.asdict(self.guarantees).items():
            yield name.replace("_", " "), given

    def to_dict(self) -> dict[str, Json]:
        """Return it as JSON data; times are in milliseconds, rates in bytes a second."""
        checks: list[Json] = [
            {
                "check": check.name,
                "verdict": check.verdict.value,
                "seen": check.seen,
                "expected": check.expected,
            }
            for check in self.checks
        ]
        latencies: list[Json] = [
            {
                "call": each.call,
                "calls": each.calls,
                "median_ms": round(each.median, 3),
                "p95_ms": round(each.p95, 3),
            }
            for each in self.latencies
        ]
        rates = self.throughput
        return {
            "store": self.store,
            "ok": self.ok,
            "checks": checks,
            "guarantees": {name.replace(" ", "_"): given for name, given in self.promises()},
            "latencies": latencies,
            "throughput": {
                "size": rates.size,
                "upload": round(rates.upload),
                "download": round(rates.download),
            }
            if rates
            else None,
        }

    def __str__(self) -> str:
        promised = ", ".join(name if given else f"not {name}" for name, given in self.promises())
        lines = [f"{self.store}: {self.judgement}", *map(str, self.checks), f"promised: {promised}"]
        if self.latencies:
            lines += [f"{'':6}  {'median':>12}  {'p95':>12}", *map(str, self.latencies)]
        return "\n".join([*lines, str(self.throughput)] if self.throughput else lines)

    def _repr_html_(self) -> str:
        checks = [
            (
                html.text(check.verdict.value),
                html.text(check.name),
                html.text(check.seen),
                html.text(check.expected),
            )
            for check in self.checks
        ]
        times = [
            (html.text(each.call), html.text(f"{each.median:.2f} ms"), html.text(f"{each.p95:.2f} ms"))
            for each in self.latencies
        ]
        shown = html.heading(self.store, self.judgement)
        shown += html.table(("verdict", "check", "seen", "expected"), checks)
        shown += html.table(("call", "median", "p95"), times) if times else ""
        return shown + (html.line(self.throughput) if self.throughput else "")
