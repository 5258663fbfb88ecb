"""Where each object of a ZIP archive lies, told strictly: one kind of archive is read, and every other one refused.

The names in the comments are those of PKWARE's APPNOTE.TXT, version 6.3.10. zipfile of the standard library reads far
more, and believes more; what it writes with `ZIP_STORED` to a file is of this kind.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import attrs

from modelver.errors import IntegrityError, InvalidValue, LimitExceeded
from modelver.storage.failures import failing_as
from modelver.storage.files import read_at
from modelver.storage.keys import checked_key

MAX_ENTRIES = 2_000_000
"""Objects that a bundle may have."""

MAX_DIRECTORY = 256 * 2**20
"""Bytes that the list of a bundle's objects may have."""

_LOCAL = struct.Struct("<I5H3I2H")  # local file header
_CENTRAL = struct.Struct("<I6H3I5H2I")  # central directory header
_END = struct.Struct("<I4H2IH")  # end of central directory record
_END64 = struct.Struct("<IQ2H2I4Q")  # zip64 end of central directory record
_LOCATOR = struct.Struct("<2IQI")  # zip64 end of central directory locator
_IS_LOCAL, _IS_CENTRAL, _IS_END64, _IS_LOCATOR = 0x04034B50, 0x02014B50, 0x06064B50, 0x07064B50
_UTF8 = 0x800  # general purpose bit 11: what is ASCII anyway
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
_ZIP64 = 1  # header id of the zip64 extended information extra field
_LONGEST_COMMENT = 0xFFFF


@attrs.frozen
class Place:
    """Where an object's bytes are in the file.

    Attributes:
        offset: The first one.
        size: How many.
    """

    offset: int
    size: int


@attrs.frozen
class _Listed:
    """An entry of the central directory."""

    key: str
    header: int
    size: int


def zip_entries(file: int, path: Path) -> dict[str, Place]:
    """Return where each object of an archive is.

    Refused are: compressed, encrypted and streamed entries; names that are no keys of a store, or that are there twice;
    sizes that differ between the two lists of an archive; entries that overlap, or reach into the directory; and more
    of either than the limits above. What follows the archive in the file is ignored.

    Args:
        file: A descriptor of the archive.
        path: What to call it in messages.

    Raises:
        InvalidValue: It is no ZIP archive.
        UnsafePath: A name is no key.
        LimitExceeded: It has too many entries.
        IntegrityError: It contradicts itself, or is of another kind.
    """
    with failing_as("could not read a bundle", path):
        archive = _Archive(file, path)
        return archive.places()


class _Archive:
    def __init__(self, file: int, path: Path) -> None:
        self._file = file
        self._path = path
        self._size = os.fstat(file).st_size

    def places(self) -> dict[str, Place]:
        """Return where each object is; no two overlap."""
        start, length, count = self._directory()
        listed = sorted(self._listed(self._at(start, length), count), key=lambda each: each.header)
        found: dict[str, Place] = {}
        free = 0
        for each in listed:
            if each.header < free:
                raise self._wrong("entries overlap", each.key)
            place = self._place(each)
            free = place.offset + place.size
            if free > start:
                raise self._wrong("an entry reaches beyond its place", each.key)
            if each.key in found:
                raise self._wrong("two entries have one name", each.key)
            found[each.key] = place
        return found

    def _directory(self) -> tuple[int, int, int]:
        """Return offset, length and number of entries of the central directory."""
        end, record = self._end()
        _, disk, first_disk, here, count, length, start, _ = record
        if _FULL16 in {here, count} or _FULL32 in {length, start}:
            disk, first_disk, here, count, length, start, end = self._end64(end)
        if disk or first_disk or here != count:
            raise self._wrong("a part of an archive of several files")
        if count > MAX_ENTRIES or length > MAX_DIRECTORY:
            raise LimitExceeded(
                "a bundle has too many objects",
                where=self._path,
                expected=f"at most {MAX_ENTRIES:,}",
                found=f"{count:,} in a list of {length:,} bytes",
            )
        if start + length != end:
            raise self._wrong("the list of the objects is not where it should be")
        return start, length, count

    def _end(self) -> tuple[int, tuple[int, ...]]:
        """Return offset and fields of the end record: the last one that fits, which a comment or other bytes may follow."""
        first = max(0, self._size - _END.size - _LONGEST_COMMENT)
        tail = self._at(first, self._size - first)
        found = tail.rfind(b"PK\x05\x06")
        while found >= 0:
            if found + _END.size <= len(tail):
                return first + found, _END.unpack_from(tail, found)
            found = tail.rfind(b"PK\x05\x06", 0, found)
        raise InvalidValue(
            "not a bundle",
            where=self._path,
            expected="a ZIP archive that `modelver export` made",
            found="something else, or one that was cut off",
        )

    def _end64(self, end: int) -> tuple[int, int, int, int, int, int, int]:
        locator = end - _LOCATOR.size
        signature, _, offset, disks = self._unpack(_LOCATOR, locator)
        if signature != _IS_LOCATOR or disks > 1 or offset + _END64.size != locator:
            raise self._wrong("the record of a large archive is not where it should be")
        fields = self._unpack(_END64, offset)
        if fields[0] != _IS_END64:
            raise self._wrong("the record of a large archive is another one")
        _, _, _, _, disk, first_disk, here, count, length, start = fields
        return disk, first_disk, here, count, length, start, offset

    def _listed(self, directory: bytes, count: int) -> Iterator[_Listed]:
        """Yield the entries of the central directory, which has so many and nothing else."""
        position = 0
        for _ in range(count):
            if position + _CENTRAL.size > len(directory):
                raise self._wrong("the list of the objects is too short")
            fields = _CENTRAL.unpack_from(directory, position)
            name, extra, comment = fields[10:13]
            begin = position + _CENTRAL.size
            position = begin + name + extra + comment
            if fields[0] != _IS_CENTRAL or position > len(directory):
                raise self._wrong("the list of the objects is malformed")
            key = self._key(directory[begin : begin + name])
            yield self._entry(key, fields, directory[begin + name : begin + name + extra])
        if position != len(directory):
            raise self._wrong("the list of the objects is too long")

    def _entry(self, key: str, fields: tuple[int, ...], extra: bytes) -> _Listed:
        flags, method = fields[3:5]
        packed, size = fields[8:10]
        disk, header = fields[13], fields[16]
        if flags & ~_UTF8 or method:
            raise self._wrong("an entry is compressed, encrypted or streamed", key)
        if disk:
            raise self._wrong("a part of an archive of several files", key)
        if _FULL32 in {packed, size, header}:
            size, packed, header = self._large(key, extra, size, packed, header)
        if packed != size:
            raise self._wrong("an entry has two sizes", key)
        return _Listed(key, header, size)

    def _large(self, key: str, extra: bytes, *small: int) -> Iterator[int]:
        """Yield the fields, those that did not fit from the extra field: in this order, and only those."""
        data = _extra64(extra)
        for value in small:
            if value != _FULL32:
                yield value
                continue
            if len(data) < 8:  # noqa: PLR2004 (bytes of a field)
                raise self._wrong("a large entry lacks its size", key)
            yield int.from_bytes(data[:8], "little")
            data = data[8:]

    def _place(self, listed: _Listed) -> Place:
        """Return where an entry's bytes are; what stands before them must say what the directory says."""
        fields = self._unpack(_LOCAL, listed.header)
        flags, method = fields[2:4]
        packed, size, name, extra = fields[7:11]
        if fields[0] != _IS_LOCAL or flags & ~_UTF8 or method:
            raise self._wrong("an entry does not begin as it should", listed.key)
        begin = listed.header + _LOCAL.size
        words = self._at(begin, name + extra)
        if _FULL32 in {packed, size}:
            size, packed = self._large(listed.key, words[name:], size, packed)
        if words[:name] != listed.key.encode() or {packed, size} != {listed.size}:
            raise self._wrong("an entry has two names or sizes", listed.key)
        return Place(begin + name + extra, size)

    def _key(self, name: bytes) -> str:
        try:
            return checked_key(name.decode("ascii"))
        except UnicodeDecodeError:
            return checked_key(repr(name))

    def _unpack(self, what: struct.Struct, offset: int) -> tuple[int, ...]:
        return what.unpack(self._at(offset, what.size))

    def _at(self, offset: int, length: int) -> bytes:
        """Return bytes of the file."""
        if offset < 0 or length < 0 or offset + length > self._size:
            raise self._wrong("it ends too early")
        data = read_at(self._file, offset, length)
        if len(data) < length:
            raise self._wrong("it ends too early")
        return data

    def _wrong(self, what: str, key: str = "") -> IntegrityError:
        return IntegrityError(
            f"a bundle is damaged, or not of our making: {what}",
            where=f"{self._path}!{key}" if key else self._path,
            hint="Nothing was taken from it. Copy it again, or export it again.",
        )


def _extra64(extra: bytes) -> bytes:
    """Return the zip64 field among extra fields, or nothing."""
    while len(extra) >= 4:  # noqa: PLR2004 (bytes of a field's head)
        kind, length = struct.unpack_from("<2H", extra)
        if kind == _ZIP64:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""
