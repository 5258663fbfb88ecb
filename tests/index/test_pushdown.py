"""What SQL decides is what the expression says: with and without it, a search finds the same."""

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.expressions import parse
from modelver.index.frame import to_frame
from modelver.index.pushdown import Condition, Either, Every, push_down
from modelver.index.query import Query
from modelver.index.row import path_of
from modelver.values.manifest import Manifest
from modelver.values.record import Metadata, Metric
from tests.index.support import AT, Told, asked, few_versions, indexed, manifest, numbers

_operands = st.sampled_from(
    [
        "metrics.f1",
        'metrics["eval/f1"]',
        "metrics['f1']",
        'metric("f1")',
        'metric("eval/f1", "v3")',
        'metric("f1", "prod", "EU")',
        'metric("f1", "")',
        'metric("f1", "", "EU")',
        "params.lr",
        "params.opt.name",
        'params["a.b"]',
        "params.opt",
        "tags.team",
        "tags.slices",
        "metadata.license",
        "metadata.external_facing",
        "metadata.custom.lr",
        "metadata.description",
        "name",
        "version",
        "created_by",
        "size(aliases)",
        "slices.size()",
    ]
)
_literals = st.sampled_from(
    [
        *"0 1 -1 0.5 1.0 -0.0 9007199254740992 9007199254740993 1e300 1u 0x1 .5 true false null [1]".split(),
        *('"a"', "'b'", '"mit"', '"Ä"', '"1.0.0"', '"fraud"', '"ci@acme.io"', r'"\x61"', "r'a'", '"""a"""'),
        *(f'"{"x" * 120}"', f'"{"x" * 121}"', "metrics.f1"),
    ]
)
_comparisons = st.builds("{} {} {}".format, _operands, st.sampled_from("== != < <= > >=".split()), _literals)
_flipped = st.builds("{2} {1} {0}".format, _operands, st.sampled_from("== != < <= > >=".split()), _literals)
_others = st.sampled_from(
    [
        '"production" in aliases',
        '!("staging" in aliases)',
        '"legal" in approvals',
        '"team" in tags',
        "has(metrics.f1)",
        "slices.all(metrics, metrics.f1 > 0.5)",
        'semver(version) >= semver("1.2.0")',
        'semver("1.2") > semver(version)',
        'created_at > timestamp("2026-11-17T15:00:02Z")',
        'created_at <= timestamp("2026-11-17T16:00:02.5+01:00")',
        "true",
        '"a" in ["a && b"]',
    ]
)
_atoms = _comparisons | _flipped | _others
_expressions = st.recursive(
    _atoms,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(" && ".join)
        | st.lists(inner, min_size=2, max_size=2).map(" || ".join)
        | inner.map("({})".format)
        | inner.map("!({})".format)
        | st.tuples(inner, inner, inner).map(lambda three: "({} ? {} : {})".format(*three))
    ),
    max_leaves=5,
)


def both(versions: list[tuple[Manifest, Told]], text: str) -> None:
    """Search with and without SQL's help."""
    try:
        expression = parse(text)
    except InvalidValue:
        assume(False)
    index, _ = indexed(versions)
    try:
        plain = asked(index, Query(expression, narrow=False))
    except InvalidValue:
        assume(False)
    event(f"{'some' if plain else 'none'} found, {'SQL' if push_down(expression).whole else 'CEL'} decides")
    assert numbers(asked(index, Query(expression))) == numbers(plain)


@given(few_versions, _expressions)
@settings(max_examples=60)
def test_pushing_down_changes_nothing(versions: list[tuple[Manifest, Told]], text: str) -> None:
    """A search finds the same, whether SQL narrows it down or the expression is asked of every version."""
    both(versions, text)


@given(few_versions, st.lists(_atoms, min_size=1, max_size=3).map(" && ".join))
@settings(max_examples=60)
def test_comparisons_alone_are_decided_by_sql_as_cel_does(
    versions: list[tuple[Manifest, Told]], text: str
) -> None:
    """So it is where SQL decides alone."""
    both(versions, text)


@pytest.mark.parametrize(
    ("text", "path", "operator", "value"),
    [
        ("metrics.x >= 0.9", ("metrics", "x"), ">=", 0.9),
        ('metrics["eval/f1"] > 1.0', ("metrics", "eval/f1"), ">", 1.0),
        ('metric("eval/f1") >= 0.9', ("metrics", "eval/f1"), ">=", 0.9),
        ('metric("f1", "v3", "EU") >= 0.9', ("figure", "f1", "v3", "EU"), ">=", 0.9),
        ('name == "acme/fraud"', ("name",), "==", "acme/fraud"),
        ('tags.team == "risk"', ("tags", "team"), "==", "risk"),
        ('"mit" == metadata.license', ("metadata", "license"), "==", "mit"),
        ("0.1 > params.opt.lr", ("params", "opt", "lr"), "<", 0.1),
        ("params.lr < -1", ("params", "lr"), "<", -1),
        ('"production" in aliases', ("aliases",), "==", "production"),
        ("((metadata.external_facing == true))", ("metadata", "external_facing"), "==", True),
        (
            'created_at > timestamp("2026-01-01T00:00:00+01:00")',
            ("created_at",),
            ">",
            "2025-12-31T23:00:00.000000Z",
        ),
    ],
)
def test_a_plain_comparison_is_pushed_down(
    text: str, path: tuple[str, ...], operator: str, value: object
) -> None:
    """Each of the usual comparisons with a constant becomes a condition, and SQL decides."""
    pushed = push_down(parse(text))
    assert pushed.node == Condition(path_of(*path), operator, value)
    assert pushed.whole


@pytest.mark.parametrize(
    "text",
    [
        "metrics.f1 > 0.5 && tags.a == 'b' || true",
        "metrics.f1 > 0.5 || metrics.f1 > metrics.f2",
        "metrics.f1 > 0.5 || tags.a == 'b' ? true : false",
        "!(metrics.f1 > 0.5)",
        "metrics.f1 > 0.5 ? true : false",
        "metrics.f1 != 0.5",
        "metrics.f1 > metrics.f2",
        "metrics.f1 - 0.1 > 0.5",
        "tags.team < 'b'",
        "has(metrics.f1)",
        "params.x.size() == 1",
        "params.x[0] == 1",
        "params.a == 1.0 == true",
        r'tags.team == "\n"',
        "metrics.f1 > 9007199254740993",
        "slices.all(s, s.f1 > 0.5)",
    ],
)
def test_everything_else_is_left_to_the_expression(text: str) -> None:
    """What SQL could not decide exactly is no condition."""
    assert push_down(parse(text)).node is None
    assert not push_down(parse(text)).whole


def test_conditions_of_a_part_narrow_the_search_down() -> None:
    """Where a part is more than a comparison, the others are conditions all the same."""
    pushed = push_down(parse("metrics.f1 > 0.5 && (has(tags.a) || true) && (tags.b == 'c' && name == 'd')"))
    assert isinstance(pushed.node, Every)
    assert len(pushed.node.parts) == 2
    assert not pushed.whole


def test_either_of_two_comparisons_is_pushed_down() -> None:
    """So is what `||` joins, where all of it are comparisons; it binds less than `&&`."""
    pushed = push_down(parse("metrics.f1 > 0.5 || tags.a == 'b' && name == 'c'"))
    assert isinstance(pushed.node, Either)
    assert isinstance(pushed.node.parts[1], Every)
    assert pushed.whole


def test_a_name_of_two_datasets_is_absent() -> None:
    """A metric that was measured on two datasets matches by its dataset alone, by SQL as by CEL."""
    twice = Metadata(metrics=[Metric("f1", 0.9, "v3"), Metric("f1", 0.8, "prod")])
    index, _ = indexed([(manifest("1.0.0", twice), Told())])
    assert asked(index, Query(parse("metrics.f1 > 0.5"))) == []
    assert asked(index, Query(parse('metric("f1") > 0.5'))) == []
    assert numbers(asked(index, Query(parse('metric("f1", "v3") > 0.85')))) == ["1.0.0"]


def test_a_figure_without_a_dataset_is_found_beside_one_with() -> None:
    """An empty dataset says which, by SQL as by CEL; and the table keeps its column."""
    twice = Metadata(metrics=[Metric("f1", 0.9), Metric("f1", 0.8, "prod"), Metric("f1", 0.7, "prod", "EU")])
    once = Metadata(metrics=[Metric("f1", 0.95, "prod")])
    index, _ = indexed([(manifest("1.0.0", twice), Told()), (manifest("1.1.0", once), Told())])
    for narrow in (True, False):
        assert numbers(asked(index, Query(parse('metric("f1", "") > 0.85'), narrow=narrow))) == ["1.0.0"]
        assert numbers(asked(index, Query(parse('metric("f1", "prod") > 0.75'), narrow=narrow))) == [
            "1.0.0",
            "1.1.0",
        ]
        assert asked(index, Query(parse('metric("f1", "", "EU") > 0.5'), narrow=narrow)) == []
    frame = to_frame(asked(index, Query()), AT)
    assert frame["metrics.f1"].tolist() == [0.9, 0.95]
    assert frame["metrics.f1@prod"].tolist()[0] == 0.8
