"""Folders in which something is prepared: gone when the work is done, and cleared where its worker died."""

import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelver.storage.lock import try_lock

_PREFIX = ".modelver-"
_PRIVATE = 0o700
_DAY = 86_400


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """Give a new folder, which only this user may enter, and remove it in the end; what dead workers left goes first.

    Its lock says that its worker lives.

    Args:
        parent: An existing folder.

    Raises:
        OSError: It can't be made.
    """
    clear_abandoned(parent)
    folder, descriptor = _make(parent)
    try:
        yield folder
    finally:
        remove_tree(folder)
        if descriptor is not None:
            os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Delete a folder, read-only parts too, or whatever is there instead, as far as the system lets us; follow no link."""
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        with suppress(OSError):
            change_folders(path, _PRIVATE)
        shutil.rmtree(path, ignore_errors=True)


def change_folders(folder: Path, mode: int) -> None:
    """Set the permissions of a folder and of all folders below it, without going through a link, however late it came.

    Raises:
        OSError: The system refused.
    """
    if hasattr(os, "fwalk"):
        for _, _, _, descriptor in os.fwalk(folder, topdown=False, onerror=_raise):
            os.fchmod(descriptor, mode)
    else:  # Windows
        for here, _, _ in os.walk(folder, topdown=False):
            Path(here).chmod(mode)


def _raise(error: OSError) -> None:
    raise error


def _make(parent: Path) -> tuple[Path, int | None]:
    while True:
        folder = parent / f"{_PREFIX}{uuid.uuid4().hex}"
        folder.mkdir(mode=_PRIVATE)
        descriptor = _opened(folder)
        locked = try_lock(descriptor) if descriptor is not None else None
        # Another process may have taken it for abandoned before it was locked, or even opened.
        if locked is not False and folder.exists():
            return folder, descriptor
        if descriptor is not None:
            os.close(descriptor)


def _opened(folder: Path) -> int | None:
    """Return a descriptor of a folder to lock, or None where folders can't be opened (Windows)."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (AttributeError, OSError):
        return None


def clear_abandoned(parent: Path) -> None:
    """Remove the working folders in a folder whose workers have died."""
    for folder in parent.glob(f"{_PREFIX}{'[0-9a-f]' * 32}"):
        descriptor = _opened(folder)
        locked = try_lock(descriptor) if descriptor is not None else None
        with suppress(OSError):
            # Without locks, age tells.
            if locked or (locked is None and folder.lstat().st_mtime < time.time() - _DAY):
                remove_tree(folder)
        if descriptor is not None:
            os.close(descriptor)
