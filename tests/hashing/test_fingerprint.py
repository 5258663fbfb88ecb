"""The fast check of files against their fingerprints."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.hashing.fingerprint import BATCH, changed_files, changed_ranges
from modelver.hashing.stream import hash_bytes
from modelver.values.filemap import Range
from tests.reference import hashing as reference


@st.composite
def partitions(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Draw some bytes and the lengths of their ranges."""
    lengths = draw(st.lists(st.integers(1, 300), min_size=1, max_size=20))
    return os.urandom(sum(lengths)), lengths


def test_an_intact_file_has_no_changed_ranges(tmp_path: Path) -> None:
    """Ranges of all sizes, alone and in batches, match."""
    lengths = [BATCH // 2, 3, BATCH // 2, BATCH + 1, *[1000] * 500, BATCH]
    data = os.urandom(sum(lengths))
    (tmp_path / "file").write_bytes(data)
    ranges = reference.digest(data, lengths).ranges
    told: list[int] = []
    assert changed_ranges(tmp_path / "file", ranges, on_bytes=told.append) == ()
    assert sum(told) == len(data)


@given(partitions(), st.data(), st.sampled_from([1, 2]))
def test_a_flipped_bit_is_found_in_its_range(
    case: tuple[bytes, list[int]], draw: st.DataObject, threads: int
) -> None:
    """Of all ranges, just the one with the damaged byte is returned."""
    data, lengths = case
    ranges = hash_bytes(data, lengths=lengths).ranges
    at = draw.draw(st.integers(0, len(data) - 1))
    damaged = bytearray(data)
    damaged[at] ^= 1 << draw.draw(st.integers(0, 7))
    with tempfile.NamedTemporaryFile() as file:
        file.write(damaged)
        file.flush()
        expected = tuple(each for each in ranges if each.offset <= at < each.offset + each.length)
        assert changed_ranges(file.name, ranges, threads=threads) == expected


@given(partitions(), st.data())
def test_a_file_of_another_length_is_found(case: tuple[bytes, list[int]], draw: st.DataObject) -> None:
    """Ranges that are cut off are returned; bytes too many are a range without a fingerprint."""
    data, lengths = case
    ranges = hash_bytes(data, lengths=lengths).ranges
    size = draw.draw(st.integers(0, 2 * len(data)))
    with tempfile.NamedTemporaryFile() as file:
        file.write((data * 2)[:size])
        file.flush()
        expected = [each for each in ranges if each.offset + each.length > size]
        if size > len(data):
            expected.append(Range(len(data), size - len(data), ""))
        assert changed_ranges(file.name, ranges) == tuple(expected)


def test_damage_far_into_a_large_file_is_found(tmp_path: Path) -> None:
    """The batch of a range, and its place in the batch, make no difference."""
    lengths = [BATCH, BATCH, 100, 100, 100]
    data = bytearray(os.urandom(sum(lengths)))
    ranges = reference.digest(bytes(data), lengths).ranges
    data[BATCH + 5] ^= 1
    data[-150] ^= 1
    (tmp_path / "file").write_bytes(data + b"!")
    end = Range(len(data), 1, "")
    assert changed_ranges(tmp_path / "file", ranges) == (ranges[1], ranges[3], end)


def test_only_the_expected_ranges_are_read(tmp_path: Path) -> None:
    """Ranges that lie apart are checked without what is between them."""
    data = os.urandom(1000)
    (tmp_path / "file").write_bytes(data)
    ranges = reference.digest(data, [100] * 10).ranges
    told: list[int] = []
    assert changed_ranges(tmp_path / "file", [ranges[1], ranges[2], ranges[9]], on_bytes=told.append) == ()
    assert sum(told) == 300


def test_many_files_are_checked_at_once(tmp_path: Path) -> None:
    """Just the files that differ are returned, an empty one with bytes in it too."""
    files: dict[str | os.PathLike[str], tuple[Range, ...]] = {}
    for number in range(10):
        path = tmp_path / str(number)
        path.write_bytes(os.urandom(number))
        files[path] = hash_bytes(path.read_bytes()).ranges
    assert changed_files(files) == {}
    (tmp_path / "0").write_bytes(b"new")
    (tmp_path / "7").write_bytes(b"")
    assert changed_files(files) == {
        tmp_path / "0": (Range(0, 3, ""),),
        tmp_path / "7": files[tmp_path / "7"],
    }


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """What is no regular file can't be checked."""
    with pytest.raises(InvalidValue):
        changed_ranges(tmp_path, ())
