"""Inputs and outputs of ONNX graphs, as onnx's own classes have them."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from modelver.formats.onnx_ports import MAX_PORTS
from modelver.formats.onnx_tensor import element_type
from modelver.values.making import Port
from tests.formats.support import scan_bytes

PATH = "model.onnx"


def model(inputs: Sequence[Any], outputs: Sequence[Any], initializers: Sequence[Any] = ()) -> bytes:
    """Return a model with a graph of these."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(nodes, "g", list(inputs), list(outputs), list(initializers))
    return bytes(helper.make_model(graph).SerializeToString())


def value(name: str, kind: int = TensorProto.FLOAT, shape: Sequence[int | str | None] | None = ()) -> Any:
    """Return a tensor's ValueInfoProto."""
    return helper.make_tensor_value_info(name, kind, shape)


def test_a_graph_tells_what_it_takes_and_gives() -> None:
    """Numbers, named dimensions, those without a name, scalars, and shapes that are not known."""
    found = scan_bytes(
        model(
            [value("ids", TensorProto.INT64, ["batch", None, 3]), value("t", TensorProto.STRING)],
            [value("logits", TensorProto.BFLOAT16, None)],
        ),
        PATH,
    )
    assert found.inputs == (Port("ids", "int64", ["batch", "?", 3]), Port("t", "string", ()))
    assert found.outputs == (Port("logits", "bfloat16"),)


def test_values_that_the_graph_holds_are_no_inputs() -> None:
    """Up to IR version 3 an initializer had to be listed as an input."""
    held = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    found = scan_bytes(model([value("x"), value("w", shape=[1])], [value("y")], [held]), PATH)
    assert [port.name for port in found.inputs] == ["x"]


@pytest.mark.parametrize(
    "made",
    [
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(1, [2])),
        helper.make_map_type_proto(7, helper.make_tensor_type_proto(1, [2])),
        helper.make_optional_type_proto(helper.make_tensor_type_proto(1, [2])),
    ],
)
def test_what_is_no_tensor_has_a_name_alone(made: Any) -> None:
    """Sequences, maps and optional values."""
    assert scan_bytes(model([helper.make_value_info("x", made)], []), PATH).inputs == (Port("x"),)


def test_a_sparse_tensor_is_one() -> None:
    """Its type is another field of the same shape."""
    sparse = helper.make_sparse_tensor_value_info("x", TensorProto.FLOAT, [3])
    assert scan_bytes(model([sparse], []), PATH).inputs == (Port("x", "float32", [3]),)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip),
            st.sampled_from(sorted(set(TensorProto.DataType.values()) - {0})),
            st.lists(st.integers(0, 2**53) | st.text("abc", min_size=1, max_size=5), max_size=5),
        ),
        max_size=5,
    )
)
def test_any_graph_reads_as_it_was_made(ports: list[tuple[str, int, list[int | str]]]) -> None:
    """Names, types and shapes come back."""
    found = scan_bytes(model([], [value(*port) for port in ports]), PATH)
    assert found.outputs == tuple(Port(name, element_type(kind), shape) for name, kind, shape in ports)
    assert all(port.dtype for port in found.outputs)


def test_the_number_of_ports_is_bounded() -> None:
    """A hostile graph can't fill the memory with names."""
    found = scan_bytes(model([], [value(f"y{number}") for number in range(MAX_PORTS + 5)]), PATH)
    assert len(found.outputs) == MAX_PORTS
    assert scan_bytes(model([], [value("n" * 1000), value(" ")]), PATH).outputs == ()


def test_numbers_out_of_range_have_no_size() -> None:
    """A negative dimension, or one that JSON can't hold, is an unknown one."""
    assert scan_bytes(model([], [value("y", shape=[-1, 2**60])]), PATH).outputs == (
        Port("y", "float32", ["?", "?"]),
    )
