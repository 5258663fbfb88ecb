"""Locks between processes of one host. They are advice: correctness never rests on them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelver.storage.folders import is_name_of

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the idiom for a module that a platform lacks

_FIRST_WAIT = 0.0005
_LONGEST_WAIT = 0.02


def try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Take a lock on an open file without waiting: flock(2), which its holder's death releases.

    Returns:
        Whether the lock is held now, or None where files can't be locked.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def advisory_lock(path: Path | None, timeout: float) -> Iterator[bool | None]:
    """Hold a lock that keeps other threads and processes of this host waiting, to spare the store their races.

    A lock that can't be had in time, or not at all, is done without. A killed holder releases it.

    Args:
        path: The lock's file; made, with its folder, and left there. Who holds it may remove it. None does without a
            lock.
        timeout: Seconds to wait for it.

    Yields:
        Whether the lock is held; None where there is none, or files can't be locked.
    """
    descriptor = _opened(path) if path else None
    if descriptor is None:
        yield None
        return
    owner = os.getpid()
    held = None
    try:
        held = _waited(descriptor, timeout)
        if (
            held and path and not is_name_of(path, os.fstat(descriptor))
        ):  # a cleaner removed the file: who comes now has another one
            with advisory_lock(path, timeout) as anew:
                yield anew
        else:
            yield held
    finally:
        # A child that was forked meanwhile shares the lock: unlocking it there would take it from its parent, and not
        # unlocking it here would leave it to the child. Ctrl-C may come when it is had, before anybody knows.
        if held is not False and fcntl and os.getpid() == owner:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _opened(path: Path) -> int | None:
    """Return a descriptor of the lock's file, or None where it can't be made."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError:
        return None


def _waited(descriptor: int, timeout: float) -> bool | None:
    """Try until the lock is held or the time is over, a little less often each time."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_WAIT
    while (held := try_lock(descriptor)) is False and time.monotonic() < deadline:
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_WAIT)
    return held
