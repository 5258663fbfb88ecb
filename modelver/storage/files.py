"""Objects of a local store as files: regular ones, opened as they are, read and written whole."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelver.errors import IntegrityError, NotFound
from modelver.storage.temporary import OPEN_AS_IS


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open an object for reading."""
    try:
        descriptor = os.open(path, OPEN_AS_IS)
    except (FileNotFoundError, NotADirectoryError):
        raise not_found(path) from None
    except OSError:
        state_of(path)  # a link or a socket is told as such
        raise
    try:
        regular(os.fstat(descriptor), path)
        yield descriptor
    finally:
        os.close(descriptor)


def state_of(path: Path) -> os.stat_result:
    """Return what lstat(2) says of an object."""
    try:
        return regular(path.lstat(), path)
    except (FileNotFoundError, NotADirectoryError):
        raise not_found(path) from None


def regular(state: os.stat_result, path: Path) -> os.stat_result:
    """Return the state, if it is a regular file's."""
    if stat.S_ISDIR(state.st_mode):
        raise not_found(path)
    if not stat.S_ISREG(state.st_mode):
        raise IntegrityError(
            "a stored object was replaced by something else",
            where=path,
            expected="a regular file",
            found=stat.filemode(state.st_mode),
            hint="Find out who did that; then remove it.",
        )
    return state


def read_all(descriptor: int, size: int) -> bytes:
    """Return the bytes of a file up to a size, fewer where it has shrunk meanwhile."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_at(descriptor: int, offset: int, size: int) -> bytes:
    """Return bytes of a file from an offset on, fewer where it ends; any number of threads may read at once."""
    parts = []
    while size > 0 and (part := _read_part(descriptor, offset, size)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)


if hasattr(os, "pread"):

    def _read_part(descriptor: int, offset: int, size: int) -> bytes:
        return os.pread(descriptor, size, offset)

else:  # Windows, where seeking and reading are two steps
    _SEEKING = threading.Lock()

    def _read_part(descriptor: int, offset: int, size: int) -> bytes:
        with _SEEKING:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, size)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all bytes; one write(2) may take fewer than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def not_found(path: Path) -> NotFound:
    """Return the error for an object that is not there."""
    return NotFound("no such object", where=path)
