"""Values to JSON and back: strict types, unknown fields kept, defaults left out."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidName, InvalidValue, LimitExceeded, ModelverError, UnsafePath
from modelver.history.commit import Commit
from modelver.history.event import Registered
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.file import FileEntry
from modelver.values.filemap import FileMap
from modelver.values.manifest import Manifest
from modelver.values.provenance import Provenance
from modelver.values.record import Changelog, Metadata, Metric
from tests.strategies import json_values, metadata, times

DIGEST = "sha256:" + "a" * 64
MANIFEST: Mapping[str, Any] = {
    "model": "fraud",
    "version": "1.0.0",
    "files": [{"path": "m.onnx", "size": 3, "sha256": "a" * 64, "role": "weights"}],
    "metadata": {
        "metrics": [{"name": "f1", "value": 0.9, "interval": [0.8, 1], "count": 5}],
        "external_facing": True,
        "tags": {"team": "risk"},
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the manifest with one field, named as in messages, set to something else."""
    steps: list[Any] = [int(step) if step.isdigit() else step for step in path.split(".")]

    def change(data: Any, rest: list[Any]) -> Any:
        if not rest:
            return value
        copy = data.copy()
        copy[rest[0]] = change(copy[rest[0]] if len(rest) > 1 else None, rest[1:])
        return copy

    return change(dict(MANIFEST), steps)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("version", 1, "$.version"),
        ("version", None, "$.version"),
        ("model", ["fraud"], "$.model"),
        ("files", {}, "$.files"),
        ("files", "m.onnx", "$.files"),
        ("files.0", [], "$.files[0]"),
        ("files.0.size", "3", "$.files[0].size"),
        ("files.0.size", 3.0, "$.files[0].size"),
        ("files.0.size", True, "$.files[0].size"),
        ("files.0.role", "wings", "$.files[0].role"),
        ("files.0.role", 1, "$.files[0].role"),
        ("metadata", [], "$.metadata"),
        ("metadata.description", 1, "$.metadata.description"),
        ("metadata.external_facing", 1, "$.metadata.external_facing"),
        ("metadata.external_facing", "yes", "$.metadata.external_facing"),
        ("metadata.intended_use", "one text", "$.metadata.intended_use"),
        ("metadata.intended_use", [1], "$.metadata.intended_use[0]"),
        ("metadata.metrics.0.value", "0.9", "$.metadata.metrics[0].value"),
        ("metadata.metrics.0.value", True, "$.metadata.metrics[0].value"),
        ("metadata.metrics.0.value", None, "$.metadata.metrics[0].value"),
        ("metadata.metrics.0.direction", "up", "$.metadata.metrics[0].direction"),
        ("metadata.metrics.0.direction", [], "$.metadata.metrics[0].direction"),
        ("metadata.metrics.0.interval", [1.0], "$.metadata.metrics[0].interval"),
        ("metadata.metrics.0.interval", [1.0, 2.0, 3.0], "$.metadata.metrics[0].interval"),
        ("metadata.metrics.0.interval", {"low": 1}, "$.metadata.metrics[0].interval"),
        ("metadata.metrics.0.count", -1, "$.metadata.metrics[0]"),
        ("metadata.metrics.0.name", " ", "$.metadata.metrics[0]"),
        ("metadata.tags", {"team": 5}, "$.metadata.tags"),
        ("metadata.tags", ["team"], "$.metadata.tags"),
        ("metadata.params", [], "$.metadata.params"),
    ],
)
def test_a_wrong_type_is_refused_and_its_place_named(path: str, value: object, place: str) -> None:
    """Nothing is coerced: "3" is no 3, true is no 1, one text is no list."""
    with pytest.raises(InvalidValue, match="not a valid Manifest: the manifest") as caught:
        wire.from_json(changed(path, value), Manifest, what="the manifest")
    assert place in str(caught.value)


@pytest.mark.parametrize("missing", ["model", "version", "files"])
def test_a_missing_field_is_named(missing: str) -> None:
    """A field without a default must be there."""
    data = {key: value for key, value in MANIFEST.items() if key != missing}
    with pytest.raises(InvalidValue, match=rf"required field missing @ \$\.{missing}"):
        wire.from_json(data, Manifest, what="the manifest")


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("files.0.path", "../etc/passwd", UnsafePath),
        ("files.0.path", "CON", UnsafePath),
        ("files.0.path", "a" * 300, LimitExceeded),
        ("files.0.size", -1, InvalidValue),
        ("files.0.sha256", "A" * 64, InvalidValue),
        ("model", "a--b", InvalidName),
        ("files", [MANIFEST["files"][0], {"path": "M.onnx", "size": 1, "sha256": "b" * 64}], UnsafePath),
    ],
)
def test_a_broken_rule_keeps_its_own_error(path: str, value: object, error: type[ModelverError]) -> None:
    """A manifest with a path that escapes is an UnsafePath, wherever it comes from."""
    with pytest.raises(error) as caught:
        wire.from_json(changed(path, value), Manifest, what="the manifest")
    assert type(caught.value) is error


def test_a_message_stays_short_however_much_is_wrong() -> None:
    """A thousand bad files make a message of a few lines."""
    data = {**MANIFEST, "files": [{"path": "x" * 300, "size": "x" * 300, "sha256": 0}] * 1_000}
    with pytest.raises(InvalidValue) as caught:
        wire.from_json(data, Manifest, what="the manifest")
    assert len(str(caught.value)) < 2000


def test_defaults_and_nulls_are_left_out() -> None:
    """Only what was said is written."""
    assert wire.to_bytes(Metadata()) == b"{}"
    assert wire.to_bytes(Metric("f1", 1)) == b'{"name":"f1","value":1.0}'
    assert wire.to_bytes(Metadata(external_facing=False)) == b'{"external_facing":false}'
    assert wire.from_json({"external_facing": None, "code": None}, Metadata, what="nulls") == Metadata()


def test_integers_are_numbers_and_become_doubles() -> None:
    """A metric of 1 that another program wrote is 1.0."""
    metric = wire.from_json({"name": "f1", "value": 1, "interval": [0, 2]}, Metric, what="a metric")
    assert [type(number) for number in (metric.value, *(metric.interval or ()))] == [float] * 3


def at(data: Any, path: str) -> Any:
    """Return the object that holds the field named."""
    for step in path.split(".")[:-1]:
        data = data[int(step) if step.isdigit() else step]
    return data


UNKNOWN = {"zz": [1, {"deep": None}], "unknown": "a field of this very name", "a": 1.5}


@pytest.mark.parametrize(
    ("path", "find"),
    [
        ("zz", lambda manifest: manifest),
        ("files.0.zz", lambda manifest: manifest.files[0]),
        ("metadata.zz", lambda manifest: manifest.metadata),
        ("metadata.metrics.0.zz", lambda manifest: manifest.metadata.metrics[0]),
        ("metadata.data.0.zz", lambda manifest: manifest.metadata.data[0]),
        ("metadata.base.0.zz", lambda manifest: manifest.metadata.base[0]),
        ("changelog.zz", lambda manifest: manifest.changelog),
    ],
)
def test_unknown_fields_are_kept_at_every_level(path: str, find: Callable[[Manifest], Any]) -> None:
    """What a newer release wrote is there after reading, and is written again."""
    data = changed("changelog", {"summary": "x"})
    data["metadata"] = {**data["metadata"], "data": [{"name": "train"}], "base": [{"name": "b"}]}
    at(data, path).update(UNKNOWN)
    manifest = wire.from_json(data, Manifest, what="a newer manifest")
    assert find(manifest).unknown == UNKNOWN
    assert UNKNOWN.items() <= at(wire.to_json(manifest), path).items()
    assert Manifest.from_bytes(manifest.to_bytes(), what="again") == manifest


@pytest.mark.parametrize("kind", [Metadata, Metric, Changelog, FileEntry, Manifest, Registered])
def test_unknown_fields_are_not_in_the_way(kind: type) -> None:
    """They are given by name, they are not shown, and by default there are none."""
    field = attrs.fields_dict(kind)["unknown"]
    assert field.kw_only
    assert not field.repr


@given(metadata)
def test_metadata_survives_its_bytes(value: Metadata) -> None:
    """from_bytes(to_bytes(x)) == x, unknown fields included."""
    assert wire.from_bytes(wire.to_bytes(value), Metadata, what="metadata") == value


@given(json_values, st.sampled_from([Manifest, Metadata, Metric, Registered, FileMap, Provenance, FileEntry]))
def test_any_json_is_a_value_or_our_own_error(data: Json, kind: type) -> None:
    """Reading is total: it raises nothing but InvalidValue."""
    try:
        wire.from_json(data, kind, what="untrusted data")
    except InvalidValue:
        return


@given(times)
def test_a_time_survives_its_text(time: datetime) -> None:
    """Times of all years come back to the microsecond."""
    text = wire.format_time(time)
    assert len(text) == len("2026-11-17T15:00:00.000000Z")
    assert wire.parse_time(text) == time


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    """16:00 in Berlin is 15:00Z."""
    time = datetime(2026, 11, 17, 16, tzinfo=timezone(timedelta(hours=1)))
    assert wire.format_time(time) == "2026-11-17T15:00:00.000000Z"
    assert wire.format_time(datetime(999, 1, 1, tzinfo=UTC)) == "0999-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-17T15:00:00Z",
        "2026-11-17T15:00:00.000Z",
        "2026-11-17T15:00:00.000000",
        "2026-11-17T15:00:00.000000+00:00",
        "2026-11-17T16:00:00.000000+01:00",
        "2026-11-17t15:00:00.000000z",
        "2026-11-17 15:00:00.000000Z",
        "2026-W47-2T15:00:00.000000Z",
        "20261117T150000.000000Z",
        "2026-11-31T15:00:00.000000Z",
        "2026-11-17T24:00:00.000000Z",
        "2026-11-17T15:00:60.000000Z",
        "0001-01-01T00:00:00.000000+23:59",
        "2026-11-17T15:00:00.000000Z\n",
        "\u0662026-11-17T15:00:00.000000Z",
    ],
)
def test_a_time_has_one_form(text: str) -> None:
    """RFC 3339, UTC as Z, six decimals: nothing else is read."""
    with pytest.raises(InvalidValue, match="not a time"):
        wire.parse_time(text)


@pytest.mark.parametrize("found", [None, 0, 2, "1", 1.0, True, [1]])
def test_another_format_is_refused(found: object) -> None:
    """A format is exactly the integer that this release knows."""
    data: dict[str, Any] = {"a": 1} if found is None else {"a": 1, "format": found}
    with pytest.raises(InvalidValue, match=r"a thing of another format: here .*Upgrade modelver"):
        wire.without_format(data, 1, kind="thing", what="here")


def test_the_format_is_taken_off() -> None:
    """What is left are the fields of the value."""
    assert wire.without_format({"a": 1, "format": 1}, 1, kind="thing", what="here") == {"a": 1}


def test_reading_does_not_know_a_class_by_its_private_name() -> None:
    """A message speaks of a commit's header as people would."""
    with pytest.raises(InvalidValue, match="not a valid Header"):
        wire.from_json({}, Commit.__mro__[1], what="a commit")
