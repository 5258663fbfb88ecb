"""The operating system's errors, told as a `StoreError`: what failed, where, and what to do next."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelver.errors import Offline, StoreError
from modelver.values.url import without_credentials

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_LONGEST = 500

_WRITABLE = "Give this user the permission there, or use a registry that it has access to."
_HINTS = {
    errno.ENOSPC: "Free space on that disk, then try again.",
    errno.EDQUOT: "Raise this user's disk quota or free space, then try again.",
    errno.EROFS: "The file system is mounted read-only: remount it, or use a registry on another one.",
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EIO: "The disk reports errors: look into the system's log, and run `modelver verify` afterwards.",
    errno.EMFILE: "Raise the limit on open files (`ulimit -n`), then try again.",
    errno.ENFILE: "Raise the system's limit on open files, then try again.",
    errno.EXDEV: "Keep all folders of a registry on one file system.",
    errno.ENOENT: "Something removed files of the registry while it was written to: try again.",
    errno.ENOTDIR: "A file stands where the registry needs a folder: move it away.",
}


def store_error(what: str, where: Path, error: OSError) -> StoreError:
    """Return what an operating system's error means for a store."""
    hint = _HINTS.get(error.errno or 0, "Mend what the system reports, then try again.")
    return StoreError(what, where=where, found=error.strerror or error, hint=hint)


@contextmanager
def failing_as(what: str, where: Path) -> Iterator[None]:
    """Turn any `OSError` of the block into a `StoreError`.

    Raises:
        StoreError: The block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise store_error(what, where, error) from error


def told(error: BaseException) -> str:
    """Return what a client says, in one line, without the secrets that its addresses may carry."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = _ADDRESS.sub(lambda address: without_credentials(address[0]), text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def told_remembered(where: str, hint: str) -> Offline:
    """Return the error for what must not be done by what this machine remembers of a store, which may be old.

    Args:
        where: What would have been asked.
        hint: What was done, and what to do.
    """
    return Offline(
        "the store can't be reached, and what this machine remembers of it may be old", where=where, hint=hint
    )


def told_offline(where: str) -> Offline:
    """Return the error for what offline mode forbids.

    Args:
        where: The address that would have been asked.
    """
    return Offline(
        "modelver is offline",
        where=where,
        hint="Reading what was read before works; for the rest unset offline= or $MODELVER_OFFLINE.",
    )
