"""Copies that share their blocks until one side is written to: instant, and without more space."""

import sys

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # the idiom for a module that a platform lacks

_FICLONE = 0x40049409
"""The request that ioctl_ficlone(2) describes: Btrfs, XFS, bcachefs, OCFS2, overlayfs above them; on NFS 4.2 too."""


def clone(source: int, target: int) -> bool:
    """Make an open file's content that of another, sharing the blocks.

    Args:
        source: A descriptor that is open for reading.
        target: A descriptor that is open for writing; what it held is replaced.

    Returns:
        False where the file system can't, or for this pair of files; copy the bytes then.
    """
    if fcntl is None or sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
