"""Whatever is wrong in what a publisher states is one line with the field's name, and nothing is registered."""

import itertools
import uuid
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from modelver.gates import Policy


def nested(depth: int) -> list[Any]:
    """Return lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


WRONG: list[Any] = [
    *(3, 3.5, float("nan"), float("inf"), 10**400, b"x", [1], [None], object(), ["ok", 3], nested(100)),
    *("\ud800", {1: 2}, {"a": float("nan")}, complex(1, 2)),
]
TEXTS = ["description", "license"]
LISTS = ["intended_use", "limitations", "ethical_considerations", "owners"]
METADATA = [
    *itertools.product(TEXTS + LISTS + ["external_facing"], WRONG),
    *itertools.product(["custom"], WRONG[3:]),
]
UNKNOWN = [
    ("licence", "license"),
    ("intended_uses", "intended_use"),
    ("metrics", "metrics="),
    ("zzz", "custom"),
]
ARGUMENTS = [
    *itertools.product(["metrics"], [{"k": value} for value in WRONG if value not in (3, 3.5)]),
    *itertools.product(["metrics", "data", "base", "tags", "params", "aliases"], [3, 3.5, b"x", object()]),
    *itertools.product(
        ["params", "tags"], [[1], "text", {1: 2}, {"k": float("nan")}, {"k": object()}, {"k": nested(50)}]
    ),
    *itertools.product(["data"], [{"k": value} for value in WRONG if value != "x"]),
    *itertools.product(["tags"], [{"k": value} for value in (1, None, ["x"], b"x", "\ud800")]),
    *itertools.product(["prompts"], [{"k": value} for value in (1, None, ["x"], "\ud800", "no/such/file")]),
    *itertools.product(["base"], [["x:1"], ["m@"], ["a b:1.0.0"], [None]]),
    *itertools.product(["aliases"], [["1.0.0"], ["latest"], ["a b"], [3], [""]]),
    *itertools.product(["version"], ["1", "01.2.3", "1.2.3.4", "", 3, "1.0.0\n"]),
    *itertools.product(["bump"], ["Major", "", 3]),
]
MAKERS: list[tuple[type, dict[str, Any]]] = [
    *((mv.Metric, {"name": "f1", "value": value}) for value in ("0.9", None, True, float("nan"), [1], 1j)),
    *((mv.Metric, {"name": "f1", "value": 1, "count": value}) for value in (-1, 1.5, "3", True)),
    *(
        (mv.Metric, {"name": "f1", "value": 1, "interval": value})
        for value in (1, (1,), (1, 2, 3), ("a", "b"))
    ),
    *((mv.Metric, {"name": "f1", "value": 1, "direction": value}) for value in ("up", None, 1)),
    *((mv.Metric, {"name": name, "value": 1}) for name in ("", " ", None, 3)),
    *((mv.Dataset, {"name": name}) for name in ("", None, 3)),
    *((mv.Dataset, {"name": "train", "rows": rows}) for rows in (-1, 1.5, "3")),
    *((mv.BaseModel, {"name": name}) for name in ("", None)),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> mv.Registry:
    """Give a registry with one version."""
    cache = tmp_path_factory.mktemp("cache")  # the one that each test has is not there yet
    found = mv.Registry(f"memory://{uuid.uuid4().hex}", cache_dir=cache, actor="tester")
    found.register("m", {"w": b"1"}, capture=False)
    return found


def refused(registry: mv.Registry, **stated: Any) -> str:
    """Register with something wrong; return the one line that says so."""
    with pytest.raises(mv.ModelverError) as failure:
        registry.register("m", {"w": b"2"}, capture=False, **stated)
    assert len(registry.versions("m")) == 1
    assert "\n" not in str(failure.value)
    return str(failure.value)


@pytest.mark.parametrize(("field", "value"), METADATA)
def test_a_wrong_field_is_named(registry: mv.Registry, field: str, value: Any) -> None:
    """Of another type, not finite, not text, or nested beyond all measure."""
    assert field in refused(registry, metadata={field: value})


@pytest.mark.parametrize(("field", "hint"), UNKNOWN)
def test_an_unknown_field_has_a_suggestion(registry: mv.Registry, field: str, hint: str) -> None:
    """What was probably meant, or where fields of one's own go."""
    assert hint in refused(registry, metadata={field: "x"})


@pytest.mark.parametrize(("argument", "value"), ARGUMENTS)
def test_a_wrong_argument_is_refused(registry: mv.Registry, argument: str, value: Any) -> None:
    """With nothing registered."""
    assert refused(registry, **{argument: value})


@pytest.mark.parametrize(("kind", "fields"), MAKERS)
def test_a_wrong_value_is_not_made(kind: type, fields: dict[str, Any]) -> None:
    """It is refused where it is written."""
    with pytest.raises(mv.InvalidValue) as failure:
        kind(**fields)
    assert "\n" not in str(failure.value)


POLICIES = [
    ("p.toml", '[requires.alias.production]\napprovals = ["legal"]\n', "require?"),
    ("p.toml", '[registry]\nurl = "here"\n', "no policy in this file"),
    ("p.toml", "", "[require]"),
    ("pyproject.toml", '[project]\nname = "x"\n', "in tool.modelver"),
    ("pyproject.toml", '[tool.modelver.requires.register]\nfields = ["changelog"]\n', "require?"),
]


@pytest.mark.parametrize(("name", "text", "hint"), POLICIES)
def test_a_file_without_a_policy_is_not_an_empty_one(
    registry: mv.Registry, tmp_path: Path, name: str, text: str, hint: str
) -> None:
    """The policy that holds stays, whatever was misspelt; it is emptied only by who says so."""
    asked = registry.set_policy(None, {"require": {"alias": {"production": {"approvals": ["legal"]}}}})
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(mv.InvalidValue) as failure:
        registry.set_policy(None, path)
    assert hint in str(failure.value)
    assert registry.policy() == asked
    (tmp_path / "modelver.toml").write_text("[require]\n")
    assert registry.set_policy(None, tmp_path / "modelver.toml") == registry.set_policy(None, {})
    assert registry.policy() == Policy()


def test_there_are_three_hundred_of_them() -> None:
    """With those of policies, expressions and project files."""
    assert len(METADATA) + len(UNKNOWN) + len(ARGUMENTS) + len(MAKERS) > 240
