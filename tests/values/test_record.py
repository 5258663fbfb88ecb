"""What a publisher states: values that take what training scripts have, and refuse what is no figure."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata, Metric
from tests.strategies import floats


class Scalar:
    """A scalar tensor as frameworks have it: a shape, a data type, and a float inside.

    This is the protocol that torch's tensors follow; torch itself is too large for a test.
    """

    def __init__(self, value: object, dtype: str, shape: tuple[int, ...] = ()) -> None:
        self._value, self.dtype, self.shape = value, dtype, shape

    def __float__(self) -> float:
        return float(self._value)  # type: ignore[arg-type] # a number in every test


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (0.91, 0.91),
        (Fraction(1, 4), 0.25),
        (Decimal("0.5"), 0.5),
        (np.float64(0.91), 0.91),
        (np.float32(0.5), 0.5),
        (np.float16(0.25), 0.25),
        (np.int64(3), 3.0),
        (np.uint8(7), 7.0),
        (np.array(0.75), 0.75),
        (ml_dtypes.bfloat16(0.5), 0.5),
        (Scalar(0.5, "torch.float32"), 0.5),
    ],
)
def test_a_metric_takes_any_real_number(value: Any, expected: float) -> None:
    """Python's, numpy's and the frameworks' scalars become doubles."""
    metric = Metric("f1", value)
    assert metric.value == expected
    assert type(metric.value) is float


@given(floats)
def test_a_metric_keeps_its_value_exactly(value: float) -> None:
    """No digit is lost."""
    assert math.copysign(1, Metric("f1", value).value) == math.copysign(1, value)
    assert Metric("f1", value).value == value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        np.float32("nan"),
        np.array(math.inf),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("1e999"),
        10**400,
        True,
        np.True_,
        np.array(True),
        Scalar(1, "torch.bool"),
        "0.91",
        np.str_("0.91"),
        b"0.91",
        bytearray(b"0.91"),
        None,
        1j,
        np.complex64(1),
        [0.91],
        np.array([0.91]),
        np.array([0.91, 0.92]),
        Scalar(0.91, "torch.float32", (1,)),
        {},
        object(),
    ],
)
def test_a_metric_refuses_what_is_no_finite_number(value: Any) -> None:
    """Truth values, texts, arrays, complex numbers, NaN and infinities are refused where they are given."""
    with pytest.raises(InvalidValue, match="number"):
        Metric("f1", value)
    with pytest.raises(InvalidValue, match="number"):
        Metric("f1", 0.9, interval=(0.8, value))
    if value is not None:
        with pytest.raises(InvalidValue, match="number"):
            Metric("f1", 0.9, threshold=value)


@pytest.mark.parametrize(
    ("given_", "expected"), [(None, None), (0, 0), (5, 5), (np.int64(5), 5), (np.uint8(5), 5)]
)
def test_counts_are_integers(given_: Any, expected: int | None) -> None:
    """Integers of numpy count too."""
    for count in (Metric("f1", 0.9, count=given_).count, Dataset("train", rows=given_).rows):
        assert count == expected
        assert type(count) is type(expected)


@pytest.mark.parametrize("count", [-1, np.int64(-1), 1.0, np.float64(1), True, np.True_, "5", [5]])
def test_other_counts_are_refused(count: Any) -> None:
    """Negative ones, fractions, truth values and texts are no counts."""
    with pytest.raises(InvalidValue, match="not a count"):
        Metric("f1", 0.9, count=count)
    with pytest.raises(InvalidValue, match="not a count"):
        Dataset("train", rows=count)


@pytest.mark.parametrize("interval", [(0.8,), (0.8, 0.9, 1.0), 0.8, "ab", 5])
def test_an_interval_has_two_ends(interval: Any) -> None:
    """Low and high, both numbers."""
    with pytest.raises(InvalidValue, match=r"interval|number"):
        Metric("f1", 0.9, interval=interval)


def test_an_interval_may_come_as_an_array() -> None:
    """Bootstrap functions return arrays."""
    assert Metric("f1", 0.9, interval=np.array([0.8, 1.0])).interval == (0.8, 1.0)  # type: ignore[arg-type] # at run time


@pytest.mark.parametrize("direction", ["up", "Higher", None, 1, []])
def test_a_direction_is_higher_or_lower(direction: Any) -> None:
    """Anything else is refused with our own error."""
    with pytest.raises(InvalidValue, match="not a direction"):
        Metric("f1", 0.9, direction=direction)


@pytest.mark.parametrize("name", ["", " ", "\n", None, 5, b"f1"])
def test_a_name_is_text_with_something_in_it(name: Any) -> None:
    """Metrics, datasets and base models have names."""
    for make in (lambda: Metric(name, 1), lambda: Dataset(name), lambda: BaseModel(name)):
        with pytest.raises(InvalidValue, match=r"must be text that is not empty: \w+\.name"):
            make()


def test_figures_are_comparable_by_name_dataset_and_slice() -> None:
    """The key leaves out the value, and metrics can be members of sets."""
    one, other = (Metric("f1", value, dataset="eval", slice="region=EU") for value in (0.8, 0.9))
    assert one.key == other.key == ("f1", "eval", "region=EU")
    assert len({one, other, Metric("f1", 0.8, dataset="eval", slice="region=EU")}) == 2


def test_one_text_will_do_where_texts_are_due() -> None:
    """`added="x"` is one line, not one letter."""
    assert Changelog(added="EU cards").added == ("EU cards",)  # type: ignore[arg-type] # the converter takes it
    assert Metadata(intended_use="Scoring.").intended_use == ("Scoring.",)
    assert Metadata(owners=["a", "b"]).owners == ("a", "b")


def test_a_changelog_reads_as_markdown() -> None:
    """The summary first, then the sections that have something."""
    changelog = Changelog("Better.", added=["EU cards"], fixed=["a", "b"])
    assert str(changelog) == "Better.\n\n### Added\n- EU cards\n\n### Fixed\n- a\n- b"
    assert changelog
    assert not Changelog()
    assert Changelog(caveats=["slow"])


@given(st.lists(floats, max_size=3))
def test_lists_of_values_become_tuples(values: list[float]) -> None:
    """A frozen value holds nothing that could change behind its back."""
    metrics = [Metric(f"m{index}", value) for index, value in enumerate(values)]
    assert Metadata(metrics=metrics).metrics == tuple(metrics)
