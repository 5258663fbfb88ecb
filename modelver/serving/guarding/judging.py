"""From what rules say, reading after reading, to whether a guard acts. Pure: time and readings are arguments."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import attrs

from modelver.serving.guarding.rules import Facts, Rule, answer
from modelver.values.reading import RuleAnswer

Seen: TypeAlias = Literal["ok", "breached", "waiting", "unreadable"]

FORGET = timedelta(days=1)
"""A streak whose last reading is older than this begins anew, unless readings are to be far apart."""

JITTER = timedelta(minutes=5)
"""How far the clocks of machines that run one guard may be apart: a reading from before the last one is passed over."""


_PUNCTUAL = 0.9
"""How much sooner than due a reading may come and count: cron and sleeping loops are not exact."""


@attrs.frozen
class Patience:
    """How often a guard wants to see a breach before it acts.

    Attributes:
        breaches: So many breached readings in a row.
        clear: So many good readings in a row end a streak of breached ones.
        apart: Readings that are nearer to each other count as one: windows that overlap say the same twice.
    """

    breaches: int = 3
    clear: int = 2
    apart: timedelta = timedelta(0)


@attrs.frozen
class Streak:
    """Breached readings in a row.

    Attributes:
        breached: How many.
        good: How many good ones came since the last of them.
        since: When the first of them was taken.
        last: When the last reading was taken that counted.
    """

    breached: int = 0
    good: int = 0
    since: datetime | None = None
    last: datetime | None = None


def judge(rules: Sequence[Rule], facts: Facts) -> tuple[Seen, tuple[RuleAnswer, ...]]:
    """Return what all rules say together.

    One breached rule is a breach, whatever the others say. A missing figure is none, nor are too few samples; both show.
    """
    answers = tuple(answer(rule, facts) for rule in rules)
    said = {each.answer for each in answers}
    if "breached" in said:
        return "breached", answers
    if "unreadable" in said:
        return "unreadable", answers
    return ("waiting" if "waiting" in said else "ok"), answers


def advance(streak: Streak, seen: Seen, at: datetime, patience: Patience) -> Streak:
    """Return the streak after one more reading.

    What says nothing changes nothing, nor does a reading too soon after the last one that counted: so two runs at the same
    time are one reading. A clock that was set back, and a day without a reading, begin a new streak; where readings are to be
    far apart it takes as long as three of them would.
    """
    if seen not in {"ok", "breached"}:
        return streak
    passed = timedelta(0) if streak.last is None else at - streak.last
    if passed > max(FORGET, 3 * patience.apart) or passed < -JITTER:
        streak = Streak()
    elif streak.last is not None and (passed <= timedelta(0) or passed < patience.apart * _PUNCTUAL):
        return streak
    if seen == "breached":
        return Streak(streak.breached + 1, 0, streak.since or at, at)
    good = streak.good + 1
    if not streak.breached or good >= patience.clear:
        return Streak(last=at)
    return attrs.evolve(streak, good=good, last=at)


def acts(streak: Streak, seen: Seen, patience: Patience) -> bool:
    """Tell whether a guard acts now: on a breached reading that is the last of enough in a row."""
    return seen == "breached" and streak.breached >= patience.breaches
