"""Taking a file that lies on a local store's own disk into the store, without copying its bytes."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from modelver.errors import SourceChanged
from modelver.storage.folders import is_name_of
from modelver.storage.lock import try_lock
from modelver.storage.temporary import OPEN_AS_IS, TemporaryFolder


def adopt(
    source: Path, seen: os.stat_result, folder: TemporaryFolder, publish: Callable[[Path], bool]
) -> bool:
    """Make a file an object of the store; see `Store.adopt`.

    Args:
        source: The file.
        seen: What fstat(2) said of it when its bytes were hashed.
        folder: The store's temporary files.
        publish: Gives a temporary file its final name, durably; False where another file has that name.

    Raises:
        SourceChanged: It is not the file that was hashed any more.
        OSError: The system refused.
    """
    if os.name == "nt":
        return False  # Windows neither moves nor removes a file that is open
    try:
        descriptor = os.open(source, OPEN_AS_IS)
    except OSError:
        return False
    try:
        return _adopt_open(source, descriptor, seen, folder, publish)
    finally:
        os.close(descriptor)


def _adopt_open(
    source: Path,
    descriptor: int,
    seen: os.stat_result,
    folder: TemporaryFolder,
    publish: Callable[[Path], bool],
) -> bool:
    now = os.fstat(descriptor)
    if not (os.path.samestat(now, seen) and now.st_ctime_ns == seen.st_ctime_ns):
        raise _changed(source)
    # Before links are counted: the first use of the folder clears what an interrupted move left there.
    mode = folder.usual_mode()
    found = os.fstat(descriptor)
    if not is_name_of(source, found):
        raise _changed(source)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return False
    try_lock(descriptor, shared=True)  # as every living temporary file has
    temporary = folder.unused_name()
    try:
        temporary.hardlink_to(source)
    except OSError:  # another file system, or one without links
        return False
    try:
        if not _publish_read_only(source, descriptor, temporary, seen, mode, publish):
            return False
    finally:
        with suppress(OSError):
            temporary.unlink()
    return True


def _publish_read_only(
    source: Path,
    descriptor: int,
    temporary: Path,
    seen: os.stat_result,
    mode: int,
    publish: Callable[[Path], bool],
) -> bool:
    """Take the right to write away, look once more for changes, and publish; else give the right back."""
    try:
        os.fchmod(descriptor, mode)
    except PermissionError:  # somebody else's file
        return False
    try:
        os.fsync(descriptor)
        now = os.fstat(descriptor)
        unchanged = (now.st_size, now.st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)
        if not (unchanged and is_name_of(temporary, now)):
            raise _changed(source)
        return publish(temporary)
    finally:
        if os.fstat(descriptor).st_nlink == 2:  # noqa: PLR2004 (its old name and the temporary one: not published)
            os.fchmod(descriptor, stat.S_IMODE(seen.st_mode))


def _changed(source: Path) -> SourceChanged:
    return SourceChanged(
        "a file changed while it was being registered",
        where=source,
        hint="Wait until nothing writes to it, then register it again.",
    )
