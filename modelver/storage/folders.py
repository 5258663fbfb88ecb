"""Names in local folders: made durable, and given only where they are free."""

import errno
import os
from pathlib import Path

from modelver.errors import UnsupportedStore

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
"""What link(2) says on file systems that have no hard links (its manual page: EPERM; FUSE and CIFS: the others)."""

_NOT_OFFERED = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
"""What fsync(2) of a folder and renameat2(2) say on file systems that don't offer them."""

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut.

    Raises:
        OSError: The disk could not.
    """
    if os.name == "nt":
        return  # Windows can't sync a folder; NTFS journals its names
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and the parents that it lacks, each durable in its own parent.

    Raises:
        OSError: One could not be made or synced, or a file is in the way.
    """
    try:
        folder.mkdir()
    except FileNotFoundError:
        make_folder(folder.parent)
        return make_folder(folder)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None
    sync_folder(folder.parent)
    return None


def is_name_of(path: Path, file: os.stat_result) -> bool:
    """Return whether a path leads to this very file, not through a link."""
    try:
        return os.path.samestat(path.lstat(), file)
    except OSError:
        return False


def name_new(temporary: Path, final: Path) -> None:
    """Give a temporary file its final name, only if that name is free: atomic, and never a plain rename.

    By a hard link, so that the temporary name is still there to be removed; where hard links don't exist, by a rename
    that refuses to replace.

    Args:
        temporary: A file with this one name.
        final: Its name to be, in the same file system.

    Raises:
        FileExistsError: The name is taken.
        UnsupportedStore: The file system can do neither.
        OSError: The system refused.
    """
    if os.name == "nt":
        temporary.rename(final)  # refuses to replace, on Windows only
        return
    try:
        final.hardlink_to(temporary)
    except OSError as error:
        # Over NFS the reply to a link that was made can be lost; its repetition fails then (open(2), under O_EXCL).
        if is_name_of(final, temporary.lstat()):
            return
        if error.errno not in _NO_HARD_LINKS:
            raise
        _rename_new(temporary, final)


def _rename_new(temporary: Path, final: Path) -> None:
    """Rename unless the new name is taken, by Linux's renameat2."""
    import ctypes  # slow, and seldom needed

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename and not rename(_AT_FDCWD, bytes(temporary), _AT_FDCWD, bytes(final), _RENAME_NOREPLACE):
        return
    code = ctypes.get_errno() if rename else errno.ENOSYS
    if code not in _NOT_OFFERED:
        raise OSError(code, os.strerror(code), str(temporary), None, str(final))
    raise UnsupportedStore(
        "this file system can't create a file only where there is none",
        where=final.parent,
        expected="hard links, or renameat2 with RENAME_NOREPLACE",
        hint="Keep the registry on a file system with hard links, such as ext4, XFS, Btrfs, ZFS, APFS or NTFS.",
    )
