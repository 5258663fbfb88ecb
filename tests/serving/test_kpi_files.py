"""Figures from CSV and Parquet files: means of the rows of a version and a window, or a clear word of what is wrong."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import modelver as mv
from modelver.serving.kpis import csv_file, parquet_file
from tests.serving.guards import filled

START = datetime(2026, 11, 17, 15, tzinfo=UTC)
WINDOW = mv.Window(timedelta(minutes=5), START, START + timedelta(minutes=5))


@pytest.fixture(scope="module")
def version() -> mv.ModelVersion:
    """Give version 1.0.0 of a model."""
    return filled(f"memory://{uuid.uuid4().hex}", "1.0.0").get("m:1.0.0")


def csv_text(rows: Sequence[Sequence[object]], header: str = "time,version,f1,samples") -> bytes:
    """Return a CSV file."""
    return "\n".join([header, *(",".join(map(str, row)) for row in rows), ""]).encode()


ROWS = [
    [START.isoformat(), "1.0.0", 9.0, 1000],  # a window has its end, not its begin
    [(START + timedelta(seconds=1)).isoformat(), "1.0.0", 0.5, 30],
    [(START + timedelta(minutes=5)).timestamp(), "1.0.0", 0.9, 10],
    [(START + timedelta(minutes=2)).replace(tzinfo=None).isoformat(), "1.0.0", "", 60],
    [(START + timedelta(minutes=2)).isoformat(), "1.0.0", "nan", 0],
    [(START + timedelta(minutes=2)).isoformat(), "2.0.0", 0.1, 1000],
    [(START + timedelta(minutes=6)).isoformat(), "1.0.0", 9.0, 1000],
]


def test_a_csv_file_gives_means_weighted_by_samples(version: mv.ModelVersion, tmp_path: Path) -> None:
    """Of the version's rows in the window; what was not measured weighs nothing."""
    path = tmp_path / "kpis.csv"
    path.write_bytes(b"\xef\xbb\xbf" + csv_text(ROWS))
    reading = mv.CsvReader(path)(version, WINDOW)
    assert reading.values == {"f1": pytest.approx(0.6)}
    assert (reading.samples, reading.begin, reading.end) == (100, WINDOW.begin, WINDOW.end)
    assert "kpis.csv" in repr(mv.CsvReader(path))


def test_columns_have_the_names_that_are_given(version: mv.ModelVersion, tmp_path: Path) -> None:
    """Without a column for samples each row is one."""
    path = tmp_path / "kpis.csv"
    at = (START + timedelta(minutes=1)).isoformat()
    path.write_bytes(csv_text([[at, "1.0.0", 0.5, "eu"], [at, "1.0.0", 0.7, "us"]], "when,which,f1,region"))
    reading = mv.CsvReader(path, ["f1"], time="when", version="which")(version, WINDOW)
    assert (reading.values, reading.samples) == ({"f1": pytest.approx(0.6)}, 2)


def test_a_row_that_is_being_written_is_left_out(version: mv.ModelVersion, tmp_path: Path) -> None:
    """0.9 of what will be 0.95 is no figure."""
    at = (START + timedelta(minutes=1)).isoformat()
    path = tmp_path / "kpis.csv"
    path.write_bytes(csv_text([[at, "1.0.0", 0.5, 10]]) + f"{at},1.0.0,0.9".encode())
    assert mv.CsvReader(path)(version, WINDOW).values == {"f1": 0.5}


AT = (START + timedelta(minutes=1)).isoformat()
HOSTILE = {
    "empty": (b"", "no columns"),
    "no newline": (b"time,version,f1", "no columns"),
    "no figures": (b"time,version,samples\n", "a column for each figure"),
    "no version": (b"time,f1\n", "expected a column version, found time, f1"),
    "twice": (b"time,version,f1,f1\n", "not a table of figures"),
    "too many": (("time,version," + ",".join(f"m{n}" for n in range(100)) + "\n").encode(), "not a table"),
    "short row": (csv_text([[AT, "1.0.0"]]), "a row of another length"),
    "text": (csv_text([[AT, "1.0.0", "high", 10]]), "not a number"),
    "text as samples": (csv_text([[AT, "1.0.0", 0.5, "many"]]), "not a number"),
    "no time": (csv_text([["yesterday", "1.0.0", 0.5, 10]]), "not a time"),
    "far time": (csv_text([["1e300", "1.0.0", 0.5, 10]]), "not a time"),
    "NaN as time": (csv_text([["nan", "1.0.0", 0.5, 10]]), "not a time"),
    "binary": (b"\x00\xff\xfe" * 100 + b"\n", "not a CSV file"),
    "quote": (b'time,version,f1\n"' + b"x" * 100 + b'"y\n', "not a CSV file"),
    "long line": (b"time,version,f1\n" + b"x" * 2**21, "a line is too long"),
    "long cell": (b"time,version,f1\n" + b"x" * 2**18 + b"\n", "not a CSV file"),
}


@pytest.mark.parametrize(("data", "told"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_table_is_told(version: mv.ModelVersion, tmp_path: Path, data: bytes, told: str) -> None:
    """Where, and what should have been there; never a figure that nobody measured."""
    path = tmp_path / "kpis.csv"
    path.write_bytes(data)
    with pytest.raises(mv.InvalidValue) as refused:
        mv.CsvReader(path)(version, WINDOW)
    assert told in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_or_too_large_is_told(version: mv.ModelVersion, tmp_path: Path) -> None:
    """Before it is read; a folder is no file."""
    for reader in (mv.CsvReader, mv.ParquetReader):
        with pytest.raises(mv.NotFound, match="there is no such file"):
            reader(tmp_path / "none")(version, WINDOW)
        with pytest.raises(mv.ModelverError):
            reader(tmp_path)(version, WINDOW)
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(csv_file.MAX_CSV + 1)  # takes no room on the disk
    with pytest.raises(mv.LimitExceeded, match="too large"):
        mv.CsvReader(tmp_path / "huge.csv")(version, WINDOW)


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    """Write a Parquet file."""
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


TIMES = [START, START + timedelta(seconds=1), START + timedelta(minutes=2), START + timedelta(minutes=6)]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(TIMES, pa.timestamp("us", "UTC")),
        pa.array([time.replace(tzinfo=None) for time in TIMES], pa.timestamp("ms")),
        [time.isoformat() for time in TIMES],
        [time.timestamp() for time in TIMES],
        [int(time.timestamp()) for time in TIMES],
    ],
    ids=["timestamp", "without zone", "text", "seconds", "whole seconds"],
)
def test_a_parquet_file_gives_the_same(version: mv.ModelVersion, tmp_path: Path, times: Any) -> None:
    """Whatever way its times are written."""
    path = parquet(
        tmp_path / "kpis.parquet",
        {
            "time": times,
            "version": ["1.0.0", "1.0.0", "1.0.0", "1.0.0"],
            "f1": [9.0, 0.5, None, 9.0],
            "latency": [9.0, 0.25, 0.75, 9.0],
            "samples": [1000, 30, 10, 1000],
        },
    )
    reading = mv.ParquetReader(path)(version, WINDOW)
    assert reading.values == {"f1": 0.5, "latency": pytest.approx(0.375)}
    assert reading.samples == 40
    assert mv.ParquetReader(path, ["f1"])(version, WINDOW).values == {"f1": 0.5}
    assert "kpis.parquet" in repr(mv.ParquetReader(path))


def test_what_is_no_parquet_file_of_figures_is_told(
    version: mv.ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rubbish, damage, wrong types, and more rows than anybody means."""
    path = tmp_path / "kpis.parquet"
    path.write_bytes(b"PAR1 no such thing PAR1")
    with pytest.raises(mv.InvalidValue, match="not a Parquet file"):
        mv.ParquetReader(path)(version, WINDOW)
    parquet(path, {"time": [1.0], "version": ["1.0.0"], "f1": [[0.5]]})
    at = {"time": [(START + timedelta(minutes=1)).timestamp()], "version": ["1.0.0"]}
    parquet(path, {**at, "f1": [[0.5]]})
    with pytest.raises(mv.InvalidValue, match="not a number"):
        mv.ParquetReader(path)(version, WINDOW)
    parquet(path, {**at, "version": [{"a": 1}], "f1": [0.5]})
    with pytest.raises(mv.InvalidValue, match="can't be read"):
        mv.ParquetReader(path)(version, WINDOW)
    parquet(path, {"time": [1.0], "f1": [0.5]})
    with pytest.raises(mv.InvalidValue, match="expected a column version, found time, f1"):
        mv.ParquetReader(path)(version, WINDOW)
    parquet(path, {key: value * 4 for key, value in {**at, "f1": [0.5]}.items()})
    data = path.read_bytes()
    path.write_bytes(data[:20] + bytes(40) + data[60:])
    with pytest.raises(mv.InvalidValue, match="can't be read"):
        mv.ParquetReader(path)(version, WINDOW)
    path.write_bytes(data)
    monkeypatch.setattr(parquet_file, "MAX_ROWS", 3)
    with pytest.raises(mv.LimitExceeded, match="too many rows"):
        mv.ParquetReader(path)(version, WINDOW)
