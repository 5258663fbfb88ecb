"""Rows of a table with the columns ``time``, ``version`` and one for each figure, and their means."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from modelver.errors import InvalidValue
from modelver.serving.guarding.window import Window
from modelver.values.fields import texts
from modelver.values.reading import MAX_FIGURES, Reading

_EARLIEST, _LATEST = 0.0, 253_370_764_800.0  # the years 1970 to 9999


@attrs.frozen
class Columns:
    """Which columns mean what.

    Attributes:
        time: Of the time: ISO 8601 (UTC where it has no zone), or Unix seconds.
        version: Of the version.
        samples: Of how many samples are behind a row; a file without it has one for each row.
        values: Of the figures; empty: all others.
    """

    time: str = "time"
    version: str = "version"
    samples: str = "samples"
    values: tuple[str, ...] = attrs.field(default=(), converter=texts)

    def figures(self, header: Sequence[str], where: Path) -> tuple[str, ...]:
        """Return the columns of figures that a file has.

        Raises:
            InvalidValue: A column is missing or there twice, or there are no figures, or too many.
        """
        found = self.values or tuple(
            name for name in header if name not in {self.time, self.version, self.samples}
        )
        wanted = (self.time, self.version, *found)
        missing = [name for name in wanted if name not in header]
        twice = [name for name in wanted if list(header).count(name) > 1]
        if missing or twice or not 0 < len(found) <= MAX_FIGURES:
            raise InvalidValue(
                "not a table of figures",
                where=where,
                expected=_expected(missing, twice) if found else "a column for each figure",
                found=", ".join(header)[:200] or "no columns",
            )
        return found


def _expected(missing: Sequence[str], twice: Sequence[str]) -> str:
    if missing:
        return " and ".join(f"a column {name}" for name in missing)
    return f"each column once, but {', '.join(twice)}" if twice else f"{MAX_FIGURES} figures at most"


class Means:
    """Means of the rows of one version in one window, weighted by their samples."""

    def __init__(self, columns: Columns, figures: Sequence[str], version: str, window: Window) -> None:
        self._columns = columns
        self._version = version
        self._begin, self._end = window.begin.timestamp(), window.end.timestamp()
        self._sums = dict.fromkeys(figures, 0.0)
        self._weights = dict.fromkeys(figures, 0.0)
        self._samples = 0.0

    def add(self, row: Mapping[str, Any], where: str) -> None:
        """Take a row; one of another version or time says nothing.

        Raises:
            InvalidValue: It holds something that is no number, or no time.
        """
        if str(row.get(self._columns.version)) != self._version:
            return
        if not self._begin < _seconds(row.get(self._columns.time), where) <= self._end:
            return
        behind = _number(row[self._columns.samples], where) if self._columns.samples in row else 1.0
        if behind is None or behind <= 0:
            return
        self._samples += behind
        for name in self._sums:
            value = _number(row.get(name), f"{where}, column {name}")
            if value is not None:
                self._sums[name] += value * behind
                self._weights[name] += behind

    def reading(self, window: Window) -> Reading:
        """Return the means."""
        values = {name: self._sums[name] / weight for name, weight in self._weights.items() if weight}
        return Reading(values, self._samples, window.begin, window.end)


class TableReader:
    """What readers of tables in files share: where the file is, and which columns mean what; see `CsvReader`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        values: Iterable[str] = (),
        *,
        time: str = "time",
        version: str = "version",
        samples: str = "samples",
    ) -> None:
        self._path = Path(path)
        self._columns = Columns(time, version, samples, tuple(values))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r})"


def _seconds(value: object, where: str) -> float:
    """Return a time as Unix seconds.

    Raises:
        InvalidValue: It is none.
    """
    try:
        if isinstance(value, datetime):
            found = value
        else:
            text = str(value).strip()
            try:
                number = float(text)
            except ValueError:
                found = datetime.fromisoformat(text)
            else:
                if _EARLIEST <= number < _LATEST:
                    return number
                raise InvalidValue("not a time", where=where, found=text[:80])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(
            "not a time", where=where, expected="ISO 8601, or Unix seconds", found=str(value)[:80]
        ) from None


def _number(value: object, where: str) -> float | None:
    """Return a number; None where nothing was measured.

    Raises:
        InvalidValue: It is something else.
    """
    if value is None or value == "":
        return None
    try:
        number = float(value)  # type: ignore[arg-type] # whatever it is
    except (TypeError, ValueError):
        raise InvalidValue("not a number", where=where, found=repr(value)[:80]) from None
    return number if math.isfinite(number) else None
