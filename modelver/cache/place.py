"""Where the user's own cache is, and whether it is the user's own."""

import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from modelver.errors import StoreError

VARIABLE = "MODELVER_CACHE"


def cache_dir(explicit: Path | None = None) -> Path:
    r"""Return the cache folder; nothing is made until `make_private` is called.

    Args:
        explicit: The caller's choice. Default: `$MODELVER_CACHE`, else the platform's folder for caches:
            `$XDG_CACHE_HOME/modelver` (XDG Base Directory Specification; unset: `~/.cache/modelver`),
            `~/Library/Caches/modelver` on macOS, `%LOCALAPPDATA%\modelver\Cache` on Windows.

    Returns:
        An absolute path.
    """
    if explicit is None and (chosen := os.environ.get(VARIABLE)):
        explicit = Path(chosen)
    if explicit is not None:
        return Path(os.path.abspath(os.path.expanduser(explicit)))  # noqa: PTH100, PTH111 (never raises without a home)
    try:
        return platform_cache(sys.platform, os.environ, Path.home())
    except RuntimeError:
        # An account without a home, as in many containers; `is_private` refuses a folder that another account put here.
        account = os.getuid() if hasattr(os, "getuid") else "user"
        return Path(tempfile.gettempdir()) / f"modelver-{account}"


def platform_cache(platform: str, variables: Mapping[str, str], home: Path) -> Path:
    """Return the platform's cache folder for this library.

    Args:
        platform: As `sys.platform` says it.
        variables: The environment variables.
        home: The user's home folder.
    """
    if platform == "win32":
        local = variables.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "modelver" / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches" / "modelver"
    # The specification: "If an implementation encounters a relative path ... it should ... ignore it".
    base = Path(variables.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else home / ".cache") / "modelver"


def make_private(folder: Path) -> Path:
    """Make a folder that only this user may enter, and so all parents that it lacks; one that exists is left as it is.

    Returns:
        The folder.

    Raises:
        StoreError: It can't be made.
    """
    try:
        _make(folder)
    except OSError as error:
        raise StoreError(
            "the cache folder can't be made",
            where=folder,
            found=error.strerror or error,
            hint=f"Set {VARIABLE} to a folder that you may write to.",
        ) from error
    return folder


def _make(folder: Path) -> None:
    # With `parents=True` the umask alone decides about parents, and a group might write to them.
    if not folder.parent.exists():
        _make(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def refuse_foreign_link(path: Path) -> None:
    """Refuse a link that another account put in the place of a folder of the cache: it may lead anywhere.

    Raises:
        StoreError: It is one.
    """
    try:
        status = path.lstat()
    except OSError:
        return
    if stat.S_ISLNK(status.st_mode) and hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise StoreError(
            "a folder of the cache is somebody else's link",
            where=path,
            hint=f"Set {VARIABLE} to a folder that nobody else may write to.",
        )


def is_private(path: Path) -> bool:
    """Say whether a file or folder is this user's and nobody else may write to it; False where it doesn't exist.

    What is remembered in a folder that others may write to proves nothing. Access control lists show in the group's
    bits on POSIX. Windows keeps others out of a user's profile, so there a path is private inside of it.
    """
    try:
        status = path.stat()
    except OSError:
        return False
    if not hasattr(os, "geteuid"):
        return in_profile(path)
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def in_profile(path: Path) -> bool:
    """Say whether a path is inside the user's home folder."""
    return path.resolve().is_relative_to(Path.home().resolve())
