"""Figures from a Parquet file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelver.errors import InvalidValue, LimitExceeded, NotFound
from modelver.serving.guarding.window import Window
from modelver.serving.kpis.rows import Means, TableReader
from modelver.values.model_version import ModelVersion
from modelver.values.reading import Reading

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAX_ROWS = 50_000_000
_BATCH = 65_536


class ParquetReader(TableReader):
    """Reads a version's figures from a Parquet file: the means of its rows in the window, weighted by their samples.

    The columns are those of `CsvReader`, and the arguments too; the time may also be a timestamp. Needs
    ``pip install 'modelver[parquet]'``.
    """

    def __call__(self, version: ModelVersion, window: Window) -> Reading:
        """Return the figures of a version over a window.

        Raises:
            NotFound: There is no such file.
            InvalidValue: It is no such table, or pyarrow is missing.
            StoreError: It can't be read.
        """
        with self._opened() as table:
            header = list(table.schema_arrow.names)
            if table.metadata.num_rows > MAX_ROWS:
                raise LimitExceeded(
                    "a Parquet file has too many rows", where=self._path, expected=f"at most {MAX_ROWS:,}"
                )
            figures = self._columns.figures(header, self._path)
            means = Means(self._columns, figures, str(version.version), window)
            samples = (self._columns.samples,) if self._columns.samples in header else ()
            columns = [self._columns.time, self._columns.version, *samples, *figures]
            for row in self._rows(table, columns, str(version.version)):
                means.add(row, str(self._path))
        return means.reading(window)

    def _opened(self) -> "ParquetFile":
        try:
            from pyarrow import ArrowException
            from pyarrow.parquet import ParquetFile
        except ImportError:
            raise InvalidValue(
                "Parquet files need the package pyarrow",
                where=self._path,
                hint="Install it: pip install 'modelver[parquet]'",
            ) from None
        try:
            return ParquetFile(self._path)
        except FileNotFoundError:
            raise NotFound("there is no such file", where=self._path) from None
        except (ArrowException, OSError) as error:
            raise InvalidValue("not a Parquet file", where=self._path, found=str(error)[:200]) from None

    def _rows(
        self, table: "ParquetFile", columns: Sequence[str], version: str
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of one version."""
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            for batch in table.iter_batches(_BATCH, columns=list(columns)):
                names = pc.cast(batch[self._columns.version], pa.string())
                yield from batch.filter(pc.call_function("equal", [names, pa.scalar(version)])).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise InvalidValue(
                "a Parquet file can't be read", where=self._path, found=str(error)[:200]
            ) from None
