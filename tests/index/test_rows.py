"""Rows give back the very variables that gates have."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from modelver.gates.subject import Figures, subject
from modelver.index.query import Query
from modelver.index.row import standing
from modelver.values.manifest import Manifest
from modelver.values.record import Metric
from tests.histories import MODEL
from tests.index.support import AT, NOW, Told, asked, few_told, few_versions, indexed, manifest
from tests.strategies import filled_texts, floats, metadata, texts

wild_metrics = st.builds(Metric, filled_texts, floats, texts, texts)


def as_json(variables: Mapping[str, object]) -> object:
    """Return variables as JSON has them: tuples are lists, and the function is what it says of many arguments."""
    plain = {key: value for key, value in variables.items() if key not in {"metric", "created_at"}}
    return json.loads(json.dumps(plain, allow_nan=False)), variables["created_at"]


def check(versions: list[tuple[Manifest, Told]]) -> None:
    """Compare what the index gives with what the gates give."""
    index, state = indexed(versions)
    rows = {row.version: row for row in asked(index, Query())}
    for stated, told in versions:
        entry = state.versions[stated.version]
        expected = subject(stated, entry, state, roles=standing(entry, NOW))
        found = rows[stated.version].subject(AT)
        assert as_json(found) == as_json(expected)
        later = (metric for each in entry.evaluations for metric in each.metrics)
        figures = Figures([*stated.metadata.metrics, *later])
        keys = [metric.key for metric in (*stated.metadata.metrics, *told.evaluated)]
        for name, dataset, part in [*keys, ("f1", "", ""), ("nothing", "v3", "EU")]:
            for arguments in ((name,), (name, dataset), (name, dataset, part), (name, "", part)):
                metric = found["metric"]
                assert callable(metric)
                assert metric(*arguments) == figures.metric(*arguments)


@given(few_versions)
def test_a_row_gives_the_variables_that_gates_have(versions: list[tuple[Manifest, Told]]) -> None:
    """What a row gives is what `subject` gives of manifest and log."""
    check(versions)


@given(metadata.map(lambda stated: manifest("1.0.0", stated)), few_told, st.lists(wild_metrics, max_size=3))
def test_whatever_is_stated_comes_back(stated: Manifest, told: Told, later: list[Metric]) -> None:
    """So it is with whatever texts, numbers and unknown fields a manifest has."""
    read = Manifest.from_bytes(stated.to_bytes(), what=MODEL)
    check([(read, Told(tuple(later), told.tags, told.note, told.aliases, told.approved, told.rejected))])
