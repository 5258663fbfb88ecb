"""Where files are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.hashing.algorithm import partition
from modelver.values.filemap import MAX_RANGE
from tests.reference import hashing as reference

MIB = 2**20
LENGTHS = st.one_of(
    st.integers(0, 50),
    st.sampled_from([MAX_RANGE - 1, MAX_RANGE, MAX_RANGE + 1]),
    st.integers(0, 4 * MAX_RANGE),
)


@st.composite
def files_with_tensors(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Draw a size and spans that lie apart in it, some of them twice, in any order."""
    position, spans = 0, []
    for gap, length in draw(st.lists(st.tuples(LENGTHS, LENGTHS), max_size=8)):
        spans.append((position + gap, length))
        position += gap + length
    size = position + draw(LENGTHS)
    repeated = draw(st.lists(st.sampled_from(spans), max_size=3)) if spans else []
    return size, draw(st.permutations(spans + repeated))


@given(files_with_tensors())
def test_equals_the_plain_rule(file: tuple[int, list[tuple[int, int]]]) -> None:
    """The lengths are those between all cut points of the reference."""
    assert partition(*file) == reference.partition(*file)


@given(files_with_tensors())
def test_covers_the_file_in_short_ranges(file: tuple[int, list[tuple[int, int]]]) -> None:
    """The lengths add up to the size, and each is positive and 64 MiB at most."""
    lengths = partition(*file)
    assert sum(lengths) == file[0]
    assert all(0 < length <= MAX_RANGE for length in lengths)


@given(LENGTHS, LENGTHS, st.integers(1, 3 * MAX_RANGE))
def test_a_tensor_is_cut_the_same_wherever_it_sits(before: int, after: int, length: int) -> None:
    """The ranges of a tensor depend on its length alone."""
    lengths = partition(before + length + after, [(before, length)])
    head = len(partition(before))
    alone = partition(length)
    assert lengths[head : head + len(alone)] == alone


def test_a_file_without_tensors_is_cut_each_64_mib() -> None:
    """Whole ranges come first, the rest last; an empty file has none."""
    assert partition(0) == ()
    assert partition(1) == (1,)
    assert partition(64 * MIB) == (64 * MIB,)
    assert partition(130 * MIB) == (64 * MIB, 64 * MIB, 2 * MIB)


def test_header_tensors_and_gaps_are_ranges_of_their_own() -> None:
    """A header, two tensors with a gap between them and a tail make five ranges."""
    assert partition(100, [(60, 30), (10, 40)]) == (10, 40, 10, 30, 10)


def test_tensors_may_share_all_of_their_bytes() -> None:
    """Equal spans, as tied weights have, count once."""
    assert partition(30, [(10, 20), (10, 20)]) == (10, 20)


def test_empty_tensors_count_nothing() -> None:
    """A span of no bytes makes no range, and may sit anywhere."""
    assert partition(30, [(5, 0), (10, 20), (15, 0), (99, 0)]) == (10, 20)


@pytest.mark.parametrize(
    ("size", "spans"),
    [
        (30, [(10, 21)]),
        (30, [(31, 1)]),
        (30, [(-1, 5)]),
        (30, [(10, -5)]),
        (30, [(0, 10), (9, 5)]),
        (30, [(0, 10), (0, 11)]),
        (30, [(0, 20), (5, 5)]),
        (-1, []),
    ],
)
def test_refuses_spans_that_leave_the_file_or_overlap(size: int, spans: list[tuple[int, int]]) -> None:
    """Spans out of the file, or sharing some bytes, are invalid."""
    with pytest.raises(InvalidValue):
        partition(size, spans)
