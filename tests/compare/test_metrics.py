"""Metrics of two versions: paired by name, dataset and slice; better by what is stated, else by the name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.compare import compare
from modelver.compare.metrics import HIGHER, LOWER, MetricRow, direction
from modelver.values.record import Metadata, Metric
from tests.compare.support import side


def rows(a: list[Metric], b: list[Metric], later: tuple[Metric, ...] = ()) -> tuple[MetricRow, ...]:
    """Compare the metrics of two versions; `later` ones were recorded for the second after publication."""
    return compare(
        side({"f": b""}, metadata=Metadata(metrics=tuple(a))),
        side({"f": b""}, metadata=Metadata(metrics=tuple(b)), evaluations=later),
    ).metrics


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("f1", "higher"),
        ("eval/f1", "higher"),
        ("eval/F1_macro", "higher"),
        ("recall@10", "higher"),
        ("top-5 accuracy", "higher"),
        ("roc_auc", "higher"),
        ("mAP", "higher"),
        ("loss", "lower"),
        ("train/val_loss", "lower"),
        ("error_rate", "lower"),
        ("latency.p95_ms", "lower"),
        ("WER", "lower"),
        ("loss/epoch", ""),
        ("speech_frames", ""),
        ("losses", ""),
        ("accuracy_loss", ""),
        ("", ""),
    ],
)
def test_well_known_names_tell_which_way_is_better(name: str, way: str) -> None:
    """The words of a name's last path segment decide; unknown or contradictory ones decide nothing."""
    assert direction(name) == way


def test_the_tables_do_not_contradict_each_other() -> None:
    """No word says both."""
    assert not HIGHER & LOWER


def test_a_metric_is_better_or_worse_by_its_direction() -> None:
    """A stated direction goes before the name's; without any, nothing is claimed."""
    a = [Metric("f1", 0.8), Metric("loss", 0.5), Metric("bias", 3, direction="lower"), Metric("x", 1)]
    b = [Metric("f1", 0.9), Metric("loss", 0.6), Metric("bias", 1), Metric("x", 2)]
    assert {row.name: row.better for row in rows(a, b)} == {
        "f1": True,
        "loss": False,
        "bias": True,
        "x": None,
    }


def test_directions_that_contradict_each_other_tell_nothing() -> None:
    """Where two versions state opposite directions, neither wins, and the name doesn't either."""
    (row,) = rows([Metric("f1", 0.8, direction="lower")], [Metric("f1", 0.9, direction="higher")])
    assert (row.direction, row.better) == ("", None)


def test_equal_metrics_are_listed_and_neither_better_nor_worse() -> None:
    """A reader wants to see what stayed, too."""
    (row,) = rows([Metric("f1", 0.8)], [Metric("f1", 0.8)])
    assert (row.delta, row.better) == (0, None)


def test_metrics_are_compared_on_the_same_dataset_and_slice_only() -> None:
    """A figure of another dataset or slice is another metric."""
    found = rows([Metric("f1", 0.8, "v1"), Metric("f1", 0.7, "v1", "EU")], [Metric("f1", 0.9, "v1", "EU")])
    assert [(row.dataset, row.slice, row.a, row.b) for row in found] == [
        ("v1", "", 0.8, None),
        ("v1", "EU", 0.7, 0.9),
    ]
    assert (found[0].delta, found[0].better) == (None, None)


def test_the_latest_evaluation_counts() -> None:
    """A metric recorded after publication replaces the earlier one, and keeps its direction where it states none."""
    (row,) = rows(
        [Metric("bias", 3)], [Metric("bias", 1, direction="lower")], (Metric("bias", 4), Metric("bias", 2))
    )
    assert (row.a, row.b, row.better) == (3, 2, True)


def test_a_difference_too_large_for_a_float_is_left_out() -> None:
    """JSON has no infinity."""
    (row,) = rows([Metric("x", -1.7e308)], [Metric("x", 1.7e308)])
    assert row.delta is None
    json.dumps(row.to_dict(), allow_nan=False)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_mirrored_metric_has_the_opposite_difference(one: float, other: float) -> None:
    """Swapping the versions negates the difference, and what was better is worse."""
    row, mirrored = (
        MetricRow("f1", "", "", one, other, "higher"),
        MetricRow("f1", "", "", other, one, "higher"),
    )
    assert (row.delta is None and mirrored.delta is None) or row.delta == -(mirrored.delta or 0.0)
    assert (row.better, mirrored.better) in {(True, False), (False, True), (None, None)}
