"""Expressions say what they seem to say, or point at the place that doesn't."""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelver as mv
from modelver.expressions import Absent, parse
from modelver.expressions.order import sort_key
from modelver.gates.subject import Figures
from modelver.values.record import Metric
from modelver.values.scheme import SEMVER, Scheme
from tests.strategies import versions_of


def metric(name: str, dataset: str = "", part: str = "") -> float | None:
    """Return the only figures that there are."""
    return {("acc", "a", ""): 0.7, ("acc", "b", ""): 0.8, ("f1", "", "EU"): 0.9}.get((name, dataset, part))


SUBJECT: dict[str, Any] = {
    "name": "acme/fraud",
    "version": "1.10.0",
    "metrics": {"f1": 0.91, "eval/f1": 0.9},
    "ambiguous": {"acc": ["a", "b"]},
    "slices": [{"slice": "EU", "dataset": "", "f1": 0.9}, {"slice": "US", "dataset": "", "f1": 0.8}],
    "metric": metric,
    "params": {"lr": 3e-4, "epochs": 3, "optimizer": {"name": "adam"}},
    "tags": {"team": "risk"},
    "aliases": ["staging"],
    "approvals": ["legal"],
    "metadata": {"license": "mit", "limitations": ["none"]},
    "created_at": None,
    "created_by": "ci",
    "current": None,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.f1 >= 0.9", True),
        ("metrics.f1 >= 1", False),
        ('metrics["eval/f1"] == 0.9', True),
        ('metric("acc", "b") > metric("acc", "a")', True),
        ('metric("f1", "", "EU") > 0.85', True),
        ("slices.all(s, s.f1 >= 0.85)", False),
        ('slices.exists(s, s.slice == "EU" && s.f1 >= 0.85)', True),
        ('"staging" in aliases && "legal" in approvals', True),
        ('semver(version) > semver("1.9.0")', True),
        ('params.optimizer.name == "adam" && params.epochs - 1 == 2', True),
        ('tags.team == "risk" ? metrics.f1 > 0.5 : false', True),
        ("has(metrics.f1) && !has(metrics.f2)", True),
        ("has(metrics.f2) && metrics.f2 > 0.5", False),
        ("metrics.f1 > 0.9 // as agreed", True),
        ("size(slices) - 1 == 1", True),
        ('"and" != name', True),
        ("current == null", True),
        ("metrics.f1 - 1.0 < 0.0", True),
        ('metadata.license.startsWith("m")', True),
    ],
)
def test_an_expression_says_yes_or_no(text: str, expected: bool) -> None:
    """What is there is compared."""
    assert parse(text).evaluate(SUBJECT) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("metrics.f2 > 0.9", "no f2"),
        ("metrics.f2 != 0.9", "no f2"),
        ("!(metrics.f2 > 0.9)", "no f2"),
        ('metric("f2") != 0.9', "no such metric"),
        ('metric("acc") > 0.1', "name its dataset"),
        ("metrics.acc > 0.1", 'say metric("acc", "a")'),
        ('tags.owner == "x"', "no owner"),
        ("current.metrics.f1 > 0.1", "nothing yet"),
        ("metrics.f1 >= current.metrics.f1 - 0.01", "nothing yet"),
        ("slices.all(s, s.recall > 0.1)", "no recall"),
        ('params.lr > "a"', "No such overload"),
        ("params.epochs / 0 == 1", "zero"),
        ('semver("x") > semver(version)', "no version"),
    ],
)
def test_what_is_absent_is_neither_true_nor_false(text: str, why: str) -> None:
    """Nor does a negation make it true, and the reason is told."""
    found = parse(text).evaluate(SUBJECT)
    assert isinstance(found, Absent)
    assert not found
    assert why in found.why


def test_a_figure_without_a_dataset_can_be_named() -> None:
    """The advice is readable, and heeding it works."""
    figures = Figures([Metric("f1", 0.92), Metric("f1", 0.88, "prod")])
    subject = {"metrics": figures.by_name(), "ambiguous": figures.ambiguous(), "metric": figures.metric}
    found = parse("metrics.f1 > 0.9").evaluate(subject)
    assert found == Absent('f1 was measured on (no dataset) and prod: say metric("f1", "")')
    assert parse('metric("f1", "") > 0.9').evaluate(subject) is True
    assert parse('metric("f1", "prod") > 0.9').evaluate(subject) is False
    assert not parse('metric("f1") > 0.1').evaluate(subject)


def test_an_empty_list_of_slices_satisfies_nothing() -> None:
    """CEL's own `all` would be true."""
    found = parse("slices.all(s, s.f1 >= 0.85)").evaluate({**SUBJECT, "slices": []})
    assert found == Absent("there are no slices")


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("metrics.f1 - 1 > 0.0", 14, "1.0"),
        ("metrics.f1 * 100 > 90.0", 14, "100.0"),
        ("1 - metrics.f1 < 0.2", 1, "1.0"),
        ('metric("f1") - 1 < 0.0', 16, "1.0"),
        ("slices.all(s, s.f1 - 1 > 0.0)", 22, "1.0"),
        ("metrics.eval/f1 > 0.9", 1, 'metrics["eval/f1"]'),
        ('version < "1.9.0"', 9, "semver(version)"),
        ('"1.9.0" < version', 9, "semver(version)"),
        ('current.version >= "2"', 17, "semver(version)"),
        ("metrics.f1 > 0.9 and true", 18, "&&"),
        ("metrics.f1 > 0.9 or true", 18, "||"),
        ("not true", 1, "!"),
        ("metrics.f1 = 1.0", 12, "=="),
        ("True", 1, "true"),
        ('aliases == "production"', 1, 'Write "production" in aliases.'),
        ('"legal" != approvals', 12, 'Write "legal" in approvals.'),
        ('created_at > "2026-01-01"', 1, "timestamp("),
        ("f1 > 0.9", 1, 'metrics["f1"]'),
        ("metricz.f1 > 1.0", 1, "metrics?"),
        ("metrc('f1') > 1.0", 1, "metric(...)?"),
        ("metrics.f1 > ", 14, "cel.dev"),
        ("metrics.f1 >\n  0.5 )", 20, "cel.dev"),
        ("metrics.?f1", 10, 'metrics["f1"]'),
    ],
)
def test_a_trap_is_refused_with_its_place_and_the_remedy(text: str, column: int, hint: str) -> None:
    """What CEL would read otherwise than it was meant, or not at all."""
    with pytest.raises(mv.InvalidValue) as failure:
        parse(text, what="rules[0]")
    assert failure.value.where.startswith(f"rules[0], column {column}, near ")
    assert hint in failure.value.hint


@pytest.mark.parametrize("text", ["metrics.f1", "name", "[1, 2]", 'name.matches("[")'])
def test_what_is_no_question_is_an_error(text: str) -> None:
    """A value alone is neither yes nor no, and a regular expression must be one."""
    with pytest.raises(mv.InvalidValue):
        parse(text).evaluate(SUBJECT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "(" * 100 + "true" + ")" * 100,
        "!" * 5000 + "true",
        "true ? " * 3 + "true",
        "\x00",
        "a" * 5000,
        "'''",
    ],
)
def test_monsters_are_refused(text: str) -> None:
    """Too long, too deep, or nothing at all: an error of ours, quickly."""
    with pytest.raises(mv.InvalidValue):
        parse(text)


def test_loops_in_loops_are_limited() -> None:
    """Whoever may write a rule can't make a reader work for ever."""
    text = "true"
    for number in range(9):
        text = f"slices.all(s{number}, {text})"
    with pytest.raises(mv.LimitExceeded):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "[1, 1].all(s, [1, 1].all(s, [1, 1].all(s, true)))",
        '["a"]' + ".map(s, s + s)" * 8 + ' == ["b"]',
        "[1].existsOne(s, " * 9 + "true" + ")" * 9,
        "slices.all(s, " * 3 + "true" + ")" * 3,
    ],
)
def test_loops_that_grow_are_refused(text: str) -> None:
    """Loops count by how often they stand there, not by what they call their items, and sums grow with them."""
    with pytest.raises(mv.LimitExceeded):
        parse(text)


def test_a_loop_can_not_hide_a_variable() -> None:
    """A rule that seems to speak of what is served would say nothing where nothing is."""
    with pytest.raises(mv.InvalidValue, match="a loop over current"):
        parse("slices.all(current, current.f1 >= 0.9)")


@pytest.mark.parametrize(
    "text",
    [
        'aliases[5] == "x"',
        "slices[7].f1 > 0.5",
        "int(tags.team) > 1",
        "timestamp(tags.team) < created_at",
        'semver(tags.team) != semver("1.0.0")',
        "semver(tags.team) == semver(name)",
        'semver() == semver(1, "2")',
    ],
)
def test_what_can_not_be_read_is_absent(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """One odd version breaks nobody's search: an item beyond the end, a tag that is no number, no version."""
    assert isinstance(parse(text).evaluate(SUBJECT), Absent)
    assert capfd.readouterr() == ("", "")


def test_a_text_without_quotes_is_told_how_to_be_one() -> None:
    """The name of an alias, a model or a licence is a text."""
    with pytest.raises(mv.InvalidValue, match='a text "production"'):
        parse("production in aliases")


def test_a_raw_text_ends_where_it_ends() -> None:
    """A backslash in a raw text escapes nothing, so what is behind it is not taken for text."""
    with pytest.raises(mv.InvalidValue, match="the unknown variable unknown"):
        parse(r"""name == r"\" || unknown == "\" """)
    assert parse(r"""name != r"\" && version == "1.10.0" """).evaluate(SUBJECT) is True


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_an_error_of_ours(text: str) -> None:
    """No crash, no foreign exception."""
    try:
        found = parse(text).evaluate(SUBJECT)
    except mv.InvalidValue:
        return
    assert isinstance(found, bool | Absent)


@given(st.lists(versions_of(Scheme.parse(SEMVER)), min_size=2, max_size=2))
def test_semver_orders_as_the_registry_does(texts: list[str]) -> None:
    """Texts that `semver` gives sort by precedence."""
    scheme = Scheme.parse(SEMVER)
    first, second = (scheme.version(text) for text in texts)
    keys = [str(sort_key(str(each))) for each in (first, second)]
    order = first.number.compare(second.number)
    assert (keys[0] > keys[1]) - (keys[0] < keys[1]) == order


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("gpt4-cx-v1.9", "gpt4-cx-v1.10"),
        ("gpt4-cx-v2.0-exp.2", "gpt4-cx-v2.0"),
        ("gpt4-cx-v2.0-exp.9", "gpt4-cx-v2.0-exp.10"),
        ("v1.2", "v1.2.1"),
    ],
)
def test_semver_orders_task_tags(lower: str, higher: str) -> None:
    """By their numbers, whatever is written before them."""
    assert str(sort_key(lower)) < str(sort_key(higher))


def test_nothing_is_printed() -> None:
    """A metric that is absent is nothing to write on stderr about."""
    code = (
        "from modelver.expressions import parse\n"
        "parse('metric(\"x\") > 1.0').evaluate({'metric': lambda *a: None})\n"
        "parse('metric(1, 2, 3, 4) > 1.0').evaluate({'metric': lambda *a: None})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_field_is_no_variable() -> None:
    """A tag may be called slices."""
    expression = parse('tags.slices == "a"')
    assert expression.names("tags")
    assert not expression.names("slices")
    assert expression.evaluate({**SUBJECT, "slices": [], "tags": {"slices": "a"}}) is True
