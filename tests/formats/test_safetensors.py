"""Safetensors headers: the reference package is the judge of what is valid, and of what is in a file."""

import json
import tracemalloc
from pathlib import Path

import ml_dtypes  # noqa: F401 (its import teaches numpy the small floats' names)
import numpy as np
import pytest
import safetensors as reference
import safetensors.numpy as reference_numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelver.errors import InvalidValue, LimitExceeded, SourceChanged
from modelver.formats import safetensors as safetensors_parser
from modelver.formats import scan
from modelver.formats.elements import BITS, MAX_TENSORS
from modelver.formats.safetensors import _DTYPES, MAX_HEADER
from modelver.values.filemap import Layout, Tensor
from tests.formats.support import CountedFile, entry, safetensors, scan_bytes, scan_or_none
from tests.material import wheel_file

PATH = "build/model.safetensors"


def reference_accepts(data: bytes) -> bool:
    """Say whether the reference implementation reads the file."""
    try:
        reference.deserialize(data)
    except reference.SafetensorError:
        return False
    return True


REAL = [
    ("fracast", "0.1.0", "fracast/weights/model.safetensors", 47, 85_001),
    ("fracast", "0.1.0", "fracast/weights/model.int8.safetensors", 67, 86_611),
    ("silero-vad", "6.2.3", "silero_vad/data/silero_vad_16k.safetensors", 15, 309_633),
]


@pytest.mark.parametrize(("package", "version", "member", "count", "parameters"), REAL)
def test_real_files_read_as_the_reference_reads_them(
    package: str, version: str, member: str, count: int, parameters: int
) -> None:
    """Names, types, shapes and bytes of each tensor equal those that the safetensors package gives."""
    path = wheel_file(package, version, member)
    data = path.read_bytes()
    file = CountedFile(data)
    layout = scan(file.read_at, file.size, PATH)
    expected = dict(reference.deserialize(data))
    assert layout.format == "safetensors"
    assert {tensor.name for tensor in layout.tensors} == set(expected)
    for tensor in layout.tensors:
        told = expected[tensor.name]
        assert tensor.dtype == _DTYPES[told["dtype"]]
        assert list(tensor.shape) == told["shape"]
        assert data[tensor.offset : tensor.offset + tensor.length] == bytes(told["data"])
    assert len(layout.tensors) == count
    assert sum(tensor.elements for tensor in layout.tensors) == parameters
    header_end = min(tensor.offset for tensor in layout.tensors)
    assert file.bytes_read == header_end


def test_a_file_of_ten_gigabytes_costs_its_header_alone() -> None:
    """No byte of the values is asked for."""
    length = 10 * 2**30
    head = safetensors({"w": entry("F32", [length // 4], 0, length)})
    file = CountedFile(head, size=len(head) + length)
    layout = scan(file.read_at, file.size, PATH)
    assert layout.tensors == (Tensor("w", "float32", (length // 4,), len(head), length),)
    assert file.bytes_read == len(head)


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda name: name != "__metadata__"),
        st.sampled_from("bool u1 i1 u2 i2 f2 u4 i4 f4 u8 i8 f8 c8".split()).flatmap(
            lambda code: arrays.arrays(
                code, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
            )
        ),
        max_size=6,
    ),
    st.none()
    | st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5), st.text(st.characters(codec="utf-8")), min_size=1
    ),
)
def test_what_the_reference_writes_is_read_back(
    tensors: dict[str, np.ndarray], metadata: dict[str, str] | None
) -> None:
    """Any tensors that the reference saves are found with their names, types, shapes and bytes."""
    data = reference_numpy.save(tensors, metadata=metadata)
    layout = scan_bytes(data, PATH)
    found = {
        tensor.name: np.frombuffer(data[tensor.offset :][: tensor.length], tensor.dtype).reshape(tensor.shape)
        for tensor in layout.tensors
    }
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert list(layout.tensors) == sorted(layout.tensors, key=lambda tensor: (tensor.offset, tensor.length))


@pytest.mark.parametrize("code", _DTYPES)
def test_every_element_type_has_the_size_that_the_reference_gives_it(code: str) -> None:
    """Eight elements of each type are accepted with exactly the length that the reference accepts."""
    for length in range(130):
        data = safetensors({"w": entry(code, [8], 0, length)}, bytes(length))
        assert (
            (scan_or_none(data, PATH) is not None)
            == reference_accepts(data)
            == (length == BITS[_DTYPES[code]])
        )


def test_the_reference_knows_no_element_type_that_is_missing_here() -> None:
    """The reference's own message lists the types that it knows."""
    with pytest.raises(reference.SafetensorError) as caught:
        reference.deserialize(safetensors({"w": entry("NONE", [1], 0, 1)}))
    known = str(caught.value).partition("expected one of ")[2].split("`")[1::2]
    assert sorted(known) == sorted(_DTYPES)


@pytest.mark.parametrize("name", BITS)
def test_element_types_are_called_as_numpy_calls_them(name: str) -> None:
    """Each name is one that numpy knows once ml_dtypes is there, of the same size where elements fill bytes."""
    dtype = np.dtype(name)
    assert dtype.name == name
    assert dtype.itemsize * 8 == max(8, BITS[name])


def test_tensors_without_elements_share_an_offset() -> None:
    """Empty tensors cover nothing, and leave no hole."""
    header = {"b": entry("F32", [0, 3], 4, 4), "c": entry("F32", [], 0, 4), "a": entry("U8", [0], 0, 0)}
    layout = scan_bytes(safetensors(header, bytes(4)), PATH)
    assert [(tensor.name, tensor.length) for tensor in layout.tensors] == [("a", 0), ("c", 4), ("b", 0)]


@pytest.mark.parametrize(
    "header", [b"{}", b'{"__metadata__":{"format":"pt"}}', b'{"__metadata__":null}', b"{}     "]
)
def test_a_file_without_tensors_is_valid(header: bytes) -> None:
    """Metadata alone, null metadata and padding are as the reference takes them."""
    assert scan_bytes(safetensors(header), PATH) == Layout("safetensors")
    assert reference_accepts(safetensors(header))


def test_unknown_keys_of_a_tensor_are_ignored_as_the_reference_does() -> None:
    """A later version of the format may say more of a tensor."""
    header = {"w": {**entry("U8", [1], 0, 1), "comment": {"by": ["someone"]}}}
    assert len(scan_bytes(safetensors(header, b"1"), PATH).tensors) == 1
    assert reference_accepts(safetensors(header, b"1"))


GOOD = entry("U8", [4], 0, 4)
REFUSED = {
    "no length": (b"1234567", "truncated"),
    "empty": (b"", "truncated"),
    "header beyond the file": (safetensors(b"{}")[:-1], "truncated"),
    "values beyond the file": (safetensors({"w": GOOD}, b"123"), "truncated"),
    "no values": (safetensors({"w": GOOD}), "truncated"),
    "bytes after the values": (safetensors({"w": GOOD}, b"12345"), "longer than its tensors"),
    "not UTF-8": (safetensors(b'{"\xff":1}'), "malformed"),
    "not JSON": (safetensors(b'{"w":'), "malformed"),
    "no header": (safetensors(b""), "malformed"),
    "two values": (safetensors(b"{}{}"), "malformed"),
    "a list": (safetensors([]), "malformed"),
    "NaN": (safetensors(b'{"w":NaN}'), "malformed"),
    "byte order mark": (safetensors(b"\xef\xbb\xbf{}"), "malformed"),
    "metadata of numbers": (safetensors({"__metadata__": {"epoch": 1}}), "__metadata__"),
    "metadata as text": (safetensors({"__metadata__": "pt"}), "__metadata__"),
    "metadata as a list": (safetensors({"__metadata__": ["pt"]}), "__metadata__"),
    "entry as a list": (safetensors({"w": []}), "malformed"),
    "entry as null": (safetensors({"w": None}), "malformed"),
    "no dtype": (safetensors({"w": {"shape": [4], "data_offsets": [0, 4]}}, b"1234"), "unknown element type"),
    "unknown dtype": (safetensors({"w": entry("F128", [4], 0, 64)}, bytes(64)), "unknown element type"),
    "dtype as a number": (safetensors({"w": {**GOOD, "dtype": 1}}, b"1234"), "unknown element type"),
    "lower case dtype": (safetensors({"w": {**GOOD, "dtype": "u8"}}, b"1234"), "unknown element type"),
    "no shape": (safetensors({"w": {"dtype": "U8", "data_offsets": [0, 4]}}, b"1234"), "shape is malformed"),
    "shape as a number": (safetensors({"w": entry("U8", 4, 0, 4)}, b"1234"), "shape is malformed"),
    "negative dimensions": (safetensors({"w": entry("U8", [-2, -2], 0, 4)}, b"1234"), "shape is malformed"),
    "float dimension": (safetensors({"w": entry("U8", [4.0], 0, 4)}, b"1234"), "shape is malformed"),
    "bool dimension": (safetensors({"w": entry("U8", [True], 0, 1)}, b"1"), "shape is malformed"),
    "nested shape": (safetensors({"w": entry("U8", [[4]], 0, 4)}, b"1234"), "shape is malformed"),
    "dimension beyond 64 bits": (safetensors({"w": entry("U8", [2**64, 0], 0, 0)}), "shape is malformed"),
    "dimension of 5000 digits": (safetensors(b'{"w":{"shape":[' + b"9" * 5000 + b"]}}"), "malformed"),
    "product beyond 64 bits": (safetensors({"w": entry("U8", [2**62, 2**62, 0], 0, 0)}), "disagree"),
    "bits beyond 64": (safetensors({"w": entry("F64", [2**61], 0, 0)}), "disagree"),
    "too short for its shape": (safetensors({"w": entry("F32", [2], 0, 4)}, b"1234"), "disagree"),
    "too long for its shape": (safetensors({"w": entry("F32", [1], 0, 8)}, b"12345678"), "disagree"),
    "half a byte": (safetensors({"w": entry("F4", [1], 0, 1)}, b"1"), "disagree"),
    "one offset": (safetensors({"w": {**GOOD, "data_offsets": [4]}}, b"1234"), "offsets are malformed"),
    "three offsets": (
        safetensors({"w": {**GOOD, "data_offsets": [0, 4, 4]}}, b"1234"),
        "offsets are malformed",
    ),
    "offsets reversed": (safetensors({"w": entry("U8", [4], 4, 0)}, b"1234"), "offsets are malformed"),
    "negative offset": (safetensors({"w": entry("U8", [4], -4, 0)}, b"1234"), "data_offsets is malformed"),
    "negative zero": (
        safetensors(b'{"w":{"dtype":"U8","shape":[4],"data_offsets":[-0,4]}}', b"1234"),
        "data_offsets is malformed",
    ),
    "metadata of half a character": (safetensors({"__metadata__": {"by": "\ud800"}}), "__metadata__"),
    "float offset": (safetensors({"w": entry("U8", [4], 0, 4.0)}, b"1234"), "data_offsets is malformed"),
    "bool offset": (safetensors({"w": entry("U8", [1], False, True)}, b"1"), "data_offsets is malformed"),
    "null offset": (safetensors({"w": entry("U8", [4], None, 4)}, b"1234"), "data_offsets is malformed"),
    "offset beyond 64 bits": (
        safetensors({"w": entry("U8", [4], 0, 2**64)}, b"1234"),
        "data_offsets is malformed",
    ),
    "offsets as a number": (
        safetensors({"w": {**GOOD, "data_offsets": 4}}, b"1234"),
        "data_offsets is malformed",
    ),
    "a hole at the start": (safetensors({"w": entry("U8", [2], 2, 4)}, b"1234"), "leave a hole"),
    "a hole between": (
        safetensors({"a": entry("U8", [1], 0, 1), "b": entry("U8", [2], 2, 4)}, b"1234"),
        "leave a hole",
    ),
    "an overlap": (
        safetensors({"a": entry("U8", [3], 0, 3), "b": entry("U8", [2], 2, 4)}, b"1234"),
        "overlap",
    ),
    "the same bytes twice": (safetensors({"a": GOOD, "b": GOOD}, b"1234"), "overlap"),
    "half a character as a name": (safetensors({"\ud800": GOOD}, b"1234"), "not text"),
    "deep nesting": (safetensors(b'{"w":' + b"[" * 5000), "nested too deeply"),
    "a key of an entry twice": (
        safetensors(b'{"w":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}', b"1234"),
        "twice",
    ),
    "header of more than 100 MB": ((MAX_HEADER + 1).to_bytes(8, "little") + bytes(100), "too large"),
    "header of 2**64 - 1 bytes": (b"\xff" * 8 + b"{}", "too large"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_files_are_refused_as_the_reference_refuses_them(case: str) -> None:
    """Each fault has its own message, which names the file."""
    data, message = REFUSED[case]
    with pytest.raises(InvalidValue, match=message) as caught:
        scan_bytes(data, PATH)
    assert PATH in caught.value.where
    assert not reference_accepts(data)


def test_a_tensor_named_twice_is_refused() -> None:
    """The reference keeps one of the two; here neither is trusted."""
    data = safetensors(
        b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        b"1",
    )
    with pytest.raises(InvalidValue, match=r"has a key twice.*'w'"):
        scan_bytes(data, PATH)


def test_a_message_says_what_where_expected_found_and_next() -> None:
    """A truncated download, the common case, is told in full."""
    data = safetensors({"w": entry("F32", [1000], 0, 4000)}, bytes(1000))
    with pytest.raises(InvalidValue) as caught:
        scan_bytes(data, PATH)
    assert str(caught.value) == (
        "safetensors file is truncated: build/model.safetensors "
        f"(expected {len(data) + 3000} bytes, found {len(data)} bytes). Save or download the file again."
    )


def test_a_file_that_shrinks_while_it_is_read_is_source_changed() -> None:
    """The size was right when it was asked for."""
    data = safetensors({"w": GOOD}, b"1234")
    with pytest.raises(SourceChanged, match="shorter"):
        scan(lambda offset, length: data[:20][offset : offset + length], len(data), PATH)


def test_a_file_with_too_many_tensors_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit itself is allowed."""
    data = safetensors({str(number): entry("U8", [0], 0, 0) for number in range(50)})
    monkeypatch.setattr(safetensors_parser, "MAX_TENSORS", 50)
    assert len(scan_bytes(data, PATH).tensors) == 50
    monkeypatch.setattr(safetensors_parser, "MAX_TENSORS", 49)
    with pytest.raises(LimitExceeded, match="too many tensors"):
        scan_bytes(data, PATH)


@pytest.mark.full
def test_a_file_with_as_many_tensors_as_allowed_takes_bounded_memory() -> None:
    """Reading them all takes less than 256 MB, the file's own header left out."""
    data = safetensors({f"layers.{number}": entry("U8", [0, 1], 0, 0) for number in range(MAX_TENSORS)})
    tracemalloc.start()
    try:
        assert len(scan_bytes(data, PATH).tensors) == MAX_TENSORS
        assert tracemalloc.get_traced_memory()[1] < 256 * 2**20
    finally:
        tracemalloc.stop()


HEAVY = {
    "lists": (b'{"w":[', b"[],", 33_000_000, b"[]]}"),
    "lists, as many as allowed": (b'{"w":[', b"[],", 2**20 - 10, b"[]]}"),
    "objects": (b'{"w":[', b"{},", 33_000_000, b"{}]}"),
    "objects, as many as allowed": (b'{"w":[', b"{},", 2**20 - 10, b"{}]}"),
    "numbers": (b'{"w":[', b"1234567,", 12_000_000, b"0]}"),
    "numbers, as many as allowed": (b'{"w":[', b"12345678901234567890,", 2**21 - 10, b"0]}"),
    "one long name": (b'{"', b"w", 99_000_000, b'":0}'),
    "one long name of wide characters": (b'{"', "\U0001f600".encode(), 24_000_000, b'":0}'),
    "text without an end": (b'{"w":["', b"w", 99_000_000, b""),
    "digits": (b'{"w":', b"9", 99_000_000, b"}"),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.full if "allowed" in case else ()) for case in HEAVY]
)
def test_a_header_of_100_megabytes_takes_bounded_memory(case: str) -> None:
    """Whatever it holds, refusing it takes less than 256 MB in all."""
    start, middle, count, end = HEAVY[case]
    data = safetensors(start + middle * count + end)
    file = CountedFile(data)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidValue):
            scan(file.read_at, file.size, PATH)
        assert tracemalloc.get_traced_memory()[1] < 256 * 2**20
    finally:
        tracemalloc.stop()


BASE = safetensors(
    {
        "__metadata__": {"format": "pt"},
        "layer.weight": entry("F32", [2, 3], 0, 24),
        "layer.bias": entry("BF16", [2], 24, 28),
        "scale": entry("F8_E4M3", [], 28, 29),
        "empty": entry("I64", [0, 5], 29, 29),
        "codes": entry("F4", [6], 29, 32),
    },
    bytes(range(32)),
)
TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"0",
    b"-1",
    b"1e3",
    b"true",
    b"null",
    b'"F32"',
    b"[]",
    b" ",
    b"\\u0041",
]
TOKENS += [
    b"18446744073709551615",
    b"18446744073709551616",
    b"\xff",
    b"\x00",
    b'"w":',
    b'"shape":',
    b'"data_offsets":',
]


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """Return the header of a valid file with some of it cut, replaced or repeated, its length mended or not."""
    header, data = BASE[8:-32], BASE[-32:]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(header)))
        end = min(len(header), start + draw(st.integers(0, 12)))
        header = header[:start] + draw(st.sampled_from([b"", *TOKENS]) | st.binary(max_size=3)) + header[end:]
    data = draw(st.sampled_from([data, data[:-1], data + b"0", b""]))
    length = draw(st.sampled_from([len(header), len(header), len(header), len(BASE) - 40]))
    return length.to_bytes(8, "little") + header + data


@given(mutations())
def test_damaged_headers_are_read_as_the_reference_reads_them(data: bytes) -> None:
    """A damaged file gives a layout exactly where the reference accepts it, unless a key is there twice."""
    layout = scan_or_none(data, PATH)
    if layout is not None:
        assert reference_accepts(data)
        expected = {name: told["shape"] for name, told in reference.deserialize(data)}
        assert {tensor.name: list(tensor.shape) for tensor in layout.tensors} == expected
    elif reference_accepts(data):
        with pytest.raises(InvalidValue, match="twice"):
            scan_bytes(data, PATH)


@given(st.binary(max_size=200) | st.binary(max_size=60).map(safetensors))
def test_random_bytes_are_refused_with_an_error_of_ours(data: bytes) -> None:
    """No input makes the reader fail in another way."""
    layout = scan_or_none(data, PATH)
    assert layout is None or layout.tensors == ()


def test_every_truncation_of_a_real_file_is_refused(tmp_path: Path) -> None:
    """Cut anywhere, in the header or in the values, the file is not taken for whole."""
    data = wheel_file("fracast", "0.1.0", "fracast/weights/model.safetensors").read_bytes()
    cuts = [*range(0, 6000, 7), *range(6000, len(data), 4099), len(data) - 1]
    assert [cut for cut in cuts if scan_or_none(data[:cut], PATH) is not None] == []


def test_json_that_python_reads_leniently_is_refused_like_the_reference() -> None:
    """Constants that only Python's JSON knows are no way around the rules."""
    for text in ("Infinity", "-Infinity", "NaN"):
        header = json.dumps({"w": GOOD})[:-1].encode() + b',"x":' + text.encode() + b"}"
        assert scan_or_none(safetensors(header, b"1234"), PATH) is None
        assert not reference_accepts(safetensors(header, b"1234"))
