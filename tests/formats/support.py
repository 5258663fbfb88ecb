"""Files in memory that count what is read of them, and builders of safetensors files."""

import json
from collections.abc import Mapping

from modelver.errors import ModelverError
from modelver.formats import scan
from modelver.values.filemap import Layout


class CountedFile:
    """Bytes that can be read at an offset, as `scan` asks for, counting reads."""

    def __init__(self, data: bytes, *, size: int | None = None) -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.reads = 0
        self.bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Return the bytes there; zeros after the data, up to the size."""
        assert 0 <= offset <= self.size
        assert length >= 0
        piece = self.data[offset : offset + length]
        piece += bytes(min(length, self.size - offset) - len(piece))
        self.reads += 1
        self.bytes_read += len(piece)
        return piece


def scan_bytes(data: bytes, path: str) -> Layout:
    """Return the layout of a file with these bytes."""
    file = CountedFile(data)
    return scan(file.read_at, file.size, path)


def scan_or_none(data: bytes, path: str) -> Layout | None:
    """Return the layout, or None where the file is refused as it should be: with an error of ours that has a message."""
    try:
        return scan_bytes(data, path)
    except ModelverError as error:
        refused = error
    assert path in str(refused)
    return None


def safetensors(header: object, data: bytes = b"") -> bytes:
    """Return a safetensors file with a header: JSON text, bytes, or something to be encoded as JSON."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data


def entry(dtype: str, shape: object, begin: object, end: object) -> Mapping[str, object]:
    """Return what a safetensors header says of one tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
