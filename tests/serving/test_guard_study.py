"""Simulated production: guards as they are by default are seldom wrong, find what is bad, and never flap."""

import inspect
from datetime import timedelta

import pytest

import modelver as mv
from benchmarks._guard_streams import KINDS, RULES, Setting, Study
from benchmarks.guard_study import DEFAULT, SETTINGS, plot, run, table_of_kinds, table_of_settings
from modelver.serving.guarding.judging import Patience, judge
from modelver.serving.guarding.rules import Facts
from modelver.values.reading import Reading

STREAMS = 23
"""Of each kind: 300 together."""


@pytest.fixture(scope="module")
def study() -> Study:
    """Run guards as they are by default, and hasty ones."""
    study = Study([DEFAULT, Setting(0, 1, apart=1)])
    for kind in KINDS:
        study.add(kind, range(STREAMS))
    return study


def test_the_study_is_about_the_defaults() -> None:
    """What it calls the default is what a guard is without arguments."""
    given = {name: each.default for name, each in inspect.signature(mv.Guard.__init__).parameters.items()}
    assert Setting(given["min_samples"], given["breaches"], given["clear"]) == DEFAULT
    assert (given["window"], given["apart"], given["settle"], given["cooldown"]) == ("5m", None, "1m", "30m")
    assert (Patience().breaches, Patience().clear) == (DEFAULT.breaches, DEFAULT.clear)


def test_guards_never_flap(study: Study) -> None:
    """Whatever the figures do and however hasty a guard is, it never goes to what a guard left."""
    assert study.flaps() == 0
    assert max(ran.moves for found in study.ran.values() for ran in found) <= 2


def test_guards_are_seldom_wrong(study: Study) -> None:
    """No outage, no blip, no lack of traffic rolls anything back; noise seldom does; hasty guards are much worse."""
    assert study.false_rollbacks(DEFAULT) < 0.08
    assert study.false_rollbacks(Setting(0, 1, apart=1)) > 0.3
    for kind in KINDS:
        if kind.blip or kind.lost or kind.traffic in {3, 20, 1000}:
            assert study.of(kind, DEFAULT).rolled_back <= 1 / STREAMS, kind.name


def test_guards_find_what_is_bad(study: Study) -> None:
    """Each step beyond the margin, within four windows where it is large."""
    for kind in KINDS:
        if kind.harm and kind.step >= 0.05:
            found = study.of(kind, DEFAULT)
            assert found.rolled_back == 1.0, kind.name
            assert found.delay(1.0) <= 30, kind.name
        elif kind.harm:
            assert study.of(kind, DEFAULT).rolled_back > 0.8, kind.name


def test_too_few_samples_are_judged_in_the_study_as_by_the_guard() -> None:
    """The study passes over the expression where there are too few samples, and so does `judge`."""
    figures = {
        ("current", ""): Reading({"error_rate": 0.9}, 199),
        ("baseline", ""): Reading({"error_rate": 0.0}, 500),
    }
    assert judge(RULES[False], Facts(figures, lambda *_: None, 200))[0] == "waiting"  # type: ignore[arg-type] # literals
    assert judge(RULES[False], Facts(figures, lambda *_: None, 199))[0] == "breached"  # type: ignore[arg-type] # as above


def test_the_study_itself_runs() -> None:
    """The benchmark's tables and plot are made of a few streams."""
    study = run(13, 1)
    assert len(table_of_settings(study).splitlines()) == len(SETTINGS) + 2
    assert len(table_of_kinds(study, DEFAULT).splitlines()) == len(KINDS) + 2
    assert plot(study).startswith("<svg")
    assert timedelta(minutes=DEFAULT.apart) == timedelta(minutes=5)
