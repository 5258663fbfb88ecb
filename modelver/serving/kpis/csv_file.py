"""Figures from a CSV file."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from modelver.errors import InvalidValue, LimitExceeded, NotFound, StoreError
from modelver.serving.guarding.window import Window
from modelver.serving.kpis.rows import Means, TableReader
from modelver.values.model_version import ModelVersion
from modelver.values.reading import Reading

MAX_CSV = 2**30
"""A CSV file larger than this many bytes is not read: it is read whole, each time."""

_LONGEST_LINE = 2**20


class CsvReader(TableReader):
    """Reads a version's figures from a CSV file: the means of its rows in the window, weighted by their samples.

    The file is UTF-8 with a header: ``time``, ``version``, and a column for each figure; ``samples`` may say how many requests are
    behind a row. An empty cell was not measured.

    Args:
        path: The file; it is read anew each time, so it may grow.
        values: The columns of figures; left out: all but the other ones.
        time: The column of the time: ISO 8601 (UTC where it has no zone), or Unix seconds.
        version: The column of the version.
        samples: The column of the number of samples.
    """

    def __call__(self, version: ModelVersion, window: Window) -> Reading:
        """Return the figures of a version over a window.

        Raises:
            NotFound: There is no such file.
            InvalidValue: It is no such table.
            StoreError: It can't be read.
        """
        try:
            size = self._path.stat().st_size
            if size > MAX_CSV:
                raise LimitExceeded(
                    "a CSV file is too large",
                    where=self._path,
                    expected=f"at most {MAX_CSV:,} bytes",
                    found=f"{size:,}",
                )
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.reader(_lines(file, self._path), strict=True)
                header = [name.strip() for name in next(rows, [])]
                figures = self._columns.figures(header, self._path)
                means = Means(self._columns, figures, str(version.version), window)
                for number, cells in enumerate(rows, 2):
                    _take(means, header, cells, f"{self._path}, row {number}")
        except FileNotFoundError:
            raise NotFound("there is no such file", where=self._path) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidValue("not a CSV file", where=self._path, found=error) from None
        except OSError as error:
            raise StoreError(
                "a file can't be read", where=self._path, found=error.strerror or error
            ) from None
        return means.reading(window)


def _take(means: Means, header: Sequence[str], cells: Sequence[str], where: str) -> None:
    if not cells:
        return
    if len(cells) != len(header):
        raise InvalidValue("a row of another length", where=where, expected=len(header), found=len(cells))
    means.add(dict(zip(header, cells, strict=True)), where)


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """Yield whole lines: the last one without its end may still be written; an endless one would take all memory."""
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise LimitExceeded(
                "a line is too long", where=path, expected=f"at most {_LONGEST_LINE:,} characters"
            )
        if line.endswith(("\n", "\r")):
            yield line
