"""Searching a registry: by expression, by text, in order, in a notebook and as a table."""

import subprocess
import sys
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import publish


@pytest.fixture
def filled(registry: mv.Registry) -> mv.Registry:
    """Give a registry with four versions of two models."""
    registry.register(
        "acme/Fraud",
        {"m.bin": b"1"},
        metrics={"f1": 0.91, "eval/f1": 0.9},
        params={"lr": 0.1, "opt": {"name": "adam"}},
        tags={"team": "risk"},
        metadata={"license": "mit", "intended_use": ["payments in Zürich"], "external_facing": True},
        changelog="Better recall on credit cards.",
        aliases=["production"],
        capture=False,
    )
    registry.register(
        "acme/fraud",
        {"m.bin": b"2"},
        metrics={"f1": 0.95},
        tags={"team": "risk"},
        version="1.10.0",
        capture=False,
    )
    registry.register("acme/fraud", {"m.bin": b"3"}, metrics={"f1": 0.5}, version="1.9.0", capture=False)
    registry.register(
        "summary", {"m.bin": b"4"}, params={"lr": "high"}, changelog="Reads cards.", capture=False
    )
    return registry


def refs(found: mv.Found) -> list[str]:
    """Return what was found."""
    return [version.ref for version in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metrics.f1 >= 0.91", ["acme/Fraud:1.0.0", "acme/Fraud:1.10.0"]),
        ('metric("eval/f1") >= 0.9 && "production" in aliases', ["acme/Fraud:1.0.0"]),
        ('semver(version) > semver("1.9.0")', ["acme/Fraud:1.10.0"]),
        ('params.lr == "high" || params.lr > 0.05', ["acme/Fraud:1.0.0", "summary:1.0.0"]),
        ('metadata.license == "mit" && metadata.external_facing', ["acme/Fraud:1.0.0"]),
        ('!has(tags.team) && name == "summary"', ["summary:1.0.0"]),
        ('metrics.recall > 0.5 || name == "summary"', ["summary:1.0.0"]),
        ("metrics.recall > 0.5", []),
    ],
)
def test_versions_are_found_by_expression(filled: mv.Registry, expression: str, expected: list[str]) -> None:
    """What an expression is true of is found in all models; what lacks something that it needs is not."""
    assert refs(filled.search(expression)) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, ["1.0.0", "1.9.0", "1.10.0", "1.0.0"]),
        ("version", ["1.0.0", "1.0.0", "1.9.0", "1.10.0"]),
        ("-version", ["1.10.0", "1.9.0", "1.0.0", "1.0.0"]),
        ("metrics.f1", ["1.9.0", "1.0.0", "1.10.0", "1.0.0"]),
        ('-metrics["f1"]', ["1.10.0", "1.0.0", "1.9.0", "1.0.0"]),
        ("-created_at", ["1.0.0", "1.9.0", "1.10.0", "1.0.0"]),
        ("-name", ["1.0.0", "1.0.0", "1.9.0", "1.10.0"]),
        ("params.lr", ["1.0.0", "1.0.0", "1.9.0", "1.10.0"]),
    ],
)
def test_what_is_found_is_ordered(filled: mv.Registry, order_by: str | None, expected: list[str]) -> None:
    """By a variable, versions by precedence, and what has none comes last."""
    assert [version.version for version in filled.search(order_by=order_by)] == expected
    assert [version.version for version in filled.search(order_by=order_by, limit=2)] == expected[:2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("card", ["summary:1.0.0", "acme/Fraud:1.0.0"]),
        ("credit card", ["acme/Fraud:1.0.0"]),
        ('"cards credit"', []),
        ("zurich", ["acme/Fraud:1.0.0"]),
        ("rec*", ["acme/Fraud:1.0.0"]),
        ("card NOT credit", []),
        ("card OR nothing", []),
        ("changelog:card", []),
    ],
)
def test_versions_are_found_by_text(filled: mv.Registry, text: str, expected: list[str]) -> None:
    """All words must be there, whatever their form and accents; nothing in them is an operator."""
    assert refs(filled.search(text=text)) == expected


def test_text_and_expression_are_joined(filled: mv.Registry) -> None:
    """Both must hold."""
    assert refs(filled.search('tags.team == "risk"', text="cards")) == ["acme/Fraud:1.0.0"]


@pytest.mark.parametrize("text", ["", "  ", '"', "* -", "a" * 2000, "a " * 50])
def test_a_text_without_words_is_refused(filled: mv.Registry, text: str) -> None:
    """Nothing to look for, or too much of it, is an error in one line."""
    with pytest.raises(mv.InvalidValue, match="a text search"):
        filled.search(text=text)


@pytest.mark.parametrize(
    ("model", "count"),
    [("acme/fraud", 3), ("ACME/FRAUD", 3), ("acme/*", 3), ("*", 4), ("s[u-v]mmary", 1), ("x*", 0)],
)
def test_a_search_is_narrowed_to_models(filled: mv.Registry, model: str, count: int) -> None:
    """By name or by pattern, whatever the case."""
    assert len(filled.search(model=model)) == count


def test_a_model_that_is_not_there_is_told(filled: mv.Registry) -> None:
    """A name that names nothing is an error with a suggestion, not an empty answer."""
    with pytest.raises(mv.NotFound, match=r"Did you mean acme/fraud\?"):
        filled.search(model="acme/frauds")


def test_a_model_without_versions_has_none_to_find(registry: mv.Registry) -> None:
    """It exists, so it's no error."""
    registry.create_model("empty")
    assert refs(registry.search(model="empty")) == []


def test_there_must_be_a_registry(registry: mv.Registry) -> None:
    """Searching makes none."""
    with pytest.raises(mv.NotFound):
        registry.search()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"expression": "metrics.f1 - 1 > 0"}, "write 1.0"),
        ({"expression": "metrics.f1"}, "neither true nor false"),
        ({"expression": 3}, "not an expression"),
        ({"order_by": "metrics"}, "not something to order by"),
        ({"order_by": "metrcs.f1"}, r"Did you mean metrics\?"),
        ({"order_by": "aliases"}, "not something to order by"),
        ({"order_by": "metrics.f1 + 1"}, "not something to order by"),
        ({"order_by": ""}, "not something to order by"),
        ({"order_by": 3}, "not something to order by"),
        ({"limit": -1}, "not a limit"),
        ({"limit": True}, "not a limit"),
        ({"limit": "3"}, "not a limit"),
        ({"model": "a b"}, "not a model name"),
        ({"model": 3}, "must be text"),
        ({"model": "*" * 300}, "too long"),
        ({"text": 3}, "not a text"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    filled: mv.Registry, arguments: dict[str, object], message: str
) -> None:
    """Each is an InvalidValue that says what is wrong."""
    with pytest.raises(mv.InvalidValue, match=message) as told:
        filled.search(**arguments)  # type: ignore[arg-type] # as given
    assert "\n" not in str(told.value)


def test_what_was_found_is_a_list_of_versions(filled: mv.Registry) -> None:
    """It has a length, places and slices, is equal to a list, and says what it is."""
    found = filled.search("metrics.f1 > 0.1")
    assert len(found) == 3
    assert found[0] == filled.get("acme/fraud:1.0.0")
    assert found[0].manifest.metadata.tags == {"team": "risk"}
    assert found[-1] in found
    assert found[:2] == [found[0], found[1]]
    assert found == list(found)
    assert repr(found) == "<Found 3: acme/Fraud:1.0.0, acme/Fraud:1.9.0, acme/Fraud:1.10.0>"
    assert str(found).splitlines()[1] == "acme/Fraud:1.9.0"


def test_each_row_tells_what_the_search_asked_about(filled: mv.Registry) -> None:
    """Aliases, a yank, and the values that the expression and the order speak of."""
    filled.yank("acme/fraud:1.9.0", reason="bad")
    found = filled.search('metrics.f1 > 0.1 && "x" != tags["a b"] || true', order_by="params.lr")
    first, *_, last = found.rows()
    assert found.columns == ("metrics.f1", 'tags["a b"]', "params.lr")
    assert first.aliases == ("production",)
    assert first.values == {"metrics.f1": 0.91, 'tags["a b"]': None, "params.lr": 0.1}
    assert [row.yanked for row in filled.search(model="acme/fraud").rows()] == [False, True, False]
    assert last.version.version == "1.10.0"


def test_a_notebook_shows_a_table(registry: mv.Registry) -> None:
    """With all text escaped, and no more rows than one reads."""
    publish(registry, tags={"team": "<b>"})
    shown = registry.search('tags.team == "<b>"')._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert "1 version" in shown


def test_later_facts_are_found(filled: mv.Registry) -> None:
    """Metrics, notes, tags, aliases and approvals count from when they are recorded."""
    assert refs(filled.search("metrics.f1 > 0.98")) == []
    filled.record_metrics("acme/fraud:1.9.0", {"f1": 0.99})
    filled.annotate("acme/fraud:1.9.0", "Reviewed by the fairness board.", tags={"fairness": "passed"})
    filled.set_alias("acme/fraud", "production", "1.9.0")
    for expression in ("metrics.f1 > 0.98", 'tags.fairness == "passed"', '"production" in aliases'):
        assert refs(filled.search(expression)) == ["acme/Fraud:1.9.0"]
    assert refs(filled.search(text="fairness")) == ["acme/Fraud:1.9.0"]
    filled.annotate("acme/fraud:1.9.0", "", tags={"fairness": ""})
    assert refs(filled.search('tags.fairness == "passed"')) == []


def test_without_looking_for_news_the_answer_is_the_last_known(filled: mv.Registry) -> None:
    """`fresh=False` reads no log, once there is an index."""
    assert len(filled.search(fresh=False)) == 4
    publish(filled, b"5")
    assert len(filled.search(fresh=False)) == 4
    assert len(filled.search(model="acme/*", fresh=False)) == 3
    assert len(filled.search()) == 5


def test_a_table_has_a_row_for_each_version(filled: mv.Registry) -> None:
    """With columns as expressions write them; what a version lacks is missing there."""
    filled.record_metrics("acme/fraud:1.9.0", {"f1": 0.6}, dataset="prod")
    frame = filled.to_frame(order_by="-created_at")
    assert list(frame["name"]) == ["summary", "acme/Fraud", "acme/Fraud", "acme/Fraud"]
    assert frame["metrics.f1"].isna().tolist() == [True, False, False, False]
    assert frame["metrics.f1"].tolist()[1] == 0.5
    assert frame["metrics.f1@prod"].tolist()[1] == 0.6
    assert frame["params.opt.name"].tolist()[3] == "adam"
    assert frame["aliases"].tolist()[3] == "production"
    assert str(frame["created_at"].dtype).startswith("datetime64")
    assert str(frame["yanked"].dtype) == "bool"
    columns = list(frame.columns)
    assert columns.index('metrics["eval/f1"]') < columns.index("params.lr") < columns.index("tags.team")
    assert len(filled.to_frame("metrics.f1 > 0.9", limit=1)) == 1


def test_an_empty_table_has_the_usual_columns(registry: mv.Registry) -> None:
    """So that code that reads it need not ask."""
    registry.create_model("empty")
    assert list(registry.to_frame().columns)[:3] == ["name", "version", "digest"]


def test_a_table_needs_pandas(filled: mv.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing, the error says what to type."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(mv.InvalidValue, match=r"pip install \"modelver\[notebook\]\""):
        filled.to_frame()


def test_expressions_need_a_package_and_text_does_not(filled: mv.Registry, root: Path) -> None:
    """Where CEL is missing, the error says what to type; searches without an expression work."""
    code = f"""
import sys; sys.modules["cel"] = None
import modelver as mv
registry = mv.Registry({str(root)!r})
print(len(registry.search(text="cards")))
try:
    registry.search("true")
except mv.InvalidValue as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "2"
    assert "pip install 'modelver[rules]'" in done.stdout


def test_found_versions_cross_to_another_process(filled: mv.Registry) -> None:
    """A version that was found is as good as one that was asked for by name."""
    import pickle

    version = pickle.loads(pickle.dumps(filled.search()[0]))  # noqa: S301 (our own bytes)
    assert version.metadata.license == "mit"
