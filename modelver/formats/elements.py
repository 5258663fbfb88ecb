"""What both weight formats share: element types by numpy's names, their sizes, and the limits."""

from collections.abc import Callable, Iterable, Mapping

ReadAt = Callable[[int, int], bytes]
"""Reads a file: (offset, length) -> exactly that many bytes, or fewer where the file ends."""

MAX_TENSORS = 2**17
"""Tensors in one file; the largest published files have some tens of thousands."""

_MAX_BITS = 2**64 - 1

BITS: Mapping[str, int] = {
    "int2": 2,
    "uint2": 2,
    "int4": 4,
    "uint4": 4,
    "float4_e2m1fn": 4,
    "float6_e2m3fn": 6,
    "float6_e3m2fn": 6,
    "bool": 8,
    "int8": 8,
    "uint8": 8,
    "float8_e4m3fn": 8,
    "float8_e4m3fnuz": 8,
    "float8_e5m2": 8,
    "float8_e5m2fnuz": 8,
    "float8_e8m0fnu": 8,
    "int16": 16,
    "uint16": 16,
    "float16": 16,
    "bfloat16": 16,
    "int32": 32,
    "uint32": 32,
    "float32": 32,
    "int64": 64,
    "uint64": 64,
    "float64": 64,
    "complex64": 64,
    "complex128": 128,
}
"""Bits of one element in a file, by the numpy or ml_dtypes name of its type."""


def tensor_bits(dtype: str, shape: Iterable[int]) -> int | None:
    """Return how many bits the elements of a shape take, or None where that does not fit into 64 bits.

    As in the reference implementation of safetensors, a product that overflows on the way counts as too large even
    where a later dimension is 0.
    """
    total = 1
    for dimension in shape:
        total *= dimension
        if total > _MAX_BITS:
            return None
    total *= BITS[dtype]
    return total if total <= _MAX_BITS else None


def bits_text(bits: int | None) -> str:
    """Return the outcome of `tensor_bits` for a message, in bytes where they are whole."""
    if bits is None:
        return "more than 2**61 bytes"
    return f"{bits} bits" if bits % 8 else f"{bits // 8} bytes"


def quoted(name: str) -> str:
    """Return a name from a file for a message: in quotes, escaped, and not longer than a line."""
    return repr(name if len(name) <= 80 else f"{name[:77]}...")  # noqa: PLR2004 (a line)
