"""Versions that are in use: a lock on the folder says so, for as long as an object of a living process holds it."""

import os
import time
import weakref
from contextlib import suppress
from pathlib import Path

from modelver.storage.folders import is_name_of
from modelver.storage.lock import try_lock

LOCKS = "locks"

TOUCH_SECONDS = 60
"""How often a version's last use is noted."""

WITHOUT_LOCKS_SECONDS = 86_400
"""For how long after its last use a version counts as in use where folders can't be locked."""

_PATIENCE = 1.0
_PAUSE = 0.002


class Hold:
    """A version's folder in use: while this object lives, nothing removes the folder to make room.

    A forked child holds it too, and so does a copy that crossed to another process of this machine. The lock is
    flock(2)'s, which the holder's death releases.

    Attributes:
        path: The folder.
    """

    __slots__ = ("__weakref__", "path")

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        if descriptor is not None:
            # Closed and never unlocked: a forked child shares the lock.
            weakref.finalize(self, os.close, descriptor).atexit = False

    def __reduce__(self) -> tuple[object, ...]:
        return hold, (self.path,)


# One descriptor for each folder, however often it is loaded.
_HELD: weakref.WeakValueDictionary[tuple[int, int], Hold] = weakref.WeakValueDictionary()


def hold(folder: Path) -> Hold | None:
    """Hold a version's folder, and note that it is used.

    Returns:
        None where there is no such folder, or it was just removed. Where it can't be locked, its last use has to do.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        descriptor = open_folder(folder)
        if descriptor is None and not _is_folder(folder):
            return None
        held = Hold(folder, None) if descriptor is None else _hold(folder, descriptor)
        if held is not None or time.monotonic() > deadline:
            _note_use(folder)
            return held or Hold(folder, None)
        # Somebody looks whether it is in use, or is about to remove it.
        time.sleep(_PAUSE)


def _hold(folder: Path, descriptor: int) -> Hold | None:
    """Lock a folder that was opened, unless this process has; None where it can't be had, or is elsewhere by now."""
    status = os.fstat(descriptor)
    file = status.st_dev, status.st_ino
    held = _HELD.get(file)
    if held is None and try_lock(descriptor, shared=True) is not False:
        held = _HELD[file] = Hold(folder, descriptor)
    else:
        os.close(descriptor)
    return held if is_name_of(folder, status) else None


def open_folder(folder: Path) -> int | None:
    """Return a descriptor of a folder that is no link, or None where it can't be had, as on Windows."""
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (AttributeError, OSError):
        return None


def is_held(descriptor: int) -> bool:
    """Tell whether a version is in use; if it is not, nobody can hold it until the descriptor is closed.

    Args:
        descriptor: The folder's, as `open_folder` gives it.
    """
    alone = try_lock(descriptor)
    if alone is None:
        return os.fstat(descriptor).st_mtime > time.time() - WITHOUT_LOCKS_SECONDS
    return not alone


def in_use(folder: Path) -> bool:
    """Tell whether a version is in use now."""
    descriptor = open_folder(folder)
    if descriptor is None:
        return False
    try:
        return is_held(descriptor)
    finally:
        os.close(descriptor)


def version_lock(cache: Path, name: str) -> Path:
    """Return the lock of whoever makes or removes a version's folder."""
    return cache / LOCKS / f"version-{name}"


def blob_lock(cache: Path, name: str) -> Path:
    """Return the lock of whoever fetches or removes a blob."""
    return cache / LOCKS / f"blob-{name}"


def _is_folder(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink()


def _note_use(folder: Path) -> None:
    """Note the time, at most once a minute; where we may not, others' notes have to do."""
    with suppress(OSError):
        if not 0 <= time.time() - folder.lstat().st_mtime < TOUCH_SECONDS:
            os.utime(folder, follow_symlinks=os.utime not in os.supports_follow_symlinks)
