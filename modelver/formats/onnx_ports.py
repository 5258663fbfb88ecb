"""Inputs and outputs of an ONNX graph: one ValueInfoProto -> a `Port`.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (ValueInfoProto, TypeProto, TensorShapeProto). A sequence, a
map or an optional value has no element type and no shape here. A dimension without a name is ``?``.
"""

from modelver.formats.onnx_tensor import element_type
from modelver.formats.protobuf import BYTES, VARINT, Field, Message, Wanted, WireReader
from modelver.values.canonical import MAX_INTEGER
from modelver.values.filemap import MAX_DIMENSIONS
from modelver.values.making import Dimension, Port

MAX_PORTS = 1_000
"""Inputs, and outputs, that are kept of one graph: one with a cache for each of 100 layers has some hundreds."""

_MAX_NAME = 256
_BYTES = frozenset({BYTES})
_NUMBER = frozenset({VARINT})
_VALUE: Wanted = {1: _BYTES, 2: _BYTES}
_TYPE: Wanted = {1: _BYTES, 8: _BYTES}
_TENSOR: Wanted = {1: _NUMBER, 2: _BYTES}
_SHAPE: Wanted = {1: _BYTES}
_DIMENSION: Wanted = {1: _NUMBER, 2: _BYTES}


def read_port(reader: WireReader, span: Field) -> Port | None:
    """Return an input or output; None where it has no name, or one too long for anybody to use.

    Raises:
        InvalidValue: The bytes are no protobuf message.
    """
    value = reader.message(span.start, span.end, _VALUE)
    name = value.text(1)
    if not name.strip() or len(name) > _MAX_NAME:
        return None
    tensor = _tensor(reader, value)
    if tensor is None:
        return Port(name)
    shape = tensor.one(2)
    return Port(name, element_type(tensor.number(1)), _shape(reader, shape) if shape else None)


def _tensor(reader: WireReader, value: Message) -> Message | None:
    """Return the tensor, or the sparse one, that a value is."""
    stated = value.one(2)
    if stated is None:
        return None
    kind = reader.message(stated.start, stated.end, _TYPE)
    found = kind.one(1) or kind.one(8)
    return reader.message(found.start, found.end, _TENSOR) if found else None


def _shape(reader: WireReader, span: Field) -> tuple[Dimension, ...] | None:
    dimensions = reader.message(span.start, span.end, _SHAPE).all(1)
    if len(dimensions) > MAX_DIMENSIONS:
        return None
    return tuple(_dimension(reader, each) for each in dimensions)


def _dimension(reader: WireReader, span: Field) -> Dimension:
    found = reader.message(span.start, span.end, _DIMENSION)
    number = found.one(1)
    if number is not None and number.value <= MAX_INTEGER:
        return number.value
    name = found.text(2)
    return name if name and len(name) <= _MAX_NAME else "?"
