"""What this process holds: as sets, as what earlier tests left may go at any time, with a collection of garbage."""

import contextlib
import threading
from pathlib import Path


def threads() -> set[threading.Thread]:
    """Return all threads but fsspec's own, which lives as long as the process."""
    return {thread for thread in threading.enumerate() if thread.name != "fsspecIO"}


def descriptors() -> set[tuple[str, str]]:
    """Return the number of each open file descriptor, and what it is of: a file's path, or `socket:[inode]`."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add((link.name, str(link.readlink())))
    return found
