"""Tensors of an ONNX model, found by walking through its protobuf message without reading values.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Tensors are: initializers, the value of Constant nodes,
and tensors in other attributes; sparse ones too; in the main graph, in the subgraphs of If, Loop, Scan and any other
node, and in local functions. Lists of plain numbers in attributes (tree ensembles have them) are no tensors.

Names, the same for the same graph in each version of a model:

- an initializer's own, and a Constant's output: ``encoder.0.weight``;
- any other attribute: its node and its name, ``node.attribute``, or ``node.attribute.2`` in a list;
- in a subgraph, after the node and attribute that hold it: ``If_0.then_branch/encoder.0.weight``;
- in a function, after its domain and name: ``acme.layers::gelu/half``;
- the indices of a sparse tensor, whose values have its name: ``embedding.indices``.

A node is called by its name, else by its first output, else by its operator. What still has the name of an earlier
tensor gets ``#2``, ``#3``...
"""

import re

from modelver.errors import InvalidValue, LimitExceeded
from modelver.formats.elements import MAX_TENSORS, ReadAt
from modelver.formats.onnx_ports import MAX_PORTS, read_port
from modelver.formats.onnx_tensor import read_tensor, tensor_message, tensor_name
from modelver.formats.protobuf import BYTES, Field, Wanted, WireReader
from modelver.values.filemap import Layout, Tensor
from modelver.values.making import Port

MAX_SIZE = 2**31 - 1
"""Bytes of a protobuf message; larger models keep their values in other files."""

MAX_DEPTH = 32
"""Graphs within graphs: protobuf's own readers stop at 100 messages, of which a subgraph takes three."""

_MAX_CHARACTERS = 2**26
"""Characters of all names, and of the labels that they are made of, together."""

_BYTES = frozenset({BYTES})
_MODEL: Wanted = dict.fromkeys((7, 25), _BYTES)
_GRAPH: Wanted = dict.fromkeys((1, 5, 11, 12, 15), _BYTES)
_FUNCTION: Wanted = dict.fromkeys((1, 10, 13), _BYTES)
_BODY: Wanted = dict.fromkeys((7, 11), _BYTES)
_NODE: Wanted = dict.fromkeys((2, 3, 4, 5), _BYTES)
_ATTRIBUTE: Wanted = dict.fromkeys((1, 5, 6, 10, 11, 22, 23), _BYTES)
_SPARSE: Wanted = dict.fromkeys((1, 2), _BYTES)
_SHORT_TEXTS = b"|".join(rb"\x%02x[\x00-\xff]{%d}" % (length, length) for length in range(128))
_LISTS = re.compile(
    rb"(?:\x3d[\x00-\xff]{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a(?:" + _SHORT_TEXTS + rb"))++"
)
"""An attribute's floats (field 7), ints (8) and strings (9), which onnx.proto writes one field each: a tree ensemble or a
vocabulary has millions."""


def scan_onnx(read_at: ReadAt, size: int, path: str) -> Layout:
    """Return the tensors of an ONNX model, in the order of the walk.

    Args:
        read_at: Reads the file.
        size: Bytes of the file.
        path: The file's path in the version; external data is relative to its folder.

    Raises:
        InvalidValue: The file is no ONNX model, or a tensor in it is malformed.
        LimitExceeded: The file is larger or deeper than the format, or this reader, allows.
        SourceChanged: The file became shorter than `size`.
        UnsafePath: External data is outside of the model's folder.
    """
    if size > MAX_SIZE:
        raise LimitExceeded(
            "ONNX file is too large",
            where=path,
            expected=f"at most {MAX_SIZE} bytes, as protobuf allows",
            found=size,
            hint="Save its values as external data.",
        )
    walk = _Walk(WireReader(read_at, size, path))
    walk.model(size)
    return Layout("onnx", tuple(walk.tensors), *walk.ports())


class _Walk:
    """One walk through a model, gathering tensors on its way."""

    def __init__(self, reader: WireReader) -> None:
        self.tensors: list[Tensor] = []
        self._reader = reader
        self._names: dict[str, int] = {}
        self._characters = 0
        self._initializers: set[str] = set()
        self._ports: dict[int, list[Port]] = {11: [], 12: []}

    def ports(self) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
        """Return what the main graph takes, but values that it holds itself (as it may up to IR version 3), and gives."""
        inputs = (port for port in self._ports[11] if port.name not in self._initializers)
        return tuple(inputs), tuple(self._ports[12])

    def model(self, size: int) -> None:
        """Walk through a ModelProto: its graph, then its functions."""
        model = self._reader.message(0, size, _MODEL)
        graph = model.one(7)
        if graph is None:
            raise InvalidValue(
                "not an ONNX model",
                where=self._reader.path,
                expected="a graph",
                found="none",
                hint="Save or download it again.",
            )
        self._graph(graph, "", 1)
        for field in model.all(25):
            self._function(field)

    def _function(self, span: Field) -> None:
        function = self._reader.message(span.start, span.end, _FUNCTION)
        overload = function.text(13)
        label = self._join(function.text(10), "::", function.text(1), ":" if overload else "", overload)
        for field in self._reader.fields(span.start, span.end, _BODY):
            if field.number == 7:  # noqa: PLR2004 (node; else attribute_proto)
                self._node(field, f"{label}/", 1)
            else:
                self._attribute(field, label, None, 1)

    def _graph(self, span: Field, prefix: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise LimitExceeded(
                "ONNX graphs are nested too deeply",
                where=self._reader.path,
                expected=f"at most {MAX_DEPTH} levels",
            )
        for field in self._reader.fields(span.start, span.end, _GRAPH):
            if field.number == 1:
                self._node(field, prefix, depth)
            elif field.number == 5:  # noqa: PLR2004 (initializer)
                self._hold(self._tensor(field, prefix, None), depth)
            elif field.number == 15:  # noqa: PLR2004 (sparse_initializer)
                self._hold(self._sparse(field, prefix, None), depth)
            elif depth == 1:
                self._port(field)

    def _hold(self, name: str, depth: int) -> None:
        if depth == 1:
            self._initializers.add(name)

    def _port(self, field: Field) -> None:
        """Add an input (field 11) or an output (12) of the main graph."""
        ports = self._ports[field.number]
        if len(ports) < MAX_PORTS and (port := read_port(self._reader, field)):
            ports.append(port)

    def _node(self, span: Field, prefix: str, depth: int) -> None:
        node = self._reader.message(span.start, span.end, _NODE)
        if not node.all(5):
            return
        operator = node.text(4)
        output = next(filter(None, map(self._reader.text, node.all(2))), "")
        label = self._join(prefix, node.text(3) or output or operator)
        constant = self._join(prefix, output) if operator == "Constant" and output else None
        for field in node.all(5):
            self._attribute(field, label, constant, depth)

    def _attribute(self, span: Field, label: str, constant: str | None, depth: int) -> None:
        """Add what an attribute holds; `constant` names the value of a Constant node."""
        attribute = self._reader.message(span.start, span.end, _ATTRIBUTE, _LISTS)
        key = attribute.text(1)
        for number, add in ((5, self._tensor), (22, self._sparse)):
            if field := attribute.one(number):
                add(field, "", constant or self._join(label, ".", key))
        for number, add in ((10, self._tensor), (23, self._sparse)):
            for index, field in enumerate(attribute.all(number)):
                add(field, "", self._join(label, ".", key, f".{index}"))
        if field := attribute.one(6):
            self._graph(field, self._join(label, ".", key, "/"), depth + 1)
        for index, field in enumerate(attribute.all(11)):
            self._graph(field, self._join(label, ".", key, f".{index}/"), depth + 1)

    def _tensor(self, span: Field, prefix: str, name: str | None) -> str:
        """Add a tensor under a name, or under its own after the prefix; return that name, which may get a number."""
        message = tensor_message(self._reader, span.start, span.end)
        if name is None:
            name = self._join(prefix, tensor_name(message))
        self.tensors.append(read_tensor(message, self._unique(name)))
        if len(self.tensors) > MAX_TENSORS:
            raise LimitExceeded(
                "ONNX file has too many tensors", where=self._reader.path, expected=f"at most {MAX_TENSORS}"
            )
        return name

    def _sparse(self, span: Field, prefix: str, name: str | None) -> str:
        """Add a sparse tensor as two: its values, flat, and their indices; return the name of the values."""
        sparse = self._reader.message(span.start, span.end, _SPARSE)
        values, indices = sparse.one(1), sparse.one(2)
        if values is None or indices is None:
            raise self._reader.damaged(span.start, "a sparse tensor of values and indices", "one of them")
        name = self._tensor(values, prefix, name)
        self._tensor(indices, "", self._join(name, ".indices"))
        return name

    def _unique(self, name: str) -> str:
        """Return the name, numbered where it is taken: runtimes only warn about a second one."""
        if name not in self._names:
            self._names[name] = 1
            return name
        while True:
            self._names[name] += 1
            numbered = self._join(name, f"#{self._names[name]}")
            if numbered not in self._names:
                self._names[numbered] = 1
                return numbered

    def _join(self, *parts: str) -> str:
        """Join a name's parts, bounding what all names take: a subgraph's tensors repeat the way to it."""
        self._characters += sum(map(len, parts))
        if self._characters > _MAX_CHARACTERS:
            raise LimitExceeded(
                "ONNX file has too long names",
                where=self._reader.path,
                expected=f"at most {_MAX_CHARACTERS} characters together",
            )
        return "".join(parts)
