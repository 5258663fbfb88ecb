"""Tensors of a safetensors file, from its header alone.

The format (https://github.com/huggingface/safetensors#format): the header's length in 8 bytes, little-endian; the
header, a JSON object of name -> {dtype, shape, data_offsets}; the values, back to back. The rules are those of the
reference implementation (`safetensors/src/tensor.rs`, 0.8): ordered by offset, the tensors cover the rest of the file
without holes or overlaps. Names that appear twice, which the reference merges, are refused here.
"""

import functools
import json
from collections import Counter
from collections.abc import Mapping

from modelver.errors import InvalidValue, LimitExceeded, SourceChanged
from modelver.formats.elements import MAX_TENSORS, ReadAt, bits_text, quoted, tensor_bits
from modelver.values.filemap import MAX_DIMENSIONS, Layout, Tensor

MAX_HEADER = 100_000_000
"""Bytes of a header, as in the reference implementation."""

_MAX_WIDE_HEADER = MAX_HEADER // 4
"""Bytes of a header with characters outside ASCII, which take up to four times as much memory."""

_MAX_PARTS = 2**21
"""Brackets, braces and commas of a header: counted first, since parsing them takes thirty times their size."""

_PREFIX = 8
_LARGEST = 2**64 - 1
_AGAIN = "Save or download the file again."

_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "F4": "float4_e2m1fn",
    "F6_E2M3": "float6_e2m3fn",
    "F6_E3M2": "float6_e3m2fn",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "C64": "complex64",
    "F64": "float64",
    "I64": "int64",
    "U64": "uint64",
}


def scan_safetensors(read_at: ReadAt, size: int, path: str) -> Layout:
    """Return the tensors of a safetensors file, in the order of their values.

    Args:
        read_at: Reads the file; only the header is asked for.
        size: Bytes of the file.
        path: The file's path, for messages.

    Raises:
        InvalidValue: The file breaks the format.
        LimitExceeded: The header is larger than the format, or this reader, allows.
        SourceChanged: The file became shorter than `size`.
    """
    start, text = _header(read_at, size, path)
    tensors = [_tensor(name, info, start, path) for name, info in _entries(text, path).items()]
    tensors.sort(key=lambda tensor: (tensor.offset, tensor.length))
    _check_cover(tensors, start, size, path)
    return Layout(format="safetensors", tensors=tuple(tensors))


def _header(read_at: ReadAt, size: int, path: str) -> tuple[int, str]:
    """Return where the values begin, and the header; what is too large is refused before it is read or decoded."""
    if size < _PREFIX:
        raise _truncated(path, f"at least {_PREFIX} bytes", f"{size}")
    length = int.from_bytes(_read(read_at, 0, _PREFIX, path), "little")
    if length > MAX_HEADER:
        raise LimitExceeded(
            "safetensors header is too large",
            where=path,
            expected=f"at most {MAX_HEADER} bytes",
            found=f"a length of {length}",
            hint=f"Is it a safetensors file? {_AGAIN}",
        )
    if _PREFIX + length > size:
        raise _truncated(path, f"a header of {length} bytes after the first {_PREFIX}", f"{size} in all")
    header = _read(read_at, _PREFIX, length, path)
    _check_work(header, path)
    try:
        return _PREFIX + length, header.decode()
    except UnicodeDecodeError as error:
        raise _malformed(path, "UTF-8", str(error)) from None


def _read(read_at: ReadAt, offset: int, length: int, path: str) -> bytes:
    data = read_at(offset, length)
    if len(data) != length:
        raise SourceChanged(
            "safetensors file became shorter while its header was read",
            where=path,
            expected=f"{length} bytes at {offset}",
            found=f"{len(data)}",
        )
    return data


def _truncated(path: str, expected: str, found: str) -> InvalidValue:
    return InvalidValue(
        "safetensors file is truncated", where=path, expected=expected, found=f"{found} bytes", hint=_AGAIN
    )


def _entries(text: str, path: str) -> dict[str, object]:
    """Parse the header's JSON into name -> what it says of the tensor."""
    try:
        parsed: object = json.loads(
            text,
            object_pairs_hook=functools.partial(_object, path),
            parse_constant=_refuse_constant,
            parse_int=_integer,
        )
    except RecursionError:
        raise LimitExceeded("safetensors header is nested too deeply", where=path, hint=_AGAIN) from None
    except InvalidValue:
        raise
    except ValueError as error:  # not JSON, or a number of thousands of digits
        raise _malformed(path, "JSON", str(error)) from None
    if not isinstance(parsed, dict):
        raise _malformed(path, "a JSON object", type(parsed).__name__)
    _check_metadata(parsed.pop("__metadata__", None), path)
    if len(parsed) > MAX_TENSORS:
        raise LimitExceeded(
            "safetensors file has too many tensors",
            where=path,
            expected=f"at most {MAX_TENSORS}",
            found=len(parsed),
        )
    return parsed


def _check_work(header: bytes, path: str) -> None:
    """Bound the memory and time of parsing before any is spent."""
    if len(header) > _MAX_WIDE_HEADER and not header.isascii():
        raise LimitExceeded(
            "safetensors header with characters outside ASCII is too large",
            where=path,
            expected=f"at most {_MAX_WIDE_HEADER} bytes",
            found=len(header),
        )
    parts = sum(map(header.count, (b"[", b"{", b",")))
    if parts > _MAX_PARTS:
        raise LimitExceeded(
            "safetensors header has too many parts",
            where=path,
            expected=f"at most {_MAX_PARTS} brackets and commas",
            found=parts,
        )


def _object(path: str, pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make a JSON object, whose keys must differ: readers disagree on which of two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise InvalidValue("safetensors header has a key twice", where=path, found=quoted(twice), hint=_AGAIN)
    return found


def _refuse_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")


def _integer(text: str) -> int | float:
    """Return a JSON integer; -0 is a float, as for the reference."""
    return -0.0 if text == "-0" else int(text)


def _malformed(path: str, expected: str, found: str) -> InvalidValue:
    return InvalidValue(
        "safetensors header is malformed", where=path, expected=expected, found=found, hint=_AGAIN
    )


def _check_metadata(metadata: object, path: str) -> None:
    """Refuse `__metadata__` that is not text by text, as the reference does."""
    if metadata is None:
        return
    texts = [*metadata, *metadata.values()] if isinstance(metadata, dict) else [None]
    if not all(isinstance(text, str) and _is_text(text) for text in texts):
        raise _malformed(path, "__metadata__ as an object of strings", "other values")


def _tensor(name: str, info: object, start: int, path: str) -> Tensor:
    """Return one tensor, its own entry checked; `start` is where the values begin in the file."""
    where = f"{path}, tensor {quoted(name)}"
    if not _is_text(name):
        raise InvalidValue("tensor name is not text", where=where, expected="no lone surrogates")
    if not isinstance(info, dict):
        raise InvalidValue(
            "tensor entry is malformed", where=where, expected="an object", found=type(info).__name__
        )
    dtype = _dtype(info.get("dtype"), where)
    shape = _numbers(info.get("shape"), "shape", where)
    if len(shape) > MAX_DIMENSIONS:
        raise LimitExceeded(
            "tensor has too many dimensions",
            where=where,
            expected=f"at most {MAX_DIMENSIONS}",
            found=len(shape),
        )
    offsets = _numbers(info.get("data_offsets"), "data_offsets", where)
    if len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004 (begin and end)
        raise InvalidValue(
            "tensor offsets are malformed",
            where=where,
            expected="[begin, end], begin <= end",
            found=list(offsets[:8]),
        )
    begin, end = offsets
    bits = tensor_bits(dtype, shape)
    if bits != (end - begin) * 8:
        raise InvalidValue(
            "tensor shape and offsets disagree",
            where=where,
            expected=f"{bits_text(bits)} for {dtype} {list(shape[:8])}",
            found=f"{end - begin} bytes",
            hint=_AGAIN,
        )
    return Tensor(name=name, dtype=dtype, shape=shape, offset=start + begin, length=end - begin)


def _is_text(name: str) -> bool:
    """Say whether a name can be encoded; JSON's escapes can spell halves of a character."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _dtype(code: object, where: str) -> str:
    known = _DTYPES.get(code) if isinstance(code, str) else None
    if known is None:
        raise InvalidValue(
            "tensor has an unknown element type",
            where=where,
            expected=f"one of {', '.join(_DTYPES)}",
            found=quoted(str(code)),
            hint="A newer modelver may know it.",
        )
    return known


def _numbers(value: object, key: str, where: str) -> tuple[int, ...]:
    """Return a JSON list of non-negative 64-bit integers."""
    # bool is an int to isinstance, not to the format
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item <= _LARGEST for item in value):
        raise InvalidValue(
            f"tensor {key} is malformed",
            where=where,
            expected="a list of integers from 0 to 2**64 - 1",
            found=quoted(str(value)) if isinstance(value, int | float | str) else type(value).__name__,
        )
    return tuple(value)


def _check_cover(tensors: list[Tensor], start: int, size: int, path: str) -> None:
    """Refuse holes, overlaps and a file that ends before or after its tensors."""
    expected = start
    for tensor in tensors:
        if tensor.offset != expected:
            raise InvalidValue(
                f"safetensors values {'overlap' if tensor.offset < expected else 'leave a hole'}",
                where=f"{path}, tensor {quoted(tensor.name)}",
                expected=f"data_offsets from {expected - start}",
                found=f"{tensor.offset - start}",
                hint=_AGAIN,
            )
        expected += tensor.length
    if expected > size:
        raise _truncated(path, f"{expected} bytes", f"{size}")
    if expected < size:
        raise InvalidValue(
            "safetensors file is longer than its tensors",
            where=path,
            expected=f"{expected} bytes",
            found=f"{size}",
            hint=_AGAIN,
        )
