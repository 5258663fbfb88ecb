"""What was measured in production, and what rules said of it."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, SupportsFloat, SupportsIndex

import attrs

from modelver.errors import InvalidValue, LimitExceeded
from modelver.values.canonical import Json
from modelver.values.fields import not_empty

Answer = Literal["holds", "breached", "waiting", "unreadable"]
"""What a rule says: it holds; it is breached; there are too few samples; a figure that it needs is not there."""

WINDOW = "window="
"""How the slice begins of a metric that is of a window of time, and so of no part of a dataset."""

MAX_FIGURES = 64
"""Figures of one reading: they go into commits."""

MAX_NAME = 128


def _figures(values: Mapping[str, object]) -> dict[str, float]:
    """Take real numbers by name; what is not a finite number was not measured."""
    if not isinstance(values, Mapping):
        raise InvalidValue("not figures", where=repr(values)[:80], expected="a mapping of names to numbers")
    if len(values) > MAX_FIGURES:
        raise LimitExceeded("too many figures", expected=f"at most {MAX_FIGURES}", found=len(values))
    found = {_name(name): _figure(name, value) for name, value in values.items() if value is not None}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidValue(
            "not the name of a figure",
            where=repr(name)[:80],
            expected=f"1 to {MAX_NAME} printable characters",
        )
    return name


def _figure(name: object, value: object) -> float:
    if type(value) in {float, int}:
        return float(value)  # type: ignore[arg-type] # mypy does not know a type by its identity
    kind = str(getattr(value, "dtype", type(value).__name__))
    if (
        isinstance(value, str | bytes)
        or not isinstance(value, SupportsFloat | SupportsIndex)
        or getattr(value, "shape", ()) != ()
        or "bool" in kind
        or "complex" in kind
    ):
        raise InvalidValue("not a number", where=f"{name}: {value!r}"[:120], found=type(value).__name__)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue("not a number", where=f"{name}: {value!r}"[:120], found=error) from None


def _samples(value: object) -> int | None:
    """Take a number of samples; a reader may give an estimate with a fraction, such as Prometheus does."""
    if value is None:
        return None
    number = _figure("samples", value)
    if math.isnan(number):
        return None
    if not 0 <= number <= 2**53:
        raise InvalidValue("not a number of samples", where=repr(value)[:80], expected="0 to 2^53")
    return int(number)


def _moment(_: object, field: "attrs.Attribute[datetime | None]", value: object) -> None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise InvalidValue(
            "not a moment", where=field.name, expected="a datetime with a time zone", found=repr(value)[:80]
        )


@attrs.frozen
class Reading:
    """Figures of one version over one window of time, as they were in production.

    Attributes:
        values: Figures by name, such as ``{"error_rate": 0.012}``; what is None, NaN or infinite was not measured, and
            is left out.
        samples: How many requests or examples are behind them; None where that is not known.
        begin: The window's begin.
        end: Its end.
        version: The version.
        window: How long the window is, as rules name it: ``5m``; ``offline`` for what was measured before production.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    values: Mapping[str, float] = attrs.field(converter=_figures)
    samples: int | None = attrs.field(default=None, converter=_samples)
    begin: datetime | None = attrs.field(default=None, validator=_moment)
    end: datetime | None = attrs.field(default=None, validator=_moment)
    version: str = ""
    window: str = ""
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {value:g}" for name, value in self.values.items()) or "no figures"
        behind = "" if self.samples is None else f" of {self.samples:,} samples"
        return f"{self.version or 'it'} over {self.window or 'its window'}: {figures}{behind}"


@attrs.frozen
class RuleAnswer:
    """What one rule says.

    Attributes:
        rule: The expression.
        answer: ``holds``, ``breached``, ``waiting`` or ``unreadable``.
        reason: The figures that it speaks of, or what is missing.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    rule: str = attrs.field(validator=not_empty)
    answer: str
    reason: str = ""
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {"rule": self.rule, "answer": self.answer, "reason": self.reason}

    def __str__(self) -> str:
        return f"{self.answer:<10}  {self.rule}" + (f": {self.reason}" if self.reason else "")


@attrs.frozen
class Breach:
    """Why a guard rolled back: what it saw. It is part of the commit that moved the alias.

    Attributes:
        answers: What each rule said.
        current: What the version did that it rolled away from, window by window.
        baseline: What it was held against.
        since: When the first of the consecutive breached readings was taken.
        readings: How many breached readings in a row there were.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    answers: tuple[RuleAnswer, ...]
    current: tuple[Reading, ...] = ()
    baseline: tuple[Reading, ...] = ()
    since: datetime | None = None
    readings: int = 1
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    @property
    def broken(self) -> tuple[RuleAnswer, ...]:
        """The rules that were breached."""
        return tuple(each for each in self.answers if each.answer == "breached")

    def __str__(self) -> str:
        rules = "; ".join(
            f"{each.rule} ({each.reason})" if each.reason else each.rule for each in self.broken
        )
        since = f", since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        count = f"{self.readings} readings in a row" if self.readings > 1 else "one reading"
        return f"{rules}; {count}{since}"
