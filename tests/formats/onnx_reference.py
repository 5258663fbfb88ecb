"""A second reading of ONNX models, through the onnx package, to judge ours by; and models to read."""

import posixpath
from collections.abc import Iterable, Iterator

import numpy as np
from hypothesis import strategies as st
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    helper,
)

from modelver.values.filemap import Layout, Tensor

NUMERIC = [
    code for code in TensorProto.DataType.values() if code not in {TensorProto.UNDEFINED, TensorProto.STRING}
]
_SMALL = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}
# an older onnx package does not have them all
_BITS = {code: _SMALL[name] for name, code in TensorProto.DataType.items() if name in _SMALL}


def byte_length(code: int, shape: Iterable[int]) -> int:
    """Return how many bytes raw values of an ONNX element type take."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(code))
    return -(-int(np.prod(list(shape), dtype=object)) * _BITS.get(code, dtype.itemsize * 8) // 8)


def named_tensors(model: ModelProto) -> dict[str, TensorProto]:
    """Return each tensor of a model under the name that `modelver.formats.onnx` documents."""
    found: dict[str, TensorProto] = {}
    walk = _graph(model.graph, "")
    for name, tensor in [*walk, *(pair for function in model.functions for pair in _function(function))]:
        number, unique = 1, name
        while unique in found:
            number += 1
            unique = f"{name}#{number}"
        found[unique] = tensor
    return found


def _function(function: FunctionProto) -> Iterator[tuple[str, TensorProto]]:
    label = f"{function.domain}::{function.name}" + (f":{function.overload}" if function.overload else "")
    for node in function.node:
        yield from _node(node, f"{label}/")
    for attribute in function.attribute_proto:
        yield from _attribute(attribute, f"{label}.{attribute.name}")


def _graph(graph: GraphProto, prefix: str) -> Iterator[tuple[str, TensorProto]]:
    for node in graph.node:
        yield from _node(node, prefix)
    for tensor in graph.initializer:
        yield prefix + tensor.name, tensor
    for sparse in graph.sparse_initializer:
        yield from _sparse(sparse, prefix + sparse.values.name)


def _node(node: NodeProto, prefix: str) -> Iterator[tuple[str, TensorProto]]:
    output = next((output for output in node.output if output), "")
    label = node.name or output or node.op_type
    for attribute in node.attribute:
        constant = prefix + output if node.op_type == "Constant" and output else ""
        yield from _attribute(attribute, f"{prefix}{label}.{attribute.name}", constant)


def _attribute(attribute: AttributeProto, name: str, constant: str = "") -> Iterator[tuple[str, TensorProto]]:
    if attribute.HasField("t"):
        yield constant or name, attribute.t
    if attribute.HasField("sparse_tensor"):
        yield from _sparse(attribute.sparse_tensor, constant or name)
    for index, tensor in enumerate(attribute.tensors):
        yield f"{name}.{index}", tensor
    for index, sparse in enumerate(attribute.sparse_tensors):
        yield from _sparse(sparse, f"{name}.{index}")
    if attribute.HasField("g"):
        yield from _graph(attribute.g, f"{name}/")
    for index, graph in enumerate(attribute.graphs):
        yield from _graph(graph, f"{name}.{index}/")


def _sparse(sparse: SparseTensorProto, name: str) -> Iterator[tuple[str, TensorProto]]:
    yield name, sparse.values
    yield f"{name}.indices", sparse.indices


def check_layout(layout: Layout, data: bytes, path: str) -> None:
    """Assert that a layout tells of a model what the onnx package tells, down to the bytes of each tensor."""
    expected = named_tensors(ModelProto.FromString(data))
    assert layout.format == "onnx"
    assert [tensor.name for tensor in layout.tensors] == list(expected)
    for tensor in layout.tensors:
        _check_tensor(tensor, expected[tensor.name], data, path)


def _check_tensor(tensor: Tensor, proto: TensorProto, data: bytes, path: str) -> None:
    assert tensor.shape == tuple(proto.dims)
    if proto.data_type == TensorProto.STRING:
        assert tensor.dtype == "string"
    else:
        assert tensor.dtype == np.dtype(helper.tensor_dtype_to_np_dtype(proto.data_type)).name
    if proto.data_location == TensorProto.EXTERNAL:
        entries = {entry.key: entry.value for entry in proto.external_data}
        assert tensor.file == posixpath.normpath(posixpath.join(posixpath.dirname(path), entries["location"]))
        assert tensor.offset == int(entries.get("offset", "0"))
        assert tensor.length == byte_length(proto.data_type, proto.dims)
        return
    assert tensor.file == ""
    assert tensor.offset + tensor.length <= len(data)
    stored = data[tensor.offset : tensor.offset + tensor.length]
    if stored != values(proto):
        assert TensorProto.FromString(stored).SerializeToString() == proto.SerializeToString()


def values(proto: TensorProto) -> bytes:
    """Return a tensor's values as they stand in the file, packed where they are in a typed field."""
    if proto.HasField("raw_data"):
        return proto.raw_data
    parts = [np.array(proto.float_data, "<f4").tobytes(), np.array(proto.double_data, "<f8").tobytes()]
    parts += [b"".join(map(varint, [*proto.int32_data, *proto.int64_data, *proto.uint64_data]))]
    return b"".join(parts)


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    number %= 2**64
    encoded = b""
    while number > 127:
        encoded += bytes([number % 128 + 128])
        number //= 128
    return encoded + bytes([number])


NAMES = st.sampled_from(["", "w", "w#2", "a/b", "Wörter", "w.indices", "If_0"])
SHAPES = st.lists(st.integers(0, 4), max_size=3)


@st.composite
def tensors(draw: st.DrawFn, *, external: bool = True) -> TensorProto:
    """Return a tensor of any type whose values are raw, typed, text, or in another file."""
    code, shape = draw(st.sampled_from([*NUMERIC, TensorProto.STRING])), draw(SHAPES)
    tensor = TensorProto(name=draw(NAMES), data_type=code, dims=shape)
    tensor.doc_string = draw(st.sampled_from(["", "", "said after the values"]))
    count = int(np.prod(shape, dtype=int))
    if code == TensorProto.STRING:
        tensor.string_data.extend([b"text"] * count)
    elif external and draw(st.integers(0, 3)) == 0:
        _move_out(draw, tensor)
    elif draw(st.booleans()):
        tensor.raw_data = bytes(number % 251 for number in range(byte_length(code, shape)))
    else:
        field = helper.tensor_dtype_to_field(code)
        each = {"float_data": [0.5, -1.0], "double_data": [0.25]}.get(field, [0, 1, 127, 128, 300])
        stored = count * 2 if code in {TensorProto.COMPLEX64, TensorProto.COMPLEX128} else count
        stored = byte_length(code, shape) if _BITS.get(code) in {2, 4} else stored
        getattr(tensor, field).extend((each * stored)[:stored])
    return tensor


def _move_out(draw: st.DrawFn, tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": draw(st.sampled_from(["w.bin", "./w.bin", "data/w.bin"])), "checksum": "unused"}
    if draw(st.booleans()):
        entries["offset"] = str(draw(st.integers(0, 2**40)))
    if draw(st.booleans()):
        entries["length"] = str(byte_length(tensor.data_type, tensor.dims))
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)


@st.composite
def sparse_tensors(draw: st.DrawFn) -> SparseTensorProto:
    """Return a sparse tensor."""
    return SparseTensorProto(values=draw(tensors()), indices=draw(tensors()), dims=[9])


@st.composite
def nodes(draw: st.DrawFn, depth: int) -> NodeProto:
    """Return a node that holds tensors, graphs or neither."""
    kinds = [
        "value",
        "sparse_value",
        "plain",
        "tensors",
        "sparse_tensors",
        *(["branches", "body", "graphs"] if depth else []),
    ]
    kind = draw(st.sampled_from(kinds))
    node = NodeProto(name=draw(NAMES), output=draw(st.lists(NAMES, max_size=2)))
    node.op_type = (
        draw(st.sampled_from(["Constant", "Constant", "ConstantOfShape"])) if "value" in kind else "Node"
    )
    inner = graphs(depth - 1)
    made: list[tuple[str, object]] = {
        "value": lambda: [("value", draw(tensors()))],
        "sparse_value": lambda: [("sparse_value", draw(sparse_tensors()))],
        "plain": lambda: [
            ("axes", [1, -1, 300]),
            ("scales", [0.5, 2.0]),
            ("mode", "linear"),
            ("labels", ["a", "b"]),
        ],
        "tensors": lambda: [("trees", [draw(tensors()), draw(tensors())])],
        "sparse_tensors": lambda: [("rows", [draw(sparse_tensors())])],
        "branches": lambda: [("then_branch", draw(inner)), ("else_branch", draw(inner))],
        "body": lambda: [("body", draw(inner)), ("num_scan_inputs", 1)],
        "graphs": lambda: [("bodies", [draw(inner), draw(inner)])],
    }[kind]()
    node.attribute.extend(helper.make_attribute(name, value) for name, value in made)
    return node


@st.composite
def graphs(draw: st.DrawFn, depth: int) -> GraphProto:
    """Return a graph with subgraphs down to a depth."""
    graph = GraphProto(name=draw(NAMES))
    graph.node.extend(draw(st.lists(nodes(depth), max_size=3)))
    graph.initializer.extend(draw(st.lists(tensors(), max_size=2)))
    graph.sparse_initializer.extend(draw(st.lists(sparse_tensors(), max_size=1)))
    return graph


@st.composite
def models(draw: st.DrawFn) -> bytes:
    """Return the bytes of a model; not one that runs, but one that holds tensors everywhere."""
    model = ModelProto(ir_version=10, producer_name="test", graph=draw(graphs(2)))
    for number in range(draw(st.integers(0, 2))):
        function = FunctionProto(
            name=draw(NAMES), domain=f"acme.{number}", overload=draw(st.sampled_from(["", "x"]))
        )
        function.node.extend(draw(st.lists(nodes(1), max_size=2)))
        function.attribute_proto.append(helper.make_attribute("bias", draw(tensors())))
        model.functions.append(function)
    model.opset_import.add(domain="", version=21)
    return model.SerializeToString()
