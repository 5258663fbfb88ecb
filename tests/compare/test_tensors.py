"""Tensors of two versions: paired by file and name, equal by fingerprints, never guessed."""

import attrs
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelver.compare import Side, compare
from modelver.compare.tensors import TensorChanges, TensorRow
from modelver.values.file import FileEntry, Role
from modelver.values.filemap import FileMap, Range, Tensor
from tests.compare.support import described, one_tensor, side, weights
from tests.material import wheel_file

ONES = np.ones((2, 3), "float32")
TWOS = 2 * ONES
MODEL = "model.safetensors"


def tensors(a: Side, b: Side) -> TensorChanges:
    """Compare the tensors of two versions."""
    return compare(a, b).tensors


def model(path: str = MODEL, **arrays: object) -> Side:
    """Return a version of one weights file."""
    return side({path: weights(**arrays)})


def names(rows: tuple[TensorRow, ...]) -> list[str]:
    """Return the names of rows."""
    return [row.name for row in rows]


def test_the_changes_between_two_real_releases_are_those_that_are_known() -> None:
    """Silero-vad 6.0.0 changes 26 of the 32 tensors of its ONNX file that have several elements, in If subgraphs."""
    path = "silero_vad/data/silero_vad.onnx"
    a, b = (
        side({"silero_vad.onnx": wheel_file("silero-vad", version, path).read_bytes()}, version=version)
        for version in ("5.1.2", "6.0.0")
    )
    found = tensors(a, b)
    (same,) = found.unchanged_in
    assert sum(row.elements > 1 for row in found.changed) == 26
    assert same.count - same.single == 6
    assert len(found.changed) + found.unchanged == len(a.maps["silero_vad.onnx"].tensors)
    assert {kind for kind, rows in found.kinds().items() if rows} == {"changed"}


def test_a_real_quantised_model_replaces_its_weights() -> None:
    """The 8-bit file of fracast has two tensors for each of 20 that it quantises, and 27 as they were."""
    a, b = (
        side({MODEL: wheel_file("fracast", "0.1.0", f"fracast/weights/{name}").read_bytes()})
        for name in ("model.safetensors", "model.int8.safetensors")
    )
    found = tensors(a, b)
    assert (len(found.removed), len(found.added), found.unchanged) == (20, 40, 27)


def test_other_bytes_are_a_change() -> None:
    """A tensor of the same shape and type with other bytes is changed; one with the same bytes is not."""
    found = tensors(model(w=ONES, v=ONES), model(w=TWOS, v=ONES))
    (row,) = found.changed
    assert (row.file, row.name, row.elements, row.was_in) == (MODEL, "w", 6, "")
    assert found.unchanged == 1


def test_tensors_come_and_go() -> None:
    """A tensor of one version alone is added or removed."""
    found = tensors(model(w=ONES, old=ONES), model(w=ONES, new=ONES))
    assert (names(found.added), names(found.removed)) == (["new"], ["old"])
    assert (found.added[0].a, found.removed[0].b) == (None, None)


def test_another_shape_or_type_is_said_so() -> None:
    """A tensor may be reshaped, retyped, or both; then it is in both lists, and once among all rows."""
    a = model(shape=ONES, type=ONES, both=ONES)
    b = model(shape=ONES.reshape(3, 2), type=ONES.astype("int32"), both=ONES.astype("float64").ravel())
    found = tensors(a, b)
    assert names(found.reshaped) == ["both", "shape"]
    assert names(found.retyped) == ["both", "type"]
    assert [(kind, row.name) for kind, row in found.rows()] == [
        ("reshaped, retyped", "both"),
        ("reshaped", "shape"),
        ("retyped", "type"),
    ]
    assert not found.changed


def test_tensors_without_elements_are_equal() -> None:
    """A tensor without bytes is unchanged where shape and type are."""
    a, b = model(w=np.ones((0, 4), "float32"), v=ONES), model(w=np.ones((0, 4), "float32"), v=TWOS)
    assert (names(tensors(a, b).changed), tensors(a, b).unchanged) == (["v"], 1)
    assert names(tensors(a, model(w=np.ones((4, 0), "float32"), v=ONES)).reshaped) == ["w"]


def test_a_renamed_file_is_followed() -> None:
    """The tensors of a weights file that only got another name are unchanged, even where names are ambiguous."""
    one, other = weights(w=ONES), weights(w=TWOS)
    found = tensors(
        side({"a.safetensors": one, "b.safetensors": other}),
        side({"c.safetensors": other, "d.safetensors": one}),
    )
    assert not found
    assert found.unchanged == 2


def test_a_renamed_and_changed_file_is_followed_by_name() -> None:
    """A tensor whose name each version has once is the same tensor in another file."""
    found = tensors(model(w=ONES, v=ONES), model("new.safetensors", w=TWOS, v=ONES))
    (row,) = found.changed
    assert (row.file, row.was_in) == ("new.safetensors", MODEL)
    assert found.unchanged == 1


def test_a_resharded_model_is_followed_by_name() -> None:
    """One file cut into shards keeps its tensors."""
    shards = {
        "model-00001-of-00002.safetensors": weights(w=ONES),
        "model-00002-of-00002.safetensors": weights(v=TWOS, new=ONES),
    }
    found = tensors(model(w=ONES, v=ONES), side(shards))
    assert (found.unchanged, names(found.changed), names(found.added)) == (1, ["v"], ["new"])


def test_an_ambiguous_name_is_not_followed() -> None:
    """Where two new files have a tensor of that name, neither is taken for the old one."""
    found = tensors(
        model(w=TWOS), side({"a.safetensors": weights(w=ONES, v=ONES), "b.safetensors": weights(w=ONES)})
    )
    assert names(found.removed) == ["w"]
    assert names(found.added) == ["v", "w", "w"]


def test_a_tensor_of_several_ranges_is_compared_in_all_of_them() -> None:
    """A tensor longer than a range is changed where any of its ranges is, and reported once."""
    a = one_tensor((64, "aa"), (64, "bb"), (7, "cc"), version="1.0.0", sha256="1")
    b = one_tensor((64, "aa"), (64, "bb"), (7, "dd"), version="1.1.0", sha256="2")
    assert names(tensors(a, b).changed) == ["w"]
    assert tensors(a, attrs.evolve(a, manifest=b.manifest)).unchanged == 1


def test_another_cut_of_the_same_bytes_is_unknown() -> None:
    """Fingerprints of other ranges can't be compared, so nothing is claimed."""
    a = one_tensor((64, "aa"), (64, "bb"), version="1.0.0", sha256="1")
    b = one_tensor((128, "cc"), version="1.1.0", sha256="2")
    (row,) = tensors(a, b).unknown
    assert row.reason == "fingerprints of other ranges in the two versions"


@pytest.mark.parametrize(("offset", "length"), [(1, 127), (0, 100), (64, 60)])
def test_a_tensor_without_ranges_of_its_own_is_unknown(offset: int, length: int) -> None:
    """A tensor that begins or ends inside a range has no fingerprint."""
    tensor = Tensor("w", "uint8", (length,), offset, length)
    a = one_tensor((64, "aa"), (64, "bb"), version="1.0.0", sha256="1", tensor=tensor)
    b = one_tensor((64, "aa"), (64, "bb"), version="1.1.0", sha256="2", tensor=tensor)
    (row,) = tensors(a, b).unknown
    assert (
        row.reason == "no fingerprints of this tensor alone in the map of m.safetensors of acme/fraud:1.0.0"
    )


def test_tensors_that_overlap_are_unknown_but_for_the_first() -> None:
    """A map whose tensors share some bytes, as an attacker could write many, is walked once only."""
    ranges = (Range(0, 8, "aa"), Range(8, 8, "bb"))
    found = (Tensor("a", "uint8", (8,), 0, 8), Tensor("b", "uint8", (16,), 0, 16))
    sides = [
        described(
            [FileEntry("m.onnx", 16, digit * 64, Role.WEIGHTS)],
            {"m.onnx": FileMap(16, ranges, "onnx", found)},
        )
        for digit in "12"
    ]
    compared = tensors(*sides)
    assert (names(compared.unknown), compared.unchanged) == (["b"], 1)


def test_shared_bytes_are_compared_for_each_tensor() -> None:
    """Tied tensors, two names of the same bytes, both have fingerprints."""
    found = (Tensor("a", "uint8", (8,), 0, 8), Tensor("b", "uint8", (8,), 0, 8))
    sides = [
        described(
            [FileEntry("m.onnx", 8, digit * 64, Role.WEIGHTS)],
            {"m.onnx": FileMap(8, (Range(0, 8, digit),), "onnx", found)},
        )
        for digit in "12"
    ]
    assert names(tensors(*sides).changed) == ["a", "b"]


def external(values: bytes, *, header: str = "") -> dict[str, bytes]:
    """Return an ONNX model whose one tensor has its values in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[len(values) // 4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="model.data")
    graph = helper.make_graph([], "graph", [], [], [tensor])
    made: onnx.ModelProto = helper.make_model(graph, doc_string=header)
    return {"model.onnx": made.SerializeToString(), "model.data": values}


def test_values_in_another_file_are_compared_there() -> None:
    """A tensor of ONNX external data changes when the file with its values does, though the model doesn't."""
    a, b = side(external(bytes(8))), side(external(bytes(7) + b"x"))
    assert names(tensors(a, b).changed) == ["w"]
    assert tensors(a, side(external(bytes(8), header="new"))).unchanged == 1


def test_values_in_a_file_without_a_map_are_unknown_unless_the_file_is_the_same() -> None:
    """Equal files need no map; of different ones without a map nothing is claimed."""
    a, b = side(external(bytes(8))), side(external(bytes(7) + b"x", header="new"))
    bare = attrs.evolve(b, maps={"model.onnx": b.maps["model.onnx"]})
    (row,) = tensors(a, bare).unknown
    assert "model.data of acme/fraud:1.0.0" in row.reason
    same = side(external(bytes(8), header="new"))
    assert tensors(a, attrs.evolve(same, maps={"model.onnx": same.maps["model.onnx"]})).unchanged == 1


def test_without_a_map_nothing_is_added_or_removed() -> None:
    """Tensors that may be in a file whose map is missing are unknown, and the file is named."""
    a, b = model(w=ONES), attrs.evolve(model("new.safetensors", w=TWOS, v=ONES), maps={})
    found = tensors(a, b)
    (row,) = found.unknown
    assert row.reason == "perhaps in new.safetensors of acme/fraud:1.0.0, of whose tensors nothing is known"
    assert {kind for kind, rows in found.kinds().items() if rows} == {"unknown"}
    assert found.opaque == ("new.safetensors",)


@pytest.mark.parametrize(
    "ranges",
    [
        (),
        (Range(0, 4, "aa"), Range(5, 95, "bb")),
        (Range(0, 0, "aa"), Range(0, 100, "bb")),
        (Range(0, 99, "aa"),),
        (Range(0, -1, "aa"), Range(-1, 101, "bb")),
    ],
)
def test_ranges_that_do_not_cover_the_file_are_not_used(ranges: tuple[Range, ...]) -> None:
    """A map that is no partition of its file counts as missing."""
    tensor = Tensor("w", "uint8", (100,), 0, 100)
    entry = FileEntry(MODEL, 100, "1" * 64, Role.WEIGHTS)
    good = FileMap(100, (Range(0, 100, "cc"),), "safetensors", (tensor,))
    a = described([entry], {MODEL: good})
    b = described(
        [attrs.evolve(entry, sha256="2" * 64)], {MODEL: attrs.evolve(good, ranges=ranges)}, version="1.1.0"
    )
    assert names(tensors(a, b).unknown) == ["w"]
    assert names(tensors(b, a).unknown) == ["w"]


def test_a_map_of_another_size_is_not_used() -> None:
    """A map that is not of this file counts as missing."""
    a = one_tensor((64, "aa"), version="1.0.0", sha256="1")
    b = one_tensor((64, "bb"), version="1.1.0", sha256="2", size=65)
    assert names(tensors(a, b).unknown) == ["w"]


def test_equal_files_have_equal_tensors_whatever_parser_made_their_maps() -> None:
    """Where an older parser saw no tensors, the better map stands for both, also after a rename."""
    a, b = model(w=ONES), model(w=ONES)
    blind = attrs.evolve(a, maps={MODEL: attrs.evolve(a.maps[MODEL], format="", tensors=())})
    assert (bool(tensors(blind, b)), tensors(blind, b).unchanged) == (False, 1)
    assert (bool(tensors(attrs.evolve(a, maps={}), b)), tensors(b, attrs.evolve(a, maps={})).unchanged) == (
        False,
        1,
    )
    renamed = model("new.safetensors", w=ONES)
    assert (bool(tensors(blind, renamed)), tensors(blind, renamed).unchanged) == (False, 1)


def test_a_map_that_names_another_file_stays_where_it_is() -> None:
    """The tensors of a renamed ONNX model are looked for beside it, so its map is not lent."""
    a = side(external(bytes(8)))
    moved = side({f"v2/{path}": data for path, data in external(bytes(8)).items()})
    assert (bool(tensors(a, moved)), tensors(a, moved).unchanged) == (False, 1)


def test_a_file_that_another_parser_read_is_unknown() -> None:
    """Where one map has tensors and the other was made by a parser that saw none, nothing is added."""
    a, b = model(w=ONES), model(w=TWOS)
    blind = attrs.evolve(a, maps={MODEL: attrs.evolve(a.maps[MODEL], format="", tensors=())})
    assert names(tensors(blind, b).unknown) == ["w"]
    assert names(tensors(b, blind).unknown) == ["w"]


def test_a_weights_file_of_plain_bytes_is_named() -> None:
    """Of a format without a parser nothing is known; where such a file changed, it is said so."""
    a = side({"model.pt": b"1", "old.pt": b"2", MODEL: weights(w=ONES)})
    b = side({"model.pt": b"3", "new.pt": b"4", MODEL: weights(w=ONES, v=ONES)})
    found = tensors(a, b)
    assert found.opaque == ("model.pt", "new.pt", "old.pt")
    assert names(found.added) == ["v"]
    assert tensors(a, a).opaque == ()


def test_a_tensor_in_a_file_that_is_not_there_is_unknown() -> None:
    """A map may say anything, also that values are in a file that the version lacks."""
    tensor = Tensor("w", "uint8", (4,), 0, 4, file="nowhere")
    a = one_tensor((4, "aa"), version="1.0.0", sha256="1", tensor=tensor)
    b = one_tensor((4, "aa"), version="1.1.0", sha256="2", tensor=tensor)
    assert names(tensors(a, b).unknown) == ["w"]


def test_parameters_are_counted() -> None:
    """Parameters are the elements of all tensors."""
    found = compare(model(w=ONES, scalar=np.float32(1)), model(w=np.ones((4, 3), "float32"))).to_dict()
    assert found["parameters"] == {"a": 7, "b": 12, "delta": 5}
