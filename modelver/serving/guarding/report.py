"""What one look of a guard found and did."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias, cast

import attrs

from modelver.values import html, wire
from modelver.values.canonical import Json
from modelver.values.reading import Breach, Reading, RuleAnswer

Outcome: TypeAlias = Literal[
    "ok", "waiting", "breached", "rolled_back", "pinned", "nothing_to_go_back_to", "unreadable"
]


@attrs.frozen
class GuardReport:
    """What one look of a guard found and did; true when all is well, or when it is too early to say.

    Attributes:
        model: The model.
        alias: The alias.
        at: When.
        outcome: ``ok``; ``waiting`` (too few samples, a cool-down, just after a move); ``breached`` (seen, and not yet often
            enough to act, or only to be told); ``rolled_back``; ``pinned`` (it would, but somebody pinned the alias);
            ``nothing_to_go_back_to``; ``unreadable`` (figures or the registry could not be read).
        version: The version that was looked at; empty where the registry could not be asked.
        reason: Why, as a clause.
        answers: What each rule said.
        current: The figures of the version, window by window.
        baseline: What they were held against.
        streak: How many breached readings there were in a row, this one too.
        breaches: How many it takes.
        since: When the first of them was taken.
        went_to: The version that the alias went back to, or would go back to; empty where there is none.
        notes: What else is worth knowing.
    """

    model: str
    alias: str
    at: datetime
    outcome: Outcome
    version: str = ""
    reason: str = ""
    answers: tuple[RuleAnswer, ...] = ()
    current: tuple[Reading, ...] = ()
    baseline: tuple[Reading, ...] = ()
    streak: int = 0
    breaches: int = 1
    since: datetime | None = None
    went_to: str = ""
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.outcome in {"ok", "waiting"}

    @property
    def breach(self) -> Breach:
        """What the guard saw, as a commit has it."""
        return Breach(self.answers, self.current, self.baseline, self.since, self.streak)

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data; docs/cli.md has the keys."""
        return {
            "model": self.model,
            "alias": self.alias,
            "at": wire.format_time(self.at),
            "outcome": self.outcome,
            "ok": bool(self),
            "version": self.version,
            "reason": self.reason,
            "answers": [each.to_dict() for each in self.answers],
            "current": [_data(each) for each in self.current],
            "baseline": [_data(each) for each in self.baseline],
            "streak": self.streak,
            "breaches": self.breaches,
            "since": wire.format_time(self.since) if self.since else None,
            "went_to": self.went_to,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [self._headline, *(f"  {each}" for each in self.answers)]
        lines += [f"  {side} {each}" for side, each in self._readings]
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    @property
    def _headline(self) -> str:
        subject = f"{self.model}@{self.alias}" + (f" ({self.version})" if self.version else "")
        outcome = self.outcome.replace("_", " ")
        return f"{subject}: {outcome}" + (f": {self.reason}" if self.reason else "")

    @property
    def _readings(self) -> list[tuple[str, Reading]]:
        return [("current", each) for each in self.current] + [("baseline", each) for each in self.baseline]

    def html(self) -> str:
        """Return it as HTML, to be put into a page."""
        rules = [
            (html.text(each.answer), html.code(each.rule), html.text(each.reason)) for each in self.answers
        ]
        seen = [(html.text(side), html.text(each)) for side, each in self._readings]
        return (
            html.heading(self._headline, f"{self.at:%Y-%m-%d %H:%M:%S} UTC")
            + (html.table(("answer", "rule", "figures"), rules) if rules else "")
            + (html.table(("", "read"), seen) if seen else "")
            + "".join(html.line(f"note: {note}") for note in self.notes)
        )

    def _repr_html_(self) -> str:
        return self.html()


def _data(reading: Reading) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", wire.to_json(reading))
