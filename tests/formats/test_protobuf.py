"""The wire format's walker: every field is found, across reads of any size, and payloads stay unread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidValue, LimitExceeded
from modelver.formats.protobuf import (
    BYTES,
    FIXED32,
    FIXED64,
    MAX_REPEATS,
    MAX_TEXT,
    VARINT,
    Field,
    WireReader,
)
from tests.formats.onnx_reference import varint
from tests.formats.support import CountedFile

ANY = frozenset({VARINT, FIXED64, BYTES, FIXED32})


def walk(file: CountedFile, *numbers: int) -> list[Field]:
    """Return the fields with these numbers of a file that is one message."""
    return list(
        WireReader(file.read_at, file.size, "model.onnx").fields(0, file.size, dict.fromkeys(numbers, ANY))
    )


def encoded(number: int, value: int | bytes) -> bytes:
    """Return a field: an integer as a varint; 4 and 8 bytes as they are; other bytes after their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if len(value) in {4, 8}:
        return varint(number << 3 | (FIXED32 if len(value) == 4 else FIXED64)) + value
    return varint(number << 3 | BYTES) + varint(len(value)) + value


VALUES = st.integers(0, 2**64 - 1) | st.binary(max_size=12) | st.integers(100, 3000).map(bytes)


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), VALUES), max_size=60))
def test_every_field_is_found_with_its_payload(fields: list[tuple[int, int | bytes]]) -> None:
    """Numbers, kinds, values and ranges come back, wherever a read ends."""
    file = CountedFile(b"".join(encoded(*field) for field in fields))
    found = walk(file, *(number for number, _ in fields))
    assert [field.number for field in found] == [number for number, _ in fields]
    for field, (_, value) in zip(found, fields, strict=True):
        if isinstance(value, int):
            assert (field.kind, field.value) == (VARINT, value)
        else:
            assert file.data[field.start : field.end] == value


def test_reading_on_needs_few_reads() -> None:
    """A hundred thousand small fields take reads that double, not one for each field."""
    file = CountedFile(encoded(1, 7) * 100_000)
    assert len(walk(file, 1)) == 100_000
    assert file.reads < 20
    assert file.bytes_read < 1.01 * file.size


def test_jumping_over_payloads_reads_little() -> None:
    """After each skipped payload the next read is small."""
    file = CountedFile(encoded(1, bytes(100_000)) * 50)
    assert len(walk(file, 1)) == 50
    assert file.bytes_read <= 51 * 512


def test_unwanted_fields_may_have_any_wire_type() -> None:
    """Only what is asked for is checked; the rest is other people's."""
    data = encoded(1, 7) + encoded(2, b"text!")
    reader = WireReader(CountedFile(data).read_at, len(data), "model.onnx")
    assert reader.message(0, len(data), {2: frozenset({BYTES})}).text(2) == "text!"
    with pytest.raises(InvalidValue, match=r"field 1 of wire type \[2\], found 0"):
        reader.message(0, len(data), {1: frozenset({BYTES})})


def test_absent_fields_have_protobufs_defaults() -> None:
    """Text is empty, numbers are 0, and there is no field."""
    message = WireReader(CountedFile(b"").read_at, 0, "model.onnx").message(0, 0, {})
    assert (message.text(1), message.number(2), message.one(3), message.all(4)) == ("", 0, None, [])


def test_the_limits_themselves_are_allowed() -> None:
    """As many repeats, and as long a text, as the limits say; one more is refused."""
    wanted = {1: ANY}
    for count, text in ((MAX_REPEATS, MAX_TEXT), (MAX_REPEATS + 1, MAX_TEXT + 1)):
        repeats = encoded(1, 0) * count
        name = encoded(1, b"n" * text)
        first = WireReader(CountedFile(repeats).read_at, len(repeats), "model.onnx")
        second = WireReader(CountedFile(name).read_at, len(name), "model.onnx")
        if count == MAX_REPEATS:
            assert len(first.message(0, len(repeats), wanted).all(1)) == count
            assert len(second.message(0, len(name), wanted).text(1)) == text
        else:
            with pytest.raises(LimitExceeded, match="too often"):
                first.message(0, len(repeats), wanted)
            with pytest.raises(LimitExceeded, match="too long"):
                second.message(0, len(name), wanted).text(1)
