"""Versions as one table of pandas."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from modelver.compare.frame import load_pandas
from modelver.expressions.expression import Subject
from modelver.index.columns import title
from modelver.index.stored import Stored

if TYPE_CHECKING:
    import pandas as pd

_FIXED = ("name", "version", "digest", "created_at", "created_by", "aliases", "yanked")
_NESTED = ("metrics", "params", "tags", "metadata")


def to_frame(rows: Iterable[Stored], at: str) -> "pd.DataFrame":
    """Return a row for each version; see `modelver.Registry.to_frame`.

    Args:
        rows: The versions.
        at: The time, for approvals.

    Raises:
        InvalidValue: pandas is not installed.
    """
    pandas = load_pandas()
    records = [_record(row, row.subject(at)) for row in rows]
    more = sorted({name for record in records for name in record} - set(_FIXED), key=_place)
    frame: pd.DataFrame = pandas.DataFrame(records, columns=[*_FIXED, *more])
    frame["created_at"] = pandas.to_datetime(frame["created_at"], utc=True)
    return frame.astype({"yanked": "bool"})


def _place(name: str) -> tuple[int, str]:
    kind = name.partition(".")[0].partition("[")[0]
    return _NESTED.index(kind), name


def _record(row: Stored, variables: Subject) -> dict[str, object]:
    fixed = {
        **{key: variables[key] for key in ("name", "version", "created_at", "created_by")},
        "digest": row.digest,
        "aliases": ", ".join(cast("list[str]", variables["aliases"])),
        "yanked": bool(row.yanked),
    }
    return fixed | dict(_leaves(variables)) | _ambiguous(variables)


def _leaves(variables: Subject) -> Iterator[tuple[str, object]]:
    """Yield what is in the nested variables, under its name in expressions; lists stay lists."""
    left: list[tuple[tuple[str, ...], object]] = [((name,), variables[name]) for name in reversed(_NESTED)]
    while left:
        path, value = left.pop()
        if isinstance(value, Mapping):
            left += [((*path, str(key)), inner) for key, inner in reversed(list(value.items()))]
        elif value is not None:
            yield title(path), value


def _ambiguous(variables: Subject) -> dict[str, object]:
    """Return the figures that need their dataset's name, as ``metrics.f1@eval-v3``; one without a dataset has none."""
    metric = variables["metric"]
    names = cast("Mapping[str, list[str]]", variables["ambiguous"])
    return {
        title(("metrics", name)) + (f"@{dataset}" if dataset else ""): metric(name, dataset)
        for name, datasets in names.items()
        for dataset in datasets
        if callable(metric)
    }
