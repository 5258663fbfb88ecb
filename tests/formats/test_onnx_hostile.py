"""ONNX files made to mislead or to exhaust: each is refused with an error of its own, in bounded time and memory."""

import random
import tracemalloc

import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper

from modelver.errors import InvalidValue, LimitExceeded, ModelverError, SourceChanged, UnsafePath
from modelver.formats import elements, protobuf, scan
from modelver.formats import onnx as parser
from tests.formats.onnx_reference import check_layout, models, varint
from tests.formats.support import CountedFile, scan_bytes, scan_or_none
from tests.material import wheel_file

PATH = "build/model.onnx"


def message(number: int, payload: bytes) -> bytes:
    """Return a field of bytes."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def integer(number: int, value: int) -> bytes:
    """Return a field that is a varint."""
    return varint(number << 3) + varint(value)


def model(*tensors: bytes) -> bytes:
    """Return a model whose graph has these initializers."""
    return message(7, b"".join(message(5, tensor) for tensor in tensors))


def outside(**entries: str) -> bytes:
    """Return a model with one float32 tensor of shape [2] in another file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    return model(tensor.SerializeToString())


FLOAT = integer(2, 1) + message(8, b"w")
TWO = integer(1, 2) + FLOAT
EIGHT = message(9, b"12345678")
ENTRY = message(13, message(1, b"location") + message(2, b"w.bin"))

REFUSED = {
    "empty": (b"", "not an ONNX model"),
    "no graph": (integer(1, 8), "not an ONNX model"),
    "text": (b"this is no model at all", "truncated or damaged"),
    "a zip file": (b"PK\x03\x04" + bytes(40), "truncated or damaged"),
    "two graphs": (message(7, b"") + message(7, b""), "truncated or damaged.*once"),
    "graph as a number": (integer(7, 1), "truncated or damaged.*wire type"),
    "initializer as a number": (message(7, integer(5, 1)), "truncated or damaged.*wire type"),
    "group": (message(7, b"\x0b\x0c"), "wire type 0, 1, 2 or 5"),
    "field number 0": (message(7, b"\x02\x00"), "field number from 1"),
    "field number beyond 29 bits": (message(7, varint(2**32 | 2) + b"\x00"), "field number from 1"),
    "varint without an end": (message(7, b"\x80"), "varint"),
    "varint of 11 bytes": (message(7, b"\x08" + b"\x80" * 10 + b"\x01"), "varint"),
    "varint of 70 bits": (message(7, b"\x08" + b"\xff" * 9 + b"\x7f"), "varint"),
    "field beyond its message": (message(7, b"\x2a\x05ab") + b"abcdefgh", "field 12 to end by byte 14"),
    "field beyond the file": (message(7, b"")[:1] + b"\x7f", "to end by byte 2"),
    "number beyond the file": (message(7, b"\x0d123"), "to end by"),
    "name that is not UTF-8": (model(integer(1, 2) + integer(2, 1) + message(8, b"\xff") + EIGHT), "UTF-8"),
    "two names": (model(TWO + message(8, b"v") + EIGHT), "once"),
    "no type": (model(integer(1, 2) + EIGHT), "unknown element type.*found 0"),
    "undefined type": (model(integer(1, 2) + integer(2, 0) + EIGHT), "unknown element type"),
    "unknown type": (model(integer(1, 2) + integer(2, 99) + EIGHT), "unknown element type.*found 99"),
    "two types": (model(TWO + integer(2, 7) + EIGHT), "once"),
    "negative dimension": (model(integer(1, -1) + FLOAT + EIGHT), "negative dimension.*found -1"),
    "shape beyond 64 bits": (model(integer(1, 2**62) * 3 + FLOAT + EIGHT), "too large"),
    "shape of 2**64 bits": (model(integer(1, 2**59) + FLOAT + EIGHT), "too large"),
    "rank 65": (model(integer(1, 1) * 65 + FLOAT + message(9, b"1234")), "too many dimensions"),
    "packed rank 65": (model(message(1, b"\x01" * 65) + FLOAT + message(9, b"1234")), "too many dimensions"),
    "packed dimensions cut": (model(message(1, b"\x80") + FLOAT + EIGHT), "varint"),
    "raw values too short": (
        model(TWO + message(9, b"1234567")),
        "do not fit.*expected 8 bytes.*found 7 bytes",
    ),
    "raw values too long": (model(TWO + message(9, b"123456789")), "do not fit"),
    "raw values twice": (model(TWO + EIGHT + EIGHT), "once"),
    "no values": (model(TWO), "do not fit.*found none"),
    "raw and typed values": (model(TWO + EIGHT + message(4, b"12345678")), "wrong field"),
    "values of another type": (model(TWO + message(7, b"\x01\x02")), "wrong field"),
    "packed floats too short": (model(TWO + message(4, b"1234")), "do not fit"),
    "packed integers too short": (model(integer(1, 2) + integer(2, 7) + message(7, b"\x01")), "do not fit"),
    "packed integers too long": (model(integer(1, 2) + integer(2, 7) + message(7, bytes(21))), "do not fit"),
    "text in raw values": (model(integer(1, 2) + integer(2, 8) + EIGHT), "wrong field"),
    "segment": (model(TWO + EIGHT + message(3, integer(1, 0))), "segment"),
    "unknown location": (model(TWO + EIGHT + integer(14, 2)), "unknown data location"),
    "sparse without indices": (message(7, message(15, message(1, TWO + EIGHT))), "values and indices"),
    "external with raw values": (model(TWO + EIGHT + integer(14, 1) + ENTRY), "wrong field"),
    "external text": (
        model(integer(1, 2) + integer(2, 8) + integer(14, 1) + ENTRY),
        "text tensor has external",
    ),
    "external offset of words": (outside(location="w", offset="zero"), "malformed number"),
    "external offset below 0": (outside(location="w", offset="-8"), "malformed number"),
    "external offset of other digits": (outside(location="w", offset="\u0661"), "malformed number"),
    "external offset of 19 digits": (outside(location="w", offset="1" * 19), "malformed number"),
    "external length empty": (outside(location="w", length=""), "malformed number"),
    "external length too short": (outside(location="w", length="4"), "do not fit.*length of 4 bytes"),
    "external location twice": (model(TWO + integer(14, 1) + ENTRY + ENTRY), "key twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_models_are_refused(case: str) -> None:
    """Each fault has its own message, which names the file."""
    data, expected = REFUSED[case]
    with pytest.raises(InvalidValue, match=expected) as caught:
        scan_bytes(data, PATH)
    assert caught.value.where.startswith(PATH)


LOCATIONS = [
    "",
    ".",
    "/etc/passwd",
    "../w.bin",
    "data/../../w.bin",
    "data/../w.bin",
    "..",
    "..\\w.bin",
    "data\\w.bin",
    "C:/w.bin",
    "C:w.bin",
    "\\\\host\\share",
    "//host/share",
    "w.bin\0",
    "w\n.bin",
    "con",
    "w.bin.",
    "model.onnx",
    "./model.onnx",
    "*/_ORT_MEM_ADDR_/*",
    "long/" * 1000,
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_external_data_never_leaves_the_models_folder(location: str) -> None:
    """Absolute paths, parents, Windows forms, devices, and the model itself are refused on every platform."""
    with pytest.raises(UnsafePath, match="external data names an unsafe path") as caught:
        scan_bytes(outside(location=location), PATH)
    assert "tensor 'w'" in caught.value.where


def test_external_data_without_a_location_is_refused() -> None:
    """There is no file to look for."""
    with pytest.raises(UnsafePath):
        scan_bytes(outside(offset="0"), PATH)


def test_a_message_says_what_where_expected_found_and_next() -> None:
    """The common case, a truncated download, is told in full."""
    data = model(TWO + EIGHT)
    with pytest.raises(InvalidValue) as caught:
        scan_bytes(data[:-1], PATH)
    assert str(caught.value) == (
        "model file is truncated or damaged: build/model.onnx, byte 0 (expected field 7 to end by byte 20, "
        "found byte 21). Is it an ONNX file? Save or download it again."
    )


def test_a_long_name_is_cut_in_messages() -> None:
    """A message stays readable whatever the file holds."""
    with pytest.raises(InvalidValue) as caught:
        scan_bytes(model(integer(1, 2) + message(8, b"n" * 60_000)), PATH)
    assert len(str(caught.value)) < 400


def test_every_truncation_of_a_real_model_is_refused() -> None:
    """Cut anywhere before its graph ends, the model is not taken for whole."""
    data = wheel_file("silero-vad", "6.2.0", "silero_vad/data/silero_vad.onnx").read_bytes()
    end = len(data) - len(data.partition(b"\x42\x04\x0a\x00\x10")[2])
    cuts = [*range(0, 3000, 11), *range(3000, end, 20_011), end - 6]
    assert [cut for cut in cuts if scan_or_none(data[:cut], PATH) is not None] == []


def test_a_file_that_shrinks_while_it_is_read_is_source_changed() -> None:
    """The size was right when it was asked for."""
    data = model(*[TWO + EIGHT] * 100)
    with pytest.raises(SourceChanged, match="shorter"):
        scan(lambda offset, length: data[:800][offset : offset + length], len(data), PATH)


def nested(depth: int) -> bytes:
    """Return a model with graphs within graphs."""
    graph = message(5, TWO + EIGHT)
    for _ in range(depth - 1):
        graph = message(1, message(5, message(1, b"body") + message(6, graph)))
    return message(7, graph)


def test_graphs_nest_as_deep_as_protobuf_lets_them() -> None:
    """What the onnx package can load is read; deeper ones are refused before the stack ends."""
    assert onnx.load_model_from_string(nested(parser.MAX_DEPTH)).graph.node
    assert len(scan_bytes(nested(parser.MAX_DEPTH), PATH).tensors) == 1
    for depth in (parser.MAX_DEPTH + 1, 3000):
        with pytest.raises(LimitExceeded, match="nested too deeply"):
            scan_bytes(nested(depth), PATH)


def test_a_file_beyond_two_gigabytes_is_refused_unread() -> None:
    """Protobuf has no larger messages."""
    file = CountedFile(b"", size=2**31)
    with pytest.raises(LimitExceeded, match=r"too large.*external data"):
        scan(file.read_at, file.size, PATH)
    assert file.reads == 0


LIMITS = {
    "fields": (protobuf, "MAX_FIELDS", message(7, integer(99, 0) * 50), "too many fields"),
    "repeats": (
        protobuf,
        "MAX_REPEATS",
        message(7, message(1, message(5, b"") * 50)),
        "repeats a field too often",
    ),
    "text": (protobuf, "MAX_TEXT", model(integer(1, 2) + message(8, b"n" * 50) + EIGHT), "too long"),
    "dimensions": (protobuf, "MAX_TEXT", model(message(1, b"\x01" * 50) + FLOAT), "too long"),
    "tensors": (parser, "MAX_TENSORS", model(*[TWO + EIGHT] * 50), "too many tensors"),
    "names": (parser, "_MAX_CHARACTERS", model(*[TWO + EIGHT] * 50), "too long names"),
}


@pytest.mark.parametrize("case", LIMITS)
def test_each_limit_is_kept(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file beyond a limit is refused; with the limit as it is, it is read or fails for another reason."""
    module, limit, data, expected = LIMITS[case]
    scan_or_none(data, PATH)
    monkeypatch.setattr(module, limit, 40)
    with pytest.raises(LimitExceeded, match=expected):
        scan_bytes(data, PATH)


HEAVY = {
    "fields": lambda: message(7, integer(99, 0) * protobuf.MAX_FIELDS),
    "nodes": lambda: message(7, message(1, b"") * protobuf.MAX_FIELDS),
    "attributes": lambda: message(7, message(1, message(5, b"") * 9_000) * 100),
    "tensors": lambda: model(*[integer(1, 0) + integer(2, 1)] * (elements.MAX_TENSORS + 1)),
    "names that repeat their way": lambda: message(
        7,
        message(
            1, message(3, b"n" * 65_000) + message(5, message(6, message(5, integer(1, 0) + FLOAT) * 2_000))
        )
        * 9,
    ),
    "labels of empty graphs": lambda: message(
        7, message(1, message(3, b"n" * 65_000) + message(5, message(6, b"")) * 9_000)
    ),
    "one name for all": lambda: model(*[integer(1, 0) + FLOAT] * (elements.MAX_TENSORS + 1)),
}
QUICK = {"names that repeat their way", "labels of empty graphs"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in QUICK else pytest.mark.full) for case in HEAVY]
)
def test_a_small_file_can_not_take_much_memory(case: str) -> None:
    """A few megabytes that would become gigabytes of names or objects are refused below 256 MB."""
    data = HEAVY[case]()
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            scan_bytes(data, PATH)
        assert tracemalloc.get_traced_memory()[1] < 256 * 2**20
    finally:
        tracemalloc.stop()


@st.composite
def damaged_models(draw: st.DrawFn) -> bytes:
    """Return a model with some bytes cut, replaced, repeated or added."""
    data = draw(models())
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        data = data[:start] + draw(st.binary(max_size=4) | st.just(data[start:end] * 2)) + data[end:]
    return data


def check_damaged(data: bytes) -> None:
    """Assert that what is read of a damaged model is what the onnx package reads, and that nothing else happens."""
    layout = scan_or_none(data, PATH)
    if layout is None:
        return
    try:
        ModelProto.FromString(data)
    except DecodeError:
        return
    check_layout(layout, data, PATH)


@given(damaged_models())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_damaged_models_read_as_the_onnx_package_reads_them_or_not_at_all(data: bytes) -> None:
    """No damage makes the two see different tensors."""
    check_damaged(data)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_with_an_error_of_ours(data: bytes) -> None:
    """No input makes the reader fail in another way."""
    scan_or_none(data, PATH)
    scan_or_none(message(7, data), PATH)


@pytest.mark.full
@pytest.mark.parametrize("first", range(0, 100_000, 10_000))
def test_a_hundred_thousand_damaged_models_are_read_alike_or_refused(first: int) -> None:
    """A real model's structure with random bytes changed, seeded; the seed of a failure is in its message."""
    source = wheel_file("silero-vad", "6.2.3", "silero_vad/data/silero_vad_16k_sequence.onnx").read_bytes()
    slim = ModelProto.FromString(source)
    constants = (
        attribute.t for node in slim.graph.node for attribute in node.attribute if attribute.HasField("t")
    )
    for tensor in [*slim.graph.initializer, *constants]:
        if len(tensor.raw_data) > 64:
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.FLOAT, [2], [0.0, 1.0]))
    original = slim.SerializeToString()
    for seed in range(first, first + 10_000):
        chance = random.Random(seed)  # noqa: S311 (a test's choice of bytes)
        data = bytearray(original)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            check_damaged(bytes(data))
        except (AssertionError, ModelverError) as error:
            error.add_note(f"seed {seed}")
            raise
