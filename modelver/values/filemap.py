"""What is known of a file's inside: its ranges, their fingerprints, and its tensors."""

from math import prod

import attrs

from modelver.values.making import Port

MAX_RANGE = 64 * 2**20
"""The longest range in bytes: larger tensors, and files without tensors, are cut here (docs/format.md)."""

MAX_DIMENSIONS = 64
"""The most dimensions that a tensor may have; numpy allows as many."""


@attrs.frozen
class Range:
    """Consecutive bytes of a file and their XXH3-128 fingerprint.

    A fingerprint finds accidental damage and unchanged tensors; it is never an identity.

    Attributes:
        offset: First byte, counted from the file's start.
        length: Number of bytes.
        xxh3: The XXH3-128 of the bytes, seed 0, in 32 hexadecimal digits, big-endian as `xxhsum -H2` prints it.
    """

    offset: int
    length: int
    xxh3: str


@attrs.frozen
class Tensor:
    """A tensor inside a weight file, found without reading its values.

    Attributes:
        name: Its name in the file, unique within it.
        dtype: numpy's (or ml_dtypes') name of the element type, such as ``float32``, ``bfloat16`` or ``int64``.
        shape: Its dimensions; ``()`` is a scalar.
        offset: First byte of its values in the file that holds them.
        length: Number of bytes of its values.
        file: Path in the version of the file that holds the values, where that is another one (ONNX external data).
    """

    name: str
    dtype: str
    shape: tuple[int, ...] = attrs.field(validator=attrs.validators.max_len(MAX_DIMENSIONS))
    offset: int
    length: int
    file: str = ""

    @property
    def elements(self) -> int:
        """The number of elements; 1 for a scalar."""
        return prod(self.shape)


@attrs.frozen
class Layout:
    """The inside of a weight file as its header tells it.

    Attributes:
        format: ``safetensors``, ``onnx``, or empty where the file is plain bytes.
        tensors: In the file's order.
        inputs: What an ONNX graph takes.
        outputs: What it gives.
    """

    format: str = ""
    tensors: tuple[Tensor, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()


@attrs.frozen
class FileDigest:
    """What one pass over a file gives.

    Attributes:
        sha256: 64 hexadecimal digits, as `sha256sum` prints them.
        size: Bytes.
        ranges: A partition of the file, in order, each range with its fingerprint; empty for an empty file.
    """

    sha256: str
    size: int
    ranges: tuple[Range, ...]


@attrs.frozen
class FileMap:
    """Ranges and tensors of one stored file: derived, so it may be made again by a better parser.

    Attributes:
        size: Bytes.
        ranges: A partition of the file, in order.
        format: As in `Layout`.
        tensors: As in `Layout`.
        inputs: As in `Layout`.
        outputs: As in `Layout`.
    """

    size: int
    ranges: tuple[Range, ...]
    format: str = ""
    tensors: tuple[Tensor, ...] = ()
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
