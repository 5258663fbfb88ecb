"""A guard's rules: expressions over the figures of the current version and of a baseline.

``current.metrics.f1``, ``current.samples`` and ``current.version`` are of the guard's own window;
``current.windows["1h"].metrics.f1`` and ``.samples`` of another one; likewise ``baseline``. ``metric("f1", "eval")`` is what the
registry has on record of the current version.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal, TypeAlias

import attrs

from modelver.errors import InvalidValue, LimitExceeded, ModelverError
from modelver.expressions import GUARD_VARIABLES, Absent, Expression, parse
from modelver.expressions.scan import Word, fault, is_field, scan
from modelver.gates.reading import parse_age, write_age
from modelver.values.canonical import encode
from modelver.values.reading import Answer, Reading, RuleAnswer
from modelver.values.shown import one_line

Side: TypeAlias = Literal["current", "baseline"]
Needed: TypeAlias = tuple[Side, str]
"""A side, and the name of a window of it; empty for the guard's own."""

OFFLINE = "offline"
"""The window of a reading that is what was measured before production."""

NOTHING_BEFORE = "there is no earlier version to go back to, nor to hold it against"
"""Why a baseline could not be read that does not exist."""

MAX_RULES = 32
MAX_TEXT = 192 * 2**10
"""Bytes of all rules as they are stored: they go into one commit, with the figures."""

MAX_REASON = 1000
"""Characters of what a rule says: all of that goes there too."""

MAX_WINDOWS = 8
_FIELDS = ("metrics", "samples", "version", "windows")
_SHOWN = 6


@attrs.frozen
class Rule:
    """One rule, checked.

    Attributes:
        text: As it was written.
        expression: Its expression.
        needs: The figures that it speaks of.
        names: The names of the figures.
    """

    text: str
    expression: Expression
    needs: tuple[Needed, ...]
    names: tuple[str, ...]


@attrs.frozen
class Facts:
    """What rules are judged on.

    Attributes:
        readings: What was read, or why it could not be.
        metric: What the registry has on record of the current version.
        min_samples: With fewer samples nothing is said.
        ambiguous: Names of offline metrics that were measured on several datasets.
    """

    readings: Mapping[Needed, Reading | str]
    metric: Callable[..., float | None]
    min_samples: int
    ambiguous: Mapping[str, list[str]] = attrs.field(factory=dict)


def read_rules(rules: Sequence[str] | str) -> tuple[Rule, ...]:
    """Read a guard's rules.

    Raises:
        InvalidValue: One is none, or speaks of no figure; the message points at the place.
        LimitExceeded: There are too many, or too many windows, or together they are too long for a commit.
    """
    texts = [rules] if isinstance(rules, str) else list(rules)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InvalidValue("a guard needs rules", hint="Write such as current.metrics.error_rate <= 0.02.")
    found = tuple(_rule(text, f"rule {number}") for number, text in enumerate(texts, 1))
    windows = {window for rule in found for _, window in rule.needs}
    for much, most, count in (
        ("rules", MAX_RULES, len(found)),
        ("windows", MAX_WINDOWS, len(windows)),
        ("bytes of rules", MAX_TEXT, len(encode(texts))),
    ):
        if count > most:
            raise LimitExceeded(
                f"a guard has too many {much}", expected=f"at most {most:,}", found=f"{count:,}"
            )
    return found


def _rule(text: str, what: str) -> Rule:
    expression = parse(text, what=what, variables=GUARD_VARIABLES)
    words = scan(text, what=what)
    needs = tuple(dict.fromkeys(_needs(text, words, what)))
    if not any(side == "current" for side, _ in needs):
        raise InvalidValue(
            "a rule says nothing of the version that is served",
            where=f"{what}: {text[:80]}",
            hint="Write such as current.metrics.error_rate <= 0.02.",
        )
    return Rule(text, expression, needs, tuple(dict.fromkeys(_names(words))))


def _needs(text: str, words: Sequence[Word], what: str) -> Iterator[Needed]:
    """Yield what a rule speaks of, and refuse what would be absent for ever."""
    for index, word in enumerate(words):
        if word.text not in GUARD_VARIABLES or word.kind != "name" or is_field(words, index):
            continue
        side: Side = "current" if word.text == "current" else "baseline"
        after = [*(each.text for each in words[index + 1 : index + 5]), "", "", "", ""]
        field = after[1] if after[0] == "." else ""
        if field not in _FIELDS:
            similar = difflib.get_close_matches(field, _FIELDS, n=1)
            hint = f"{side}.{similar[0]}" if similar else f"{side}.metrics.{field or 'f1'}"
            raise fault(
                what, text, word.at, f"{side}.{field}" if field else f"{side} alone", f"Write {hint}."
            )
        if field != "windows":
            yield side, ""
        else:
            yield side, _window(text, words, index, what)


def _window(text: str, words: Sequence[Word], index: int, what: str) -> str:
    """Return the name of the window in ``current.windows["1h"]``."""
    at = words[index].at
    inside = words[index + 4] if index + 4 < len(words) else None
    if inside is None or words[index + 3].text != "[" or inside.kind != "text":
        raise fault(
            what, text, at, "windows without a length", f'Write {words[index]}.windows["1h"].metrics.f1.'
        )
    name = inside.text.strip("\"'")
    length = parse_age(name)
    if not length or write_age(length) != name:
        better = write_age(length) if length else "1h"
        raise fault(what, text, inside.at, f"{inside} as a length of time", f'Write "{better}".')
    return name


def _names(words: Sequence[Word]) -> Iterator[str]:
    """Yield the names of figures: ``f1`` of ``metrics.f1`` and of ``metrics["f1"]``."""
    for index, word in enumerate(words[:-2]):
        if word.text == "metrics" and is_field(words, index) and words[index + 1].text in {".", "["}:
            yield words[index + 2].text.strip("\"'")


def window_lengths(rules: Sequence[Rule], own: timedelta) -> dict[Needed, timedelta]:
    """Return what has to be read: per side and window its length."""
    return {
        (side, name): (parse_age(name) or own) if name else own for rule in rules for side, name in rule.needs
    }


def answer(rule: Rule, facts: Facts) -> RuleAnswer:
    """Return what a rule says of what was read; what is absent is no breach."""
    missing = _missing(rule, facts)
    if missing:
        return RuleAnswer(rule.text, missing[0], one_line(missing[1], MAX_REASON))
    try:
        found = rule.expression.evaluate(_subject(facts))
    except ModelverError as error:
        return RuleAnswer(rule.text, "unreadable", one_line(error, MAX_REASON))
    if isinstance(found, Absent):
        return RuleAnswer(rule.text, "unreadable", one_line(found.why, MAX_REASON))
    return RuleAnswer(rule.text, "holds" if found else "breached", _shown(rule, facts))


def _missing(rule: Rule, facts: Facts) -> tuple[Answer, str] | None:
    """Return why nothing can be said: a reading failed, has too few samples, or is of nothing."""
    few: tuple[Answer, str] | None = None
    for need in rule.needs:
        reading = facts.readings.get(need, "it was not read")
        what = need[0] + (f' over "{need[1]}"' if need[1] else "")
        if isinstance(reading, str):
            if reading == NOTHING_BEFORE:
                few = few or ("waiting", reading)
                continue
            return "unreadable", f"{what}: {reading}"
        if reading.window == OFFLINE or not facts.min_samples:
            continue
        if reading.samples is None:
            return (
                "unreadable",
                f"{what}: there is no number of samples; have the reader give one, or ask for none",
            )
        if reading.samples < facts.min_samples:
            few = few or ("waiting", f"{what}: {reading.samples:,} of at least {facts.min_samples:,} samples")
    return few


def _subject(facts: Facts) -> dict[str, object]:
    sides: dict[str, dict[str, object]] = {}
    windows: dict[str, dict[str, object]] = {}
    for (side, window), reading in facts.readings.items():
        if isinstance(reading, str):
            continue
        seen: dict[str, object] = {"metrics": dict(reading.values), "version": reading.version}
        if reading.samples is not None:
            seen["samples"] = reading.samples
        if window:
            windows.setdefault(side, {})[window] = seen
        else:
            sides[side] = seen
    for name in GUARD_VARIABLES:
        sides.setdefault(name, {})["windows"] = windows.get(name, {})
    return {**sides, "metric": facts.metric, "ambiguous": facts.ambiguous}


def _shown(rule: Rule, facts: Facts) -> str:
    """Return the figures that a rule speaks of, for people."""
    found = []
    for side, window in rule.needs:
        reading = facts.readings[side, window]
        if isinstance(reading, Reading):
            found += [
                f"{side} {name} {reading.values[name]:g}" + (f" over {window}" if window else "")
                for name in rule.names
                if name in reading.values
            ]
    return one_line(", ".join(found[:_SHOWN]), MAX_REASON)
