"""Temporary files of a local store: invisible, and told apart from those whose writer has died."""

import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from modelver.storage.folders import make_folder
from modelver.storage.lock import try_lock

_NAME = re.compile(r"incoming-[0-9a-f]{32}")
_MODE = 0o666 if os.name == "nt" else 0o444  # Windows removes no read-only file
_BINARY = getattr(os, "O_BINARY", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
OPEN_AS_IS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | _BINARY
"""Flags that read what is there: they follow no link and wait for no pipe."""

_DAY = 86_400


class TemporaryFile:
    """A file that has no final name yet. As a context manager it loses its temporary name and is closed at the end.

    Its lock says that its writer lives. It is made read-only, as it will be under its final name; its writer's
    descriptor can still write.

    Attributes:
        path: Where it is.
        descriptor: Open for reading and writing.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def seal(self) -> int:
        """Make the bytes durable; return how many there are.

        Raises:
            OSError: The disk could not.
        """
        os.fsync(self.descriptor)
        size = os.fstat(self.descriptor).st_size
        if os.name == "nt":
            self.close()  # Windows renames no open file
        return size

    def close(self) -> None:
        """Close the file, if that was not done before."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):  # what was published is synced already
            self.close()
        with suppress(OSError):  # a rename took the name, or the disk failed: `clear_abandoned` gets the rest
            self.path.unlink()


class TemporaryFolder:
    """The folder of a store's temporary files, made when the first one is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cleared = False

    def create(self) -> TemporaryFile:
        """Open a new temporary file; the first time, files that dead writers left are cleared before.

        Raises:
            OSError: The system refused.
        """
        if not self._cleared:
            self.clear_abandoned()
            self._cleared = True
        while True:
            file = self._create()
            # A cleaner may have taken the file for abandoned between its creation and its lock.
            if try_lock(file.descriptor, shared=True) is not False and file.path.exists():
                return file
            file.__exit__()

    def _create(self) -> TemporaryFile:
        path = self.unused_name()
        try:
            descriptor = os.open(path, _CREATE, _MODE)
        except FileNotFoundError:
            make_folder(self.folder)
            descriptor = os.open(path, _CREATE, _MODE)
        return TemporaryFile(path, descriptor)

    def unused_name(self) -> Path:
        """Return a path in the folder that nobody else uses: 128 random bits."""
        return self.folder / f"incoming-{os.urandom(16).hex()}"

    def usual_mode(self) -> int:
        """Return the permissions of the store's files: read-only, less this process's umask.

        Raises:
            OSError: The system refused.
        """
        with self.create() as file:
            return stat.S_IMODE(os.fstat(file.descriptor).st_mode)

    def clear_abandoned(self) -> int:
        """Remove the files whose writers have died; return how many.

        Raises:
            OSError: The folder can't be read.
        """
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 (names are what is matched)
        except FileNotFoundError:
            return 0
        return sum(_cleared(self.folder / name) for name in names if _NAME.fullmatch(name))


def _cleared(path: Path) -> bool:
    """Remove a temporary file if its writer has died; return whether it was removed."""
    with suppress(OSError):
        descriptor = os.open(path, OPEN_AS_IS)
        try:
            locked = try_lock(descriptor)
            if locked:  # while the lock is held: a writer that comes for it now tries another name
                path.unlink()
        finally:
            os.close(descriptor)
        if locked is None and path.lstat().st_mtime < time.time() - _DAY:  # no locks here: go by age
            path.unlink()
            return True
        return locked is True
    return False
