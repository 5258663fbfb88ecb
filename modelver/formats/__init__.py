"""Headers of weight files -> tensors, with no framework installed and no values read. Every file is untrusted.

A new format is one module with a function like `scan_safetensors`, and one line in `_PARSERS`.
"""

from collections.abc import Callable, Mapping

from modelver.errors import InvalidValue
from modelver.formats.elements import ReadAt
from modelver.formats.onnx import scan_onnx
from modelver.formats.safetensors import scan_safetensors
from modelver.formats.spans import tensor_spans
from modelver.values.filemap import Layout

__all__ = ["ReadAt", "scan", "tensor_spans"]

_PARSERS: Mapping[str, Callable[[ReadAt, int, str], Layout]] = {
    ".safetensors": scan_safetensors,
    ".onnx": scan_onnx,
}

_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_SIZE = 1024
"""Bytes of the largest Git LFS pointer (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md)."""


def scan(read_at: ReadAt, size: int, path: str) -> Layout:
    """Return the tensors of a weight file.

    Args:
        read_at: Reads the file: (offset, length) -> exactly that many bytes, or fewer where the file ends. Values are
            skipped, but for the few hundred bytes that a read of a header may run on.
        size: Bytes of the file.
        path: The file's path in the version, `/` between folders. Its suffix, in any case, tells the format.

    Returns:
        The layout; an empty one where the suffix is not `.safetensors` or `.onnx`.

    Raises:
        InvalidValue: The file breaks its format; also `LimitExceeded`, and `UnsafePath` for ONNX external data.
        SourceChanged: The file became shorter than `size`.
    """
    name = path.rpartition("/")[2].lower()
    parser = next((parser for suffix, parser in _PARSERS.items() if name.endswith(suffix)), None)
    if parser is None:
        return Layout()
    if size < _POINTER_SIZE and read_at(0, min(size, len(_POINTER))) == _POINTER:
        raise InvalidValue(
            "file is a Git LFS pointer, not the weights", where=path, hint="Run `git lfs pull` and try again."
        )
    return parser(read_at, size, path)
