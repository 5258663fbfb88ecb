"""Laws of comparing, over versions that Hypothesis makes up."""

import json
import time
from collections.abc import Mapping

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelver.compare import Side, compare, required_bump
from modelver.compare.tensors import TensorRow
from modelver.values.file import FileEntry, Role
from modelver.values.filemap import FileMap, Range, Tensor
from modelver.values.provenance import Code, Environment, Provenance
from modelver.values.record import Dataset, Metadata, Metric
from tests.compare.support import described, side, weights

WORDS = st.sampled_from(["a", "b", "c", "x.y"])
ARRAYS = st.builds(
    lambda shape, dtype, value: np.full(shape, value, dtype),
    st.sampled_from([(), (2,), (3,), (2, 3), (0,)]),
    st.sampled_from(["float32", "int8"]),
    st.integers(0, 1),
)
WEIGHTS = st.dictionaries(WORDS, ARRAYS, max_size=3).map(lambda arrays: weights(**arrays))
OTHER = st.sampled_from([b"", b"1", b"Hello {name}", b"Hello {user}"])
FILES = st.fixed_dictionaries(
    {"README.md": OTHER},
    optional={
        **{f"{name}.safetensors": WEIGHTS for name in ("model", "shard-1", "shard-2")},
        **dict.fromkeys(("model.pt", "config.json", "prompts/system.txt", "train.py", "data.csv"), OTHER),
    },
)
METRICS = st.lists(
    st.builds(Metric, st.sampled_from(["f1", "loss", "n"]), st.floats(-9, 9), st.sampled_from(["", "v1"])),
    max_size=3,
).map(tuple)
DATA = st.lists(
    st.builds(
        Dataset,
        WORDS,
        digest=st.sampled_from(["", "sha256:" + "a" * 64]),
        version=st.sampled_from(["", "1", "2"]),
    ),
    max_size=2,
)
JSON = st.recursive(
    st.booleans() | st.integers(0, 2), lambda inner: st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
)
METADATA = st.builds(
    Metadata, license=WORDS, metrics=METRICS, params=st.dictionaries(WORDS, JSON, max_size=2), data=DATA
)
PROVENANCE = st.none() | st.builds(
    Provenance,
    st.none()
    | st.builds(Code, commit=st.sampled_from(["", "1" * 40, "2" * 40]), dirty=st.none() | st.booleans()),
    st.none()
    | st.builds(lambda packages: Environment("3", "", "", "", packages), st.dictionaries(WORDS, WORDS)),
)


@st.composite
def sides(draw: st.DrawFn) -> Side:
    """Return a version of a few files, of some of which no map is at hand."""
    made = side(
        draw(FILES),
        version=draw(st.sampled_from(["1.0.0", "1.1.0"])),
        metadata=draw(METADATA),
        evaluations=draw(METRICS),
        provenance=draw(PROVENANCE),
    )
    missing = draw(
        st.sets(st.sampled_from(sorted(made.maps)), max_size=1) if draw(st.booleans()) else st.just(set())
    )
    return attrs.evolve(made, maps={path: found for path, found in made.maps.items() if path not in missing})


@given(sides())
def test_a_version_does_not_differ_from_itself(one: Side) -> None:
    """Compared with itself, a version is identical, and there is nothing to list or to bump."""
    found = compare(one, one)
    assert found.identical
    assert (bool(found.files), bool(found.tensors), found.metadata, found.prompts) == (False, False, (), ())
    assert {row.delta for row in found.metrics} <= {0.0}
    assert {row.status for row in found.components} <= {"same", "unknown"}
    assert found.tensors.unchanged == len([tensor for each in one.maps.values() for tensor in each.tensors])
    assert required_bump(one, one).reasons == ()


def swapped(rows: tuple[TensorRow, ...]) -> set[tuple[str, object, object]]:
    """Return rows with their sides swapped."""
    return {(row.name, row.b, row.a) for row in rows}


def straight(rows: tuple[TensorRow, ...]) -> set[tuple[str, object, object]]:
    """Return rows as they are, without the file that is named for them."""
    return {(row.name, row.a, row.b) for row in rows}


@given(sides(), sides())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_mirrored_comparison_is_the_comparison_of_the_mirrored(a: Side, b: Side) -> None:
    """Swapping the versions swaps added and removed and negates differences, and nothing else."""
    one, other = compare(a, b), compare(b, a)
    assert (one.identical, one.same_weights) == (other.identical, other.same_weights)
    assert straight(one.tensors.added) == swapped(other.tensors.removed)
    assert straight(one.tensors.removed) == swapped(other.tensors.added)
    for kind in ("changed", "reshaped", "retyped", "unknown"):
        assert straight(getattr(one.tensors, kind)) == swapped(getattr(other.tensors, kind))
    assert (one.tensors.unchanged, one.tensors.opaque) == (other.tensors.unchanged, other.tensors.opaque)
    assert [(row.field, row.a, row.b) for row in one.metadata] == [
        (row.field, row.b, row.a) for row in other.metadata
    ]
    assert [(row.a, row.b) for row in one.metrics] == [(row.b, row.a) for row in other.metrics]
    assert [(row.added, row.removed) for row in one.prompts] == [
        (row.removed, row.added) for row in other.prompts
    ]
    opposite = {"added": "removed", "removed": "added"}
    mirrored = [opposite.get(row.status, row.status) for row in other.components]
    assert [row.status for row in one.components] == mirrored


@given(sides(), sides())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_tensor_is_counted_once(a: Side, b: Side) -> None:
    """Each tensor of either version is unchanged or in one row."""
    maps = {**lent(a, b), **a.maps}, {**lent(b, a), **b.maps}
    tensors = compare(a, b).tensors
    rows = [row for _, row in tensors.rows()]
    for present, found in ((lambda row: row.a, maps[0]), (lambda row: row.b, maps[1])):
        listed = sum(present(row) is not None for row in rows)
        assert listed + tensors.unchanged == sum(len(each.tensors) for each in found.values())
    assert sum(each.count for each in tensors.unchanged_in) == tensors.unchanged


def lent(mine: Side, other: Side) -> Mapping[str, FileMap]:
    """Return the maps of the other version that stand in for missing ones, since the files' bytes are the same."""
    return {
        row.path: other.maps[path]
        for row in mine.manifest.files
        for path in partners(mine, other, row)
        if row.path not in mine.maps and path in other.maps
    }


def partners(mine: Side, other: Side, entry: FileEntry) -> list[str]:
    """Return where the other version has the same file: where it was, else under its new name."""
    renamed = compare(mine, other).files.renamed
    same = other.manifest.file(entry.path)
    if same and same.sha256 == entry.sha256:
        return [entry.path]
    return [row.b.path for row in renamed if row.a and row.b and row.a.path == entry.path]


@given(sides(), sides())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_comparison_shows_itself(a: Side, b: Side) -> None:
    """Text, notebook, JSON and table work for whatever is compared."""
    found = compare(a, b)
    assert all(line.isprintable() for line in str(found).splitlines())
    assert found._repr_html_().count("<table") == found._repr_html_().count("</table>")
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
    assert len(found.to_frame()) == len(found.metrics) + len(list(found.tensors.rows()))


@given(sides(), sides())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_bump_has_reasons_exactly_when_the_content_differs(a: Side, b: Side) -> None:
    """Only identical content needs no reason, and only files, data and prompts call for more than a patch."""
    advice, found = required_bump(a, b), compare(a, b)
    assert bool(advice.reasons) != found.identical
    if not found.files and a.manifest.metadata.data == b.manifest.metadata.data:
        assert advice.bump == "patch"


def many(count: int, digit: str) -> Side:
    """Return a version of one file with this many tensors of a byte each, all of them with other fingerprints."""
    ranges = tuple(Range(index, 1, f"{digit}{index}") for index in range(count))
    tensors = tuple(Tensor(f"t{index}", "uint8", (1,), index, 1) for index in range(count))
    entry = FileEntry("m.safetensors", count, digit * 64, Role.WEIGHTS)
    return described(
        [entry], {entry.path: FileMap(count, ranges, "safetensors", tensors)}, version=f"1.{digit}.0"
    )


def seconds(count: int) -> float:
    """Return the processor time that it takes to compare and show two versions of this many tensors."""
    a, b = many(count, "1"), many(count, "2")
    start = time.process_time()
    found = compare(a, b)
    assert len(found.tensors.changed) == count
    assert len(str(found)) + len(found._repr_html_()) < 50_000
    return time.process_time() - start


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_thousands_of_tensors_take_time_in_proportion(count: int) -> None:
    """Ten times as many tensors take about ten times as long, and their text is as short."""
    seconds(1_000)
    assert seconds(count) < 40 * max(seconds(count // 10), 0.01)


def test_tensors_that_share_everything_take_no_longer() -> None:
    """A made-up map in which every tensor covers all ranges is walked once for each distinct span."""
    count = 20_000
    ranges = tuple(Range(index, 1, f"{index}") for index in range(count))
    tensors = tuple(
        Tensor(f"t{index}", "uint8", (count - index,), index, count - index) for index in range(count)
    )
    pair = [
        described(
            [FileEntry("m.onnx", count, digit * 64, Role.WEIGHTS)],
            {"m.onnx": FileMap(count, ranges, "onnx", tensors)},
        )
        for digit in "12"
    ]
    found = compare(*pair).tensors
    assert (found.unchanged, len(found.unknown)) == (1, count - 1)
