"""Regular files as sources: opened with care, and checked afterwards for having stayed the same."""

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Protocol

from modelver.errors import InvalidValue, NotFound, SourceChanged, StoreError

CLOCK_GRAIN = 20_000_000
"""Nanoseconds within which two writes may leave one time on a file: two ticks of the slowest Linux kernel."""

_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # no effect on a file; one swapped for a named pipe can't hang us
)

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_TOLD = {"st_size": "size", "st_mtime_ns": "modification time", "st_ino": "file", "st_dev": "file system"}


@contextmanager
def open_source(path: Path) -> Iterator[FileIO]:
    """Open a regular file for reading, unbuffered; symbolic links are followed.

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is not a regular file.
        StoreError: It can't be opened.
    """
    try:
        _check_regular(path.stat(), path)
        file = FileIO(os.open(path, _OPEN), "r")
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("no such file", where=path) from None
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        _check_regular(os.fstat(file.fileno()), path)
        yield file


def settled_status(file: FileIO) -> os.stat_result:
    """Return a file's status once it is older than the clock's grain, since a write within that would not show in it."""
    status = os.fstat(file.fileno())
    age = time.time_ns() - status.st_mtime_ns
    if 0 <= age < CLOCK_GRAIN:
        time.sleep((CLOCK_GRAIN - age) / 1e9)
        status = os.fstat(file.fileno())
    return status


def check_unchanged(path: Path, before: os.stat_result) -> bool:
    """Compare a file's status with that from before it was read.

    Returns:
        False where nothing but its ctime differs. A new hard link or other permissions do that, which another process
        may well make at any time; so does a writer who puts the mtime back. The bytes tell which it was.

    Raises:
        SourceChanged: It was written to, truncated, replaced or removed.
    """
    try:
        after = path.stat()  # not of the open file, so that a replaced one is noticed as well
    except OSError as error:
        raise source_changed(path, found=error.strerror) from None
    differs = [what for name, what in _TOLD.items() if getattr(before, name) != getattr(after, name)]
    if differs:
        raise source_changed(path, found=f"another {' and '.join(differs)}")
    return before.st_ctime_ns == after.st_ctime_ns


class Readable(Protocol):
    """A binary file, or what reads like one."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the buffer from its start and return the number of bytes; 0 is the end."""
        ...


def read(source: Readable, buffer: memoryview, where: object) -> memoryview:
    """Read into a buffer and return its filled part; empty is the end.

    Raises:
        InvalidValue: The source is non-blocking and had nothing to give.
        StoreError: It can't be read.
    """
    try:
        count = source.readinto(buffer)
    except OSError as error:
        raise _unreadable(where, error) from error
    if count is None:
        raise InvalidValue("a non-blocking source can't be hashed", where=where)
    return buffer[:count]


def source_changed(where: object, *, expected: object = "", found: object = "") -> SourceChanged:
    """Make the error for a file that did not hold still."""
    return SourceChanged(
        "file changed while it was read",
        where=where,
        expected=expected,
        found=found,
        hint="Wait until nothing writes to it, then try again.",
    )


def _check_regular(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise InvalidValue("not a regular file", where=path, found=kind)


def _unreadable(where: object, error: OSError) -> StoreError:
    return StoreError(
        "file can't be read",
        where=where,
        found=error.strerror or error,
        hint="Check its permissions and its disk.",
    )
