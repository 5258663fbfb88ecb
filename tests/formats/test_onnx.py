"""ONNX models: what the onnx package finds in them is what is found here, and nothing but headers is read."""

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from onnx import TensorProto, helper, numpy_helper

from modelver.formats import scan, tensor_spans
from modelver.values.filemap import Layout, Tensor
from tests.formats.onnx_reference import NUMERIC, check_layout, models, named_tensors, values, varint
from tests.formats.support import CountedFile, scan_bytes, scan_or_none
from tests.material import wheel_file

PATH = "build/model.onnx"
DATA = "silero_vad/data"
STEPS = ["5.1.2", "6.0.0", "6.2.0"]


def silero(version: str, name: str = "silero_vad.onnx") -> bytes:
    """Return a model of a release of silero-vad."""
    return wheel_file("silero-vad", version, f"{DATA}/{name}").read_bytes()


def weights(data: bytes) -> dict[str, tuple[Tensor, str]]:
    """Return the tensors of more than one element, each with the SHA-256 of its bytes."""
    return {
        tensor.name: (tensor, hashlib.sha256(data[tensor.offset :][: tensor.length]).hexdigest())
        for tensor in scan_bytes(data, PATH).tensors
        if tensor.elements > 1
    }


@pytest.mark.parametrize("version", STEPS)
def test_silero_has_32_weights_in_its_subgraphs(version: str) -> None:
    """They are all inside the branches of If: there is not one initializer."""
    found = weights(silero(version))
    assert len(found) == 32
    assert sum(tensor.elements for tensor, _ in found.values()) == 545_288
    assert {name.partition("/")[0] for name in found} == {"If_0.then_branch", "If_0.else_branch"}


@pytest.mark.parametrize(("before", "after"), list(pairwise(STEPS)))
def test_each_release_of_silero_changes_26_weights(before: str, after: str) -> None:
    """Names, types and shapes stay; six tensors are the same bytes."""
    old, new = weights(silero(before)), weights(silero(after))
    assert [(t.name, t.dtype, t.shape) for t, _ in old.values()] == [
        (t.name, t.dtype, t.shape) for t, _ in new.values()
    ]
    assert sum(old[name][1] != new[name][1] for name in old) == 26


MODELS = [(version, "silero_vad.onnx") for version in STEPS] + [
    ("6.2.3", name)
    for name in (
        "silero_vad_16k_op15.onnx",
        "silero_vad_16k_sequence.onnx",
        "silero_vad_half.onnx",
        "silero_vad_op18_ifless.onnx",
        "silero_vad_openvino_16k.onnx",
    )
]


@pytest.mark.parametrize(("version", "name"), MODELS)
def test_real_models_read_as_the_onnx_package_reads_them(version: str, name: str) -> None:
    """Every tensor, scalars too, has the name, type, shape and bytes that the onnx package gives."""
    data = silero(version, name)
    check_layout(scan_bytes(data, PATH), data, PATH)


def test_the_onnx_packages_own_models_read_as_it_reads_them() -> None:
    """The models that every ONNX backend is tested with: old and new writers, operators and element types."""
    paths = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data").rglob("*.onnx"))
    assert len(paths) > 100
    for path in paths:
        data = path.read_bytes()
        check_layout(scan_bytes(data, path.name), data, path.name)


@pytest.mark.parametrize(("version", "name"), MODELS)
def test_weights_of_real_models_stay_unread(version: str, name: str) -> None:
    """What is read beyond the structure is a read-ahead of at most two small pieces for each tensor."""
    data = silero(version, name)
    file = CountedFile(data)
    layout = scan(file.read_at, file.size, PATH)
    large = [tensor for tensor in layout.tensors if tensor.length > 512]
    structure = len(data) - sum(tensor.length for tensor in large)
    assert file.bytes_read < 2 * structure + 1024 * len(layout.tensors)
    assert file.bytes_read < len(data) // 8


@given(models())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_model_reads_as_the_onnx_package_reads_it(data: bytes) -> None:
    """Subgraphs, functions, sparse, typed, external and unnamed tensors are all found, under unique names."""
    layout = scan_bytes(data, PATH)
    check_layout(layout, data, PATH)
    assert len({tensor.name for tensor in layout.tensors}) == len(layout.tensors)


def model_of(*initializers: TensorProto, nodes: list[onnx.NodeProto] | None = None) -> onnx.ModelProto:
    """Return a model with these initializers and nodes."""
    return helper.make_model(helper.make_graph(nodes or [], "main", [], [], list(initializers)))


def test_names_tell_the_way_to_a_tensor() -> None:
    """Each kind of place has its own form of name."""
    one = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    many = helper.make_tensor("rows", TensorProto.INT64, [2], [0, 3])
    body = helper.make_graph([], "body", [], [], [one])
    function = helper.make_function(
        "acme", "gelu", ["x"], ["y"], [helper.make_node("Constant", [], ["half"], value=one)], []
    )
    nodes = [
        helper.make_node("Constant", [], ["threshold"], name="Constant_7", value=one),
        helper.make_node("If", ["c"], ["y"], name="If_0", then_branch=body, else_branch=body),
        helper.make_node("Loop", ["n"], ["", "z"], body=body),
        helper.make_node("Scan", ["n"], [], body=body, num_scan_inputs=1),
        helper.make_node("ConstantOfShape", ["s"], ["zeros"], value=one),
        helper.make_node(
            "TreeEnsemble", ["x"], ["p"], domain="ai.onnx.ml", leaf_weights=many, forests=[one, one]
        ),
    ]
    model = model_of(one, one, nodes=nodes)
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(one, many, [9]))
    model.functions.append(function)
    assert [tensor.name for tensor in scan_bytes(model.SerializeToString(), PATH).tensors] == [
        "threshold",
        "If_0.else_branch/w",
        "If_0.then_branch/w",
        "z.body/w",
        "Scan.body/w",
        "zeros.value",
        "p.forests.0",
        "p.forests.1",
        "p.leaf_weights",
        "w",
        "w#2",
        "w#3",
        "w.indices",
        "acme::gelu/half",
    ]


def test_a_number_that_is_taken_is_passed_over() -> None:
    """A name that looks numbered is a name like others."""
    tensors = [helper.make_tensor(name, TensorProto.FLOAT, [1], [1.0]) for name in ("w", "w#2", "w", "w")]
    found = scan_bytes(model_of(*tensors).SerializeToString(), PATH).tensors
    assert [tensor.name for tensor in found] == ["w", "w#2", "w#3", "w#4"]


def test_names_do_not_depend_on_the_values() -> None:
    """The same graph with other values has the same names, types and shapes."""
    old, new = (scan_bytes(silero(version), PATH).tensors for version in STEPS[:2])
    assert [(t.name, t.dtype, t.shape) for t in old] == [(t.name, t.dtype, t.shape) for t in new]


@pytest.mark.parametrize("attributes", [True, False])
def test_external_data_is_found_in_its_file(tmp_path: Path, attributes: bool) -> None:
    """A real model, saved by the onnx package with its values in a second file, keeps every tensor's bytes."""
    original = onnx.load_model_from_string(silero("6.2.3", "silero_vad_op18_ifless.onnx"))
    expected = {name: values(tensor) for name, tensor in named_tensors(original).items()}
    (tmp_path / "build").mkdir()
    onnx.save_model(
        original,
        tmp_path / PATH,
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=64,
        convert_attribute=attributes,
    )
    paths = [PATH, "build/model.onnx.data"]
    files = {path: (tmp_path / path).read_bytes() for path in paths}
    layout = scan_bytes(files[PATH], PATH)
    moved = [tensor for tensor in layout.tensors if tensor.file]
    assert len(moved) >= 15
    assert {tensor.file for tensor in moved} == {paths[1]}
    for tensor in layout.tensors:
        assert files[tensor.file or PATH][tensor.offset :][: tensor.length] == expected[tensor.name]
    spans = tensor_spans({PATH: layout}, {path: len(data) for path, data in files.items()})
    assert spans[paths[1]] == tuple(sorted((tensor.offset, tensor.length) for tensor in moved))


def test_external_data_without_offset_and_length_is_the_whole_tensor_from_the_start() -> None:
    """Both keys are optional; the length follows from type and shape."""
    tensor = TensorProto(
        name="w", data_type=TensorProto.FLOAT16, dims=[3, 5], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="./weights//w.bin")
    data = model_of(tensor).SerializeToString()
    assert scan_bytes(data, PATH).tensors == (Tensor("w", "float16", (3, 5), 0, 30, "build/weights/w.bin"),)
    assert scan_bytes(data, "model.onnx").tensors[0].file == "weights/w.bin"


def test_text_has_the_range_of_its_message() -> None:
    """Strings lie one by one between tags, so the message as a whole is what can change."""
    tensor = helper.make_tensor("vocabulary", TensorProto.STRING, [20_000], [b"word"] * 20_000)
    data = model_of(tensor).SerializeToString()
    (found,) = scan_bytes(data, PATH).tensors
    assert (found.dtype, found.shape) == ("string", (20_000,))
    assert TensorProto.FromString(data[found.offset :][: found.length]) == tensor


def test_values_spread_over_fields_have_the_range_of_their_message() -> None:
    """Unpacked numbers, and packed ones in two pieces, are legal protobuf."""
    head = b"\x08\x02\x10\x01\x42\x01w"  # dims 2, float, "w"
    for stored in (b"\x25\0\0\x80\x3f\x25\0\0\0\x40", b"\x22\x04\0\0\x80\x3f\x22\x04\0\0\0\x40"):
        message = head + stored
        graph = b"\x2a" + varint(len(message)) + message
        data = b"\x3a" + varint(len(graph)) + graph
        (found,) = scan_bytes(data, PATH).tensors
        assert data[found.offset :][: found.length] == message
        assert numpy_helper.to_array(TensorProto.FromString(message)).tolist() == [1.0, 2.0]


def test_a_tensor_without_elements_has_no_bytes() -> None:
    """Whether an empty field is there or none."""
    data = model_of(
        TensorProto(name="none", data_type=TensorProto.FLOAT, dims=[0, 3]),
        TensorProto(name="raw", data_type=TensorProto.FLOAT, dims=[0, 3], raw_data=b""),
    ).SerializeToString()
    assert [(tensor.name, tensor.length) for tensor in scan_bytes(data, PATH).tensors] == [
        ("none", 0),
        ("raw", 0),
    ]


def test_packed_dimensions_are_read() -> None:
    """Other writers than Google's pack them."""
    message = b"\x0a\x02\x02\x03\x10\x02\x4a\x06123456"
    graph = b"\x2a" + varint(len(message)) + message
    data = b"\x3a" + varint(len(graph)) + graph
    assert onnx.load_model_from_string(data).graph.initializer[0].dims == [2, 3]
    assert scan_bytes(data, PATH).tensors[0].shape == (2, 3)


def test_millions_of_values_in_attributes_are_passed_over() -> None:
    """A tree ensemble or a vocabulary has a field for each value; they are neither tensors nor counted one by one."""
    trees = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        nodes_values=[0.5] * 800_000,
        nodes_nodeids=list(range(400_000)),
        target_weights=[-1.5] * 100,
        pool_strings=[f"word {number} of many" for number in range(400_000)],
        long_strings=["word " * 50] * 100,
    )
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    data = model_of(weight, nodes=[trees]).SerializeToString()
    assert [tensor.name for tensor in scan_bytes(data, PATH).tensors] == ["w"]


def test_a_graph_without_tensors_has_none() -> None:
    """Nodes alone are a model too."""
    data = model_of(nodes=[helper.make_node("Relu", ["x"], ["y"])]).SerializeToString()
    assert scan_bytes(data, PATH) == Layout("onnx")


def test_a_model_of_two_gigabytes_costs_little_to_read() -> None:
    """A weight of almost 2 GB is skipped by its length."""
    length = 2**31 - 100
    tensor = b"\x08" + varint(length // 4) + b"\x10\x01\x42\x01w\x4a" + varint(length)
    graph = b"\x2a" + varint(len(tensor) + length) + tensor
    head = b"\x3a" + varint(len(graph) + length) + graph
    file = CountedFile(head, size=len(head) + length)
    layout = scan(file.read_at, file.size, PATH)
    assert layout.tensors == (Tensor("w", "float32", (length // 4,), len(head), length),)
    assert file.bytes_read <= 1024


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("code", NUMERIC)
def test_every_element_type_is_read_raw_and_typed(code: int, raw: bool) -> None:
    """Five elements, which fill no whole byte of the small types, as the onnx package writes them."""
    tensor = helper.make_tensor(
        "w", code, [5], np.ones(5).astype(helper.tensor_dtype_to_np_dtype(code)), raw=raw
    )
    data = model_of(tensor).SerializeToString()
    check_layout(scan_bytes(data, PATH), data, PATH)
    if raw:
        for length in range(len(tensor.raw_data) * 2 + 1):
            other = TensorProto(name="w", data_type=code, dims=[5], raw_data=bytes(length))
            read = scan_or_none(model_of(other).SerializeToString(), PATH) is not None
            assert read == (length == len(tensor.raw_data))
