"""Other inputs or outputs are another interface."""

import pytest

import modelver as mv
from modelver.compare import required_bump
from modelver.compare.side import Side
from modelver.compare.signature import compare_signatures
from modelver.values.digest import Digest
from modelver.values.filemap import FileMap, Range
from modelver.values.manifest import Manifest
from modelver.values.name import ModelName

X = mv.Port("x", "float32", ["batch", 3])


def side(*inputs: mv.Port, stated: bool = False) -> Side:
    """Return a version that takes these inputs."""
    entry = mv.FileEntry("m.onnx", 1, "a" * 64, mv.Role.WEIGHTS)
    metadata = mv.Metadata(architecture=mv.Architecture(inputs=inputs)) if stated else mv.Metadata()
    manifest = Manifest(ModelName("m"), "1.0.0", (entry,), metadata)
    filemap = FileMap(1, (Range(0, 1, "0" * 32),), "onnx", inputs=() if stated else inputs)
    return Side(ModelName("m"), manifest, Digest.of(b""), {"m.onnx": filemap})


@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize(
    ("other", "reasons"),
    [
        ([X], []),
        ([mv.Port("x", "float32", ["N", 3])], []),
        ([mv.Port("x", "", ["batch", 3])], []),
        ([mv.Port("x", "float32")], []),
        ([], []),
        ([mv.Port("x", "float16", ["batch", 3])], ["inputs changed: x"]),
        ([mv.Port("x", "float32", ["batch", 4])], ["inputs changed: x"]),
        ([mv.Port("x", "float32", [1, 3])], ["inputs changed: x"]),
        ([mv.Port("x", "float32", [3])], ["inputs changed: x"]),
        ([X, mv.Port("mask")], ["inputs added: mask"]),
        ([mv.Port("ids")], ["inputs removed: x", "inputs added: ids"]),
    ],
)
def test_what_callers_must_change_is_told(other: list[mv.Port], reasons: list[str], *, stated: bool) -> None:
    """Names, types and sizes count; how a free dimension is called, and what is not known, does not."""
    a, b = side(X, stated=stated), side(*other, stated=stated)
    assert list(compare_signatures(a, b)) == reasons
    assert (required_bump(a, b).bump == "major") is bool(reasons)


def test_what_is_stated_counts_before_the_graph() -> None:
    """As it does in a version's architecture."""
    assert list(compare_signatures(side(X, stated=True), side(mv.Port("y")))) == [
        "inputs removed: x",
        "inputs added: y",
    ]
