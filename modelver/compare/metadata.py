"""Stated metadata of two versions, field by field."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import cast

import attrs

from modelver.compare.metrics import metric_label
from modelver.compare.side import Side
from modelver.values import wire
from modelver.values.canonical import Json, encode
from modelver.values.record import Metric

_METRIC_KEY = frozenset({"name", "dataset", "slice", "value"})


@attrs.frozen
class Difference:
    """A field that differs between two versions.

    Attributes:
        field: Its dotted path, such as ``params.optimizer.lr``; a key that holds a dot is quoted.
        a: Its value in the first version; None where it has none.
        b: Its value in the second version; None where it has none.
    """

    field: str
    a: Json
    b: Json

    def to_dict(self) -> dict[str, Json]:
        """Return the difference as plain JSON data."""
        return {"field": self.field, "a": self.a, "b": self.b}


def compare_metadata(a: Side, b: Side) -> tuple[Difference, ...]:
    """Compare what is stated beside the files, sorted by field.

    Datasets go by name and split, as in ``data.train.digest``. The values of metrics are not in here, since they have
    rows of their own; what else is said of a metric that both versions state is, as in ``metrics.f1.threshold``.
    """
    common = _stated(a).keys() & _stated(b).keys()
    return differences(_fields(a, common), _fields(b, common))


def differences(a: Mapping[str, Json], b: Mapping[str, Json]) -> tuple[Difference, ...]:
    """Compare two flat mappings, where a null is the same as nothing."""
    return tuple(
        Difference(field, a.get(field), b.get(field))
        for field in sorted(a.keys() | b.keys())
        if encode(a.get(field)) != encode(b.get(field))
    )


def _stated(side: Side) -> Mapping[tuple[str, str, str], Metric]:
    return {metric.key: metric for metric in side.manifest.metadata.metrics}


def _fields(side: Side, metrics: set[tuple[str, str, str]]) -> dict[str, Json]:
    """Return the metadata as dotted paths to values that are no objects, and to empty objects."""
    metadata = side.manifest.metadata
    plain = dict(cast("Mapping[str, Json]", wire.to_json(metadata)))
    plain["base"] = [f"{base.name} {base.digest or ''}".strip() for base in metadata.base] or None
    plain["data"] = _by_label(
        ((f"{data.name}[{data.split}]" if data.split else data.name, data) for data in metadata.data),
        frozenset(),
    )
    plain["metrics"] = _by_label(
        ((metric_label(*key), metric) for key, metric in _stated(side).items() if key in metrics), _METRIC_KEY
    )
    return dict(_flat("", {key: value for key, value in plain.items() if value not in (None, {})}))


def _by_label(
    items: Iterator[tuple[str, object]] | list[tuple[str, object]], without: frozenset[str]
) -> Json:
    """Return values as an object; a label that comes again is numbered."""
    seen: Counter[str] = Counter()
    found: dict[str, Json] = {}
    for label, value in items:
        seen[label] += 1
        numbered = f"{label}#{seen[label]}" if seen[label] > 1 else label
        fields = cast("Mapping[str, Json]", wire.to_json(value))
        found[numbered] = {key: field for key, field in fields.items() if key not in without}
    return found


def _flat(prefix: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping) and (value or not prefix):
        for key, item in value.items():
            quoted = key if key and "." not in key and '"' not in key else json.dumps(key, ensure_ascii=False)
            yield from _flat(f"{prefix}.{quoted}" if prefix else quoted, item)
    else:
        yield prefix, value
