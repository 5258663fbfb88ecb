"""Metrics and tensors of two versions as one table of pandas."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from modelver.compare.metrics import MetricRow
from modelver.compare.tensors import TensorChanges, TensorRow
from modelver.errors import InvalidValue

if TYPE_CHECKING:
    from types import ModuleType

    import pandas as pd

_TEXTS = ("kind", "name", "file", "dataset", "slice", "change")
_TYPES = {
    **dict.fromkeys(("a", "b", "delta"), "float64"),
    "better": "boolean",
    **dict.fromkeys(("elements_a", "elements_b"), "Int64"),
}
_COLUMNS = (
    *(*_TEXTS, "a", "b", "delta", "better"),
    *("dtype_a", "dtype_b", "shape_a", "shape_b", "elements_a", "elements_b"),
)
_LARGEST = 2**53
"""No real tensor has more elements, but a header that was made up may say so, and a table's integers have an end."""


def to_frame(metrics: Iterable[MetricRow], tensors: TensorChanges) -> "pd.DataFrame":
    """Return a row for each metric, and one for each tensor that differs; see `Comparison.to_frame`.

    Raises:
        InvalidValue: pandas is not installed.
    """
    pandas = load_pandas()
    rows = [*map(_metric, metrics), *(_tensor(row, change) for change, row in tensors.rows())]
    frame: pd.DataFrame = pandas.DataFrame(
        [dict.fromkeys(_TEXTS, "") | {key: _whole(value) for key, value in row.items()} for row in rows],
        columns=list(_COLUMNS),
    )
    return frame.astype(_TYPES)


def load_pandas() -> "ModuleType":
    """Import pandas, which only tables need.

    Raises:
        InvalidValue: It is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise InvalidValue(
            "a table needs pandas, which is not installed", hint='pip install "modelver[notebook]"'
        ) from None
    return pd


def _whole(value: object) -> object:
    """Spell out lone surrogates, which a made-up header may hold and Arrow's texts can't."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _metric(row: MetricRow) -> dict[str, object]:
    change = "added" if row.a is None else "removed" if row.b is None else "changed"
    return {"kind": "metric", **row.to_dict(), "change": "unchanged" if row.a == row.b else change}


def _tensor(row: TensorRow, change: str) -> dict[str, object]:
    found: dict[str, object] = {"kind": "tensor", "name": row.name, "file": row.file, "change": change}
    for side, tensor in (("a", row.a), ("b", row.b)):
        if tensor is not None:
            found |= {
                f"dtype_{side}": tensor.dtype,
                f"shape_{side}": tensor.shape,
                f"elements_{side}": min(tensor.elements, _LARGEST),
            }
    return found
