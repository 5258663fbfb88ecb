"""The protobuf wire format, as far as a few fields of a large file ask for it.

Source: https://protobuf.dev/programming-guides/encoding. Payloads are skipped by their length, not read. What a
protobuf library would merge or drop in silence (a single field that appears twice, a field of another wire type) is
refused, so that nothing is seen here which a runtime sees otherwise.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modelver.errors import InvalidValue, LimitExceeded, SourceChanged
from modelver.formats.elements import ReadAt

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5

MAX_FIELDS = 1_000_000
"""Fields and messages walked through in one file: a graph of 80,000 nodes has about a million."""

MAX_REPEATS = 10_000
"""Fields of one number that are kept of one message."""

MAX_TEXT = 65_536
"""Bytes of one name or path."""

MAX_NUMBER = 2**29 - 1
"""The largest field number."""

MAX_VARINT = 10
"""Bytes of the longest varint."""

_SMALL_READ = 512
_LARGE_READ = 65_536
_AGAIN = "Is it an ONNX file? Save or download it again."


Wanted = Mapping[int, frozenset[int]]
"""Field numbers, and the wire types that each may have."""


class Field(NamedTuple):
    """One field of a message: a tuple, since a large graph has a million.

    Attributes:
        number: The field's number in its message.
        kind: Its wire type: `VARINT`, `FIXED64`, `BYTES` or `FIXED32`.
        start: First byte of its payload, counted from the file's start.
        end: The byte after its payload.
        value: The value of a varint, unsigned; else 0.
    """

    number: int
    kind: int
    start: int
    end: int
    value: int


class WireReader:
    """Walks through messages of one file, with few and small reads.

    After a jump it reads little, so that skipped payloads stay unread; reading on, it doubles what it reads.

    Args:
        read_at: Reads the file.
        size: Bytes of the file.
        path: The file's path, for messages.
    """

    def __init__(self, read_at: ReadAt, size: int, path: str) -> None:
        self.path = path
        self.size = size
        self._read_at = read_at
        self._buffer = b""
        self._base = 0
        self._chunk = _SMALL_READ
        self._walked = 0

    def fields(
        self, start: int, end: int, wanted: Wanted, runs: re.Pattern[bytes] | None = None
    ) -> Iterator[Field]:
        """Yield the wanted fields of the message between two bytes of the file.

        Args:
            start: Its first byte.
            end: The byte after it.
            wanted: The wire types allowed for each wanted field number.
            runs: Matches whole unwanted fields, one after another, that are passed over at the speed of a search.

        Raises:
            InvalidValue: The bytes are no protobuf message, or a wanted field has another wire type.
            LimitExceeded: The file has more fields than `MAX_FIELDS`.
        """
        position = start
        while position < end:
            if runs is not None and (after := self._pass_over(runs, position, end)) > position:
                position = after
                continue
            self._walk()
            field = self._field(position, end)
            position = field.end
            if (kinds := wanted.get(field.number)) is None:
                continue
            if field.kind not in kinds:
                raise self.damaged(
                    field.start, f"field {field.number} of wire type {sorted(kinds)}", f"{field.kind}"
                )
            yield field

    def message(
        self, start: int, end: int, wanted: Wanted, runs: re.Pattern[bytes] | None = None
    ) -> "Message":
        """Return the wanted fields of a message together; arguments and errors are those of `fields`.

        Raises:
            LimitExceeded: A wanted field appears more than `MAX_REPEATS` times.
        """
        self._walk()
        found: dict[int, list[Field]] = {}
        for field in self.fields(start, end, wanted, runs):
            kept = found.setdefault(field.number, [])
            kept.append(field)
            if len(kept) > MAX_REPEATS:
                raise LimitExceeded(
                    "model file repeats a field too often",
                    where=f"{self.path}, byte {field.start}",
                    expected=f"field {field.number} at most {MAX_REPEATS} times",
                )
        return Message(self, start, end, found)

    def text(self, field: Field) -> str:
        """Return a field's payload as text.

        Raises:
            InvalidValue: It is not UTF-8.
            LimitExceeded: It is longer than `MAX_TEXT` bytes.
        """
        try:
            return self._small(field).decode()
        except UnicodeDecodeError:
            raise self.damaged(field.start, "text in UTF-8", "other bytes") from None

    def varints(self, field: Field) -> list[int]:
        """Return the integers of one field: a varint, or many packed into one payload."""
        if field.kind == VARINT:
            return [field.value]
        self._check_small(field)
        position, values = field.start, []
        while position < field.end:
            value, position = self._varint(position, field.end)
            values.append(value)
        return values

    def damaged(self, position: int, expected: str, found: str) -> InvalidValue:
        """Return the error for bytes that are no protobuf message."""
        return InvalidValue(
            "model file is truncated or damaged",
            where=f"{self.path}, byte {position}",
            expected=expected,
            found=found,
            hint=_AGAIN,
        )

    def _walk(self) -> None:
        """Count one field or message."""
        self._walked += 1
        if self._walked > MAX_FIELDS:
            raise LimitExceeded(
                "model file has too many fields", where=self.path, expected=f"at most {MAX_FIELDS}"
            )

    def _field(self, position: int, end: int) -> Field:
        """Return the field at a position of a message that ends at `end`."""
        tag, after = self._varint(position, end)
        number, kind = tag >> 3, tag & 7
        value = 0
        if kind == VARINT:
            value, stop = self._varint(after, end)
        elif kind == BYTES:
            length, after = self._varint(after, end)
            stop = after + length
        elif kind in {FIXED32, FIXED64}:
            stop = after + (4 if kind == FIXED32 else 8)
        else:
            raise self.damaged(position, "wire type 0, 1, 2 or 5", f"{kind}")
        if not 0 < number <= MAX_NUMBER:
            raise self.damaged(position, f"a field number from 1 to {MAX_NUMBER}", f"{number}")
        if stop > end:
            raise self.damaged(position, f"field {number} to end by byte {end}", f"byte {stop}")
        return Field(number, kind, after, stop, value)

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        """Return a varint and the position after it."""
        index = position - self._base
        if not 0 <= index <= len(self._buffer) - MAX_VARINT:
            index = self._fill(position)
        if position < end and (byte := self._buffer[index]) < 128:  # noqa: PLR2004 (the top bit says that more follow)
            return byte, position + 1
        value = 0
        for length, byte in enumerate(self._buffer[index : index + min(MAX_VARINT, end - position)]):
            value |= (byte & 127) << (7 * length)
            if byte < 128 and value < 2**64:  # noqa: PLR2004
                return value, position + length + 1
        raise self.damaged(position, "a varint of 64 bits", "more bits, or the end")

    def _fill(self, position: int) -> int:
        """Bring the bytes from `position` into the buffer, as many as there are, and return their index there."""
        end = self._base + len(self._buffer)
        if self._base <= position and end == self.size:
            return position - self._base
        if self._base <= position <= end:
            self._chunk = min(self._chunk * 2, _LARGE_READ)
        else:
            self._chunk = _SMALL_READ
        self._buffer = self._read(position, min(self._chunk, self.size - position))
        self._base = position
        return 0

    def _read(self, position: int, length: int) -> bytes:
        data = self._read_at(position, length)
        if len(data) != length:
            raise SourceChanged(
                "model file became shorter while it was read",
                where=self.path,
                expected=f"{length} bytes at {position}",
                found=f"{len(data)}",
            )
        return data

    def _pass_over(self, runs: re.Pattern[bytes], position: int, end: int) -> int:
        """Return the position after the whole fields that `runs` matches, as far as the buffer goes."""
        index = position - self._base
        if not 0 <= index <= len(self._buffer) - MAX_VARINT:
            index = self._fill(position)
        found = runs.match(self._buffer, index, min(len(self._buffer), end - self._base))
        return self._base + found.end() if found else position

    def _small(self, field: Field) -> bytes:
        self._check_small(field)
        index = field.start - self._base
        if index >= 0 and field.end - self._base <= len(self._buffer):
            return self._buffer[index : field.end - self._base]
        return self._read(field.start, field.end - field.start)

    def _check_small(self, field: Field) -> None:
        if field.end - field.start > MAX_TEXT:
            raise LimitExceeded(
                "name in a model file is too long",
                where=f"{self.path}, byte {field.start}",
                expected=f"at most {MAX_TEXT} bytes",
                found=field.end - field.start,
            )


class Message:
    """The wanted fields of one message.

    Args:
        reader: The file's reader.
        start: The message's first byte in the file.
        end: The byte after it.
        found: Its fields by number.
    """

    def __init__(self, reader: WireReader, start: int, end: int, found: Mapping[int, list[Field]]) -> None:
        self.reader = reader
        self.start = start
        self.end = end
        self._found = found

    def all(self, number: int) -> list[Field]:
        """Return every field of a number, in the file's order."""
        return self._found.get(number, [])

    def one(self, number: int) -> Field | None:
        """Return the only field of a number, or None.

        Raises:
            InvalidValue: There are several.
        """
        fields = self.all(number)
        if len(fields) > 1:
            raise self.reader.damaged(fields[1].start, f"field {number} once", f"{len(fields)} times")
        return fields[0] if fields else None

    def text(self, number: int) -> str:
        """Return a text field; empty where it is absent."""
        field = self.one(number)
        return self.reader.text(field) if field else ""

    def number(self, number: int) -> int:
        """Return a varint field's value; 0 where it is absent."""
        field = self.one(number)
        return field.value if field else 0
