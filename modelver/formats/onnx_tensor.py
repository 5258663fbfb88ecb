"""One TensorProto -> a `Tensor`: its element type, its shape, and where its values are.

Sources: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers, which typed field holds which element
type) and docs/ExternalData.md there. As in onnx's checker, exactly one field holds the values.
"""

import posixpath
import re
from collections.abc import Mapping

from modelver.errors import InvalidValue, LimitExceeded, UnsafePath
from modelver.formats.elements import BITS, bits_text, quoted, tensor_bits
from modelver.formats.protobuf import BYTES, FIXED32, FIXED64, MAX_VARINT, VARINT, Message, Wanted, WireReader
from modelver.values.filemap import MAX_DIMENSIONS, Tensor
from modelver.values.path import version_path

_DIMS, _DATA_TYPE, _SEGMENT, _FLOATS, _INT32S, _STRINGS, _INT64S, _NAME = range(1, 9)
_RAW, _DOUBLES, _UINT64S, _EXTERNAL, _LOCATION = 9, 10, 11, 13, 14

_STRING = "string"
_TYPES: Mapping[int, tuple[str, int]] = {
    1: ("float32", _FLOATS),
    2: ("uint8", _INT32S),
    3: ("int8", _INT32S),
    4: ("uint16", _INT32S),
    5: ("int16", _INT32S),
    6: ("int32", _INT32S),
    7: ("int64", _INT64S),
    8: (_STRING, _STRINGS),
    9: ("bool", _INT32S),
    10: ("float16", _INT32S),
    11: ("float64", _DOUBLES),
    12: ("uint32", _UINT64S),
    13: ("uint64", _UINT64S),
    14: ("complex64", _FLOATS),
    15: ("complex128", _DOUBLES),
    16: ("bfloat16", _INT32S),
    17: ("float8_e4m3fn", _INT32S),
    18: ("float8_e4m3fnuz", _INT32S),
    19: ("float8_e5m2", _INT32S),
    20: ("float8_e5m2fnuz", _INT32S),
    21: ("uint4", _INT32S),
    22: ("int4", _INT32S),
    23: ("float4_e2m1fn", _INT32S),
    24: ("float8_e8m0fnu", _INT32S),
    25: ("uint2", _INT32S),
    26: ("int2", _INT32S),
    27: ("float6_e2m3fn", _INT32S),
    28: ("float6_e3m2fn", _INT32S),
}
"""TensorProto.DataType: numpy's name, and the typed field that holds such values."""


def element_type(number: int) -> str:
    """Return numpy's name of an element type; empty where the number stands for none."""
    return _TYPES.get(number, ("", 0))[0]


_VARINTS = (_INT32S, _INT64S, _UINT64S)
_VALUES = (_FLOATS, _INT32S, _INT64S, _RAW, _DOUBLES, _UINT64S)
_WANTED: Wanted = {
    _DIMS: frozenset({VARINT, BYTES}),
    _DATA_TYPE: frozenset({VARINT}),
    _SEGMENT: frozenset({BYTES}),
    _FLOATS: frozenset({FIXED32, BYTES}),
    _INT32S: frozenset({VARINT, BYTES}),
    _INT64S: frozenset({VARINT, BYTES}),
    _NAME: frozenset({BYTES}),
    _RAW: frozenset({BYTES}),
    _DOUBLES: frozenset({FIXED64, BYTES}),
    _UINT64S: frozenset({VARINT, BYTES}),
    _EXTERNAL: frozenset({BYTES}),
    _LOCATION: frozenset({VARINT}),
}
_ENTRY: Wanted = {1: frozenset({BYTES}), 2: frozenset({BYTES})}

_OUTSIDE = 1
_SIGN = 2**63
_DECIMAL = re.compile(r"[0-9]{1,18}")
_CHECK = "Check the model with onnx.checker.check_model."


def tensor_message(reader: WireReader, start: int, end: int) -> Message:
    """Return the TensorProto between two bytes of the file, its values unread."""
    return reader.message(start, end, _WANTED)


def tensor_name(message: Message) -> str:
    """Return the name that a TensorProto gives itself; empty where it gives none."""
    return message.text(_NAME)


def read_tensor(message: Message, name: str) -> Tensor:
    """Return the tensor that a TensorProto describes, under the name that it has in the file.

    Its range is that of the raw values, of one packed typed field, or of values in another file. For values spread over
    several fields, and for text, it is the whole message. A tensor without elements has a range of length 0.

    Raises:
        InvalidValue: The message breaks the format, or its values do not fit its shape.
        LimitExceeded: The shape has too many dimensions.
        UnsafePath: The values are in a file outside of the model's folder.
    """
    where = f"{message.reader.path}, tensor {quoted(name)}"
    if message.one(_SEGMENT):
        raise InvalidValue("ONNX tensor is a segment of another", where=where, hint="Save the tensor whole.")
    code, location = message.number(_DATA_TYPE), message.number(_LOCATION)
    if code not in _TYPES:
        raise InvalidValue(
            "ONNX tensor has an unknown element type",
            where=where,
            expected=f"a TensorProto.DataType from 1 to {max(_TYPES)}",
            found=code,
            hint="A newer modelver may know it.",
        )
    if location > _OUTSIDE:
        raise InvalidValue(
            "ONNX tensor has an unknown data location", where=where, expected="0 or 1", found=location
        )
    dtype, typed = _TYPES[code]
    shape = _shape(message, where)
    if location == _OUTSIDE:
        return _outside(message, name, dtype, shape, where)
    start, end = _inside(message, dtype, shape, typed, where)
    return Tensor(name=name, dtype=dtype, shape=shape, offset=start, length=end - start)


def _shape(message: Message, where: str) -> tuple[int, ...]:
    shape: list[int] = []
    for field in message.all(_DIMS):
        shape += message.reader.varints(field)
        if len(shape) > MAX_DIMENSIONS:
            raise LimitExceeded(
                "ONNX tensor has too many dimensions", where=where, expected=f"at most {MAX_DIMENSIONS}"
            )
    for dimension in shape:
        if dimension >= _SIGN:
            raise InvalidValue(
                "ONNX tensor has a negative dimension", where=where, found=dimension - 2 * _SIGN, hint=_CHECK
            )
    return tuple(shape)


def _inside(message: Message, dtype: str, shape: tuple[int, ...], typed: int, where: str) -> tuple[int, int]:
    """Return the first byte of the values in this file, and the byte after them."""
    present = [number for number in _VALUES if message.all(number)]
    _check_fields(present, () if dtype == _STRING else (_RAW, typed), where)
    if dtype == _STRING:
        return message.start, message.end
    bits = _bits(dtype, shape, where)
    raw = message.one(_RAW)
    fields = [raw] if raw else message.all(typed)
    if not fields:
        if bits:
            raise _disagree(dtype, shape, where, bits, "none")
        return message.start, message.start
    if len(fields) > 1 or fields[0].kind != BYTES:
        return message.start, message.end
    start, end = fields[0].start, fields[0].end
    least, most = _lengths(dtype, bits, present[0])
    if not least <= end - start <= most:
        raise _disagree(dtype, shape, where, bits, f"{end - start} bytes")
    return start, end


def _check_fields(present: list[int], allowed: tuple[int, ...], where: str) -> None:
    """Refuse values in the wrong field, or in two."""
    if len(present) > 1 or not set(present) <= set(allowed):
        raise InvalidValue(
            "ONNX tensor has its values in the wrong field",
            where=where,
            expected=f"one of the TensorProto fields {list(allowed)}" if allowed else "no numbers",
            found=present,
            hint=_CHECK,
        )


def _bits(dtype: str, shape: tuple[int, ...], where: str) -> int:
    bits = tensor_bits(dtype, shape)
    if bits is None:
        raise InvalidValue(
            "ONNX tensor is too large",
            where=where,
            expected="at most 2**61 bytes",
            found=f"{dtype} {list(shape)}",
        )
    return bits


def _lengths(dtype: str, bits: int, field: int) -> tuple[int, int]:
    """Return the least and the most bytes that values take in a raw or packed field."""
    octets = -(-bits // 8)
    if field not in _VARINTS:
        return octets, octets
    # of elements smaller than a byte, those of 2 and 4 bits share a number
    numbers = octets if BITS[dtype] in {2, 4} else bits // BITS[dtype]
    return numbers, numbers * MAX_VARINT


def _disagree(dtype: str, shape: tuple[int, ...], where: str, bits: int, found: str) -> InvalidValue:
    return InvalidValue(
        "ONNX tensor's values do not fit its shape",
        where=where,
        expected=f"{bits_text(bits)} for {dtype} {list(shape)}",
        found=found,
        hint=_CHECK,
    )


def _outside(message: Message, name: str, dtype: str, shape: tuple[int, ...], where: str) -> Tensor:
    """Return a tensor whose values are in another file of the version (ONNX external data)."""
    _check_fields([number for number in _VALUES if message.all(number)], (), where)
    if dtype == _STRING:
        raise InvalidValue("ONNX text tensor has external data", where=where, hint=_CHECK)
    entries = _entries(message, where)
    bits = _bits(dtype, shape, where)
    length = -(-bits // 8)
    stated = _decimal(entries.get("length"), length, where)
    if stated != length:
        raise _disagree(dtype, shape, where, bits, f"an external length of {stated} bytes")
    return Tensor(
        name=name,
        dtype=dtype,
        shape=shape,
        offset=_decimal(entries.get("offset"), 0, where),
        length=length,
        file=external_path(entries.get("location", ""), message.reader.path, where),
    )


def _entries(message: Message, where: str) -> dict[str, str]:
    """Return the key-value pairs of external_data; unknown keys are the runtimes' own."""
    entries: dict[str, str] = {}
    for field in message.all(_EXTERNAL):
        pair = message.reader.message(field.start, field.end, _ENTRY)
        key = pair.text(1)
        if key in entries:
            raise InvalidValue(
                "ONNX external data has a key twice", where=where, found=quoted(key), hint=_CHECK
            )
        entries[key] = pair.text(2)
    return entries


def _decimal(text: str | None, default: int, where: str) -> int:
    if text is None:
        return default
    if not _DECIMAL.fullmatch(text):
        raise InvalidValue(
            "ONNX external data has a malformed number",
            where=where,
            expected="1 to 18 decimal digits",
            found=quoted(text),
            hint=_CHECK,
        )
    return int(text)


def external_path(location: str, path: str, where: str) -> str:
    """Return the path in the version of a file that external data names.

    Args:
        location: As external_data says: relative to the model's folder.
        path: The model's path in the version.
        where: For messages.

    Raises:
        UnsafePath: The location is no path of a version, is the model itself, or leaves the model's folder.
    """
    folder = posixpath.dirname(path)
    try:
        if not location.startswith("/") and ".." not in location.split("/"):
            found = version_path(posixpath.normpath(posixpath.join(folder, location)))
            if found not in {path, folder}:
                return found
    except InvalidValue:
        pass  # told below, with the tensor's name
    raise UnsafePath(
        "ONNX external data names an unsafe path",
        where=where,
        expected="another file in or below the model's folder, with / between folders",
        found=quoted(location),
        hint="Save the model again with a plain file name as the location.",
    )
