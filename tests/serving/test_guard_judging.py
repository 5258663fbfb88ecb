"""Streaks of readings: a guard acts on as many breached ones as it was told, apart from each other, and not on fewer."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.serving.guarding.judging import FORGET, JITTER, Patience, Seen, Streak, acts, advance, judge
from modelver.serving.guarding.memory import _decode, _encode
from modelver.serving.guarding.rules import Facts, read_rules
from modelver.values.reading import Reading

START = datetime(2026, 11, 17, 15, tzinfo=UTC)
SEEN: st.SearchStrategy[Seen] = st.sampled_from(["ok", "breached", "waiting", "unreadable"])
PATIENCE = st.builds(
    Patience, st.integers(1, 4), st.integers(1, 3), st.integers(0, 10).map(lambda n: timedelta(minutes=n))
)
STEPS = st.lists(st.tuples(SEEN, st.integers(-2, 12)), max_size=40)


@given(patience=PATIENCE, steps=STEPS)
def test_an_act_rests_on_enough_breached_readings_that_are_apart(
    patience: Patience, steps: list[tuple[Seen, int]]
) -> None:
    """And on no `clear` good ones between them; times go on, stand still, and step back a little."""
    streak, at = Streak(), START
    counted: list[tuple[Seen, datetime]] = []
    for seen, minutes in steps:
        at += timedelta(minutes=minutes)
        before, streak = streak, advance(streak, seen, at, patience)
        if streak.last != before.last:
            counted.append((seen, at))
        if not acts(streak, seen, patience):
            continue
        run: list[datetime] = []
        good = 0
        for what, when in reversed(counted):
            good = good + 1 if what == "ok" else 0
            if good >= patience.clear:
                break
            run += [when] if what == "breached" else []
        assert len(run) >= patience.breaches
        assert streak.since == run[-1]
        assert all(later - earlier >= 0.9 * patience.apart for later, earlier in itertools.pairwise(run))


@given(patience=PATIENCE, steps=STEPS)
def test_a_streak_is_the_same_after_it_was_kept(patience: Patience, steps: list[tuple[Seen, int]]) -> None:
    """From cron each reading goes through the cache; another generation of the alias begins anew."""
    straight, kept, at = Streak(), Streak(), START
    for seen, minutes in steps:
        at += timedelta(minutes=minutes)
        straight = advance(straight, seen, at, patience)
        kept = advance(_decode(_encode(7, kept), 7), seen, at, patience)
        assert kept == straight
        assert _decode(_encode(7, kept), 8) == Streak()


def test_what_says_nothing_changes_nothing() -> None:
    """Nor does it make a streak older."""
    streak = Streak(2, 1, START, START)
    later = START + timedelta(hours=1)
    assert advance(streak, "waiting", later, Patience()) is streak
    assert advance(streak, "unreadable", later, Patience()) is streak
    assert not acts(Streak(5), "unreadable", Patience())


def test_clocks_that_jump_begin_anew() -> None:
    """A little back is another machine's clock; far back, and a day on, nobody knows what was."""
    streak = Streak(2, 0, START, START)
    assert advance(streak, "breached", START - JITTER, Patience()) is streak
    for jump in (-JITTER - timedelta(seconds=1), FORGET + timedelta(seconds=1)):
        assert advance(streak, "breached", START + jump, Patience()) == Streak(
            1, 0, START + jump, START + jump
        )


def test_a_rule_that_is_neither_true_nor_false_is_unreadable() -> None:
    """It is told, and moves nothing."""
    rules = read_rules("current.metrics.f1")
    facts = Facts({("current", ""): Reading({"f1": 0.5}, 500)}, lambda *_: None, 0)
    seen, (answer,) = judge(rules, facts)
    assert (seen, answer.answer) == ("unreadable", "unreadable")
    assert "neither true nor false" in answer.reason


@pytest.mark.parametrize(("apart", "between"), [(1, timedelta(days=1, seconds=2)), (7, timedelta(hours=1))])
def test_a_streak_lasts_where_readings_are_far_apart(apart: int, between: timedelta) -> None:
    """Such as with a window of a day that cron looks at once a day, some seconds later each time; or of a week."""
    patience = Patience(3, 2, timedelta(days=apart))
    streak, at = Streak(), datetime(2026, 11, 1, tzinfo=UTC)
    end = at + timedelta(days=3 * apart)
    while at < end:
        streak = advance(streak, "breached", at, patience)
        at += between
    assert acts(streak, "breached", patience)
