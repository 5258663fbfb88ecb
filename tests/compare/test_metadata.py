"""Stated metadata of two versions, field by field."""

from modelver.compare import compare
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.provenance import Code
from modelver.values.record import BaseModel, Dataset, Metadata, Metric
from tests.compare.support import side


def changes(a: Metadata, b: Metadata) -> dict[str, tuple[Json, Json]]:
    """Return the fields that differ, with both values."""
    found = compare(side({"f": b""}, metadata=a), side({"f": b""}, metadata=b)).metadata
    return {row.field: (row.a, row.b) for row in found}


def test_plain_fields_are_compared() -> None:
    """A field that one version lacks has None there."""
    a = Metadata(license="mit", owners=["ann"], external_facing=False)
    b = Metadata(license="apache-2.0", intended_use=["fraud", "tests"])
    assert changes(a, b) == {
        "license": ("mit", "apache-2.0"),
        "owners": (["ann"], None),
        "external_facing": (False, None),
        "intended_use": (None, ["fraud", "tests"]),
    }


def test_nested_fields_are_dotted_paths() -> None:
    """Hyperparameters, tags and custom fields are compared leaf by leaf; a key with a dot or a quote is quoted."""
    a = Metadata(params={"lr": 1, "opt": {"name": "adam", "b.1": 0.9}, "old": {}}, tags={"team": "risk"})
    b = Metadata(params={"lr": 1, "opt": {"name": "sgd", "b.1": 0.8, 'q"': [1, {"x": 2}]}}, custom={"": 1})
    assert changes(a, b) == {
        "params.opt.name": ("adam", "sgd"),
        'params.opt."b.1"': (0.9, 0.8),
        'params.opt."q\\""': (None, [1, {"x": 2}]),
        "params.old": ({}, None),
        "tags.team": ("risk", None),
        'custom.""': (None, 1),
    }


def test_values_are_compared_as_json() -> None:
    """True is not 1, though Python says so, and null is the same as nothing."""
    assert changes(Metadata(params={"x": True, "n": None}), Metadata(params={"x": 1})) == {
        "params.x": (True, 1)
    }


def test_datasets_are_compared_by_name_and_split() -> None:
    """A dataset's fields have its name in their path; one that comes again is numbered."""
    a = Metadata(
        data=[Dataset("train", rows=1), Dataset("eval", split="EU"), Dataset("twin"), Dataset("twin")]
    )
    b = Metadata(data=[Dataset("train", rows=2), Dataset("twin"), Dataset("twin", license="mit")])
    assert changes(a, b) == {
        "data.train.rows": (1, 2),
        "data.eval[EU].name": ("eval", None),
        "data.eval[EU].split": ("EU", None),
        "data.twin#2.license": (None, "mit"),
    }


def test_base_models_and_code_are_compared() -> None:
    """A base model is its name and digest, the code its commit."""
    digest = Digest.from_hex("a" * 64)
    a = Metadata(base=[BaseModel("bert")], code=Code(commit="1" * 40))
    b = Metadata(base=[BaseModel("bert", digest)], code=Code(commit="2" * 40))
    assert changes(a, b) == {
        "base": (["bert"], [f"bert {digest}"]),
        "code.commit": ("1" * 40, "2" * 40),
    }


def test_what_is_said_of_a_metric_is_metadata_and_its_value_is_not() -> None:
    """The metrics have a table of their own, which has no place for thresholds and counts."""
    a = Metadata(metrics=[Metric("f1", 0.8, "v3", threshold=0.7), Metric("old", 1)])
    b = Metadata(metrics=[Metric("f1", 0.9, "v3", threshold=0.75, count=10), Metric("new", 1)])
    assert changes(a, b) == {
        "metrics.f1 (v3).threshold": (0.7, 0.75),
        "metrics.f1 (v3).count": (None, 10),
    }


def test_fields_of_a_newer_release_are_compared() -> None:
    """What this release doesn't know is no secret."""
    assert changes(Metadata(), Metadata(unknown={"energy": {"kwh": 3}})) == {"energy.kwh": (None, 3)}
