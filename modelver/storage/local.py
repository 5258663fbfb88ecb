"""A registry in a local folder: every object appears whole, once, and survives a power cut."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from modelver.errors import AlreadyExists, CommitUnknown, IntegrityError, LimitExceeded, NotFound, StoreError
from modelver.storage.adoption import adopt
from modelver.storage.failures import failing_as
from modelver.storage.folders import is_name_of, make_folder, name_new, sync_folder
from modelver.storage.keys import TEMPORARY, checked_key, checked_prefix
from modelver.storage.store import Entry, Guarantees
from modelver.storage.temporary import OPEN_AS_IS, TemporaryFile, TemporaryFolder
from modelver.storage.walk import folders, walk

_MAYBE_LINKED = {errno.EIO, errno.ETIMEDOUT, errno.ESTALE}
"""Errors of a link that a file server may have made all the same."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LocalStore:
    """A folder of this machine, or of a file server that it mounts; threads and forked processes may share one.

    Args:
        root: The folder; made, with its parents, on the first write.

    Raises:
        StoreError: Something that is no folder is there.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(os.path.abspath(root))  # noqa: PTH100 (it drops "..", and follows no link)
        self._temporary = TemporaryFolder(self._root / TEMPORARY)
        self._durable: set[Path] = set()
        if self._root.exists() and not self._root.is_dir():
            raise StoreError("not a folder", where=self._root, hint="Give the registry a folder of its own.")

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self._root)

    @property
    def guarantees(self) -> Guarantees:
        """All of them."""
        return Guarantees(exclusive_create=True, strong_listing=True, durable=True)

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole; see `Store.get`."""
        path = self.local_path(key)
        with failing_as("could not read", path), _opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > limit:
                raise LimitExceeded("too large", where=path, expected=f"at most {limit} bytes", found=size)
            return _read(descriptor, size)

    def size(self, key: str) -> int:
        """Return an object's size in bytes; see `Store.size`."""
        path = self.local_path(key)
        with failing_as("could not read", path):
            return _state(path).st_size

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects below a folder; see `Store.list`."""
        return walk(self._root, checked_prefix(prefix), after)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of folders in a folder; see `Store.folders`."""
        return folders(self._root, checked_prefix(prefix))

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object; see `Store.put_new`."""
        final = self.local_path(key)
        with failing_as("could not write", final), self._temporary.create() as file:
            _write(file.descriptor, data)
            file.seal()
            try:
                self._name(file.path, final)
            except FileExistsError:
                raise AlreadyExists("an object is there already", where=final) from None
            except OSError as error:
                if error.errno in _MAYBE_LINKED:
                    raise _unknown(final, error) from error
                raise
            try:
                sync_folder(final.parent)
            except OSError as error:
                raise _unknown(final, error) from error

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key derived from them; see `Store.put_blob`."""
        final = self.local_path(key)
        with failing_as("could not store", final):
            if self._has(final, len(data)):
                return
            with self._temporary.create() as file:
                _write(file.descriptor, data)
                self._publish(file.path, final, file.seal())

    def incoming(self) -> "LocalIncoming":
        """Open a place for bytes whose key is not known yet; see `Store.incoming`."""
        with failing_as("could not make a temporary file", self._temporary.folder):
            return LocalIncoming(self._temporary.create(), self._publish_key)

    def adopt(self, path: Path, key: str, *, seen: os.stat_result) -> bool:
        """Make a local file an object; see `Store.adopt`."""
        final = self.local_path(key)
        with failing_as("could not move a file into the registry", path):
            if is_name_of(final, seen) and is_name_of(path, seen) and self._has(final, seen.st_size):
                return True  # an earlier call was interrupted after this one's work
            return adopt(path, seen, self._temporary, lambda file: self._publish(file, final, seen.st_size))

    def local_path(self, key: str) -> Path:
        """Return where an object is, or would be."""
        return self._root / checked_key(key)

    def clock(self) -> datetime:
        """Return the file system's time, or this machine's where the folder can't be written to."""
        with suppress(OSError):
            if self._root.is_dir():
                with self._temporary.create() as file:
                    return _EPOCH + timedelta(microseconds=os.fstat(file.descriptor).st_mtime_ns // 1000)
        return datetime.now(UTC)

    def clear_abandoned(self) -> int:
        """Remove temporary files whose writers have died; return how many.

        Raises:
            StoreError: The system refused.
        """
        with failing_as("could not clear temporary files", self._temporary.folder):
            return self._temporary.clear_abandoned()

    def _publish_key(self, file: TemporaryFile, key: str) -> None:
        final = self.local_path(key)
        with failing_as("could not store", final):
            self._publish(file.path, final, file.seal())

    def _publish(self, temporary: Path, final: Path, size: int) -> bool:
        """Give durable bytes a durable name; return False where such bytes had it before."""
        try:
            self._name(temporary, final)
        except FileExistsError:
            if self._has(final, size):
                return False
            raise
        sync_folder(final.parent)
        return True

    def _name(self, temporary: Path, final: Path) -> None:
        """Give a file its final name, only if that is free, in a folder that is durable itself."""
        try:
            self._make_durable(final.parent)
            name_new(temporary, final)
        except FileNotFoundError:  # somebody removed a folder that we knew
            self._durable.clear()
            self._make_durable(final.parent)
            name_new(temporary, final)

    def _make_durable(self, folder: Path) -> None:
        """See to it, once, that a folder and all above it survive a power cut, whoever made them."""
        if folder in self._durable:
            return
        if folder == self._root:
            with suppress(PermissionError):  # it is not ours to read, so it was there before
                sync_folder(folder.parent)
        else:
            self._make_durable(folder.parent)
            make_folder(folder)
        self._durable.add(folder)

    def _has(self, final: Path, size: int) -> bool:
        """Return whether a blob is there, durable; its writer may not have synced its name yet."""
        try:
            found = _state(final).st_size
        except NotFound:
            return False
        if found != size:
            raise IntegrityError(
                "a stored object has not the size of the bytes that it is named for",
                where=final,
                expected=f"{size} bytes",
                found=found,
                hint="Move that file out of the registry, then register again; `modelver verify` finds others.",
            )
        self._make_durable(final.parent)
        sync_folder(final.parent)
        return True


class LocalIncoming:
    """Bytes in a temporary file of a local store; see `Incoming`."""

    def __init__(self, file: TemporaryFile, publish: Callable[[TemporaryFile, str], None]) -> None:
        self._file = file
        self._publish = publish

    def fileno(self) -> int:
        """Return a descriptor open for reading and writing."""
        return self._file.descriptor

    def publish(self, key: str) -> None:
        """Make the bytes durable and visible; see `Incoming.publish`."""
        with self._file:
            self._publish(self._file, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.__exit__()


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open an object for reading."""
    try:
        descriptor = os.open(path, OPEN_AS_IS)
    except (FileNotFoundError, NotADirectoryError):
        raise _not_found(path) from None
    except OSError:
        _state(path)  # a link or a socket is told as such
        raise
    try:
        _regular(os.fstat(descriptor), path)
        yield descriptor
    finally:
        os.close(descriptor)


def _state(path: Path) -> os.stat_result:
    """Return what lstat(2) says of an object."""
    try:
        return _regular(path.lstat(), path)
    except (FileNotFoundError, NotADirectoryError):
        raise _not_found(path) from None


def _regular(state: os.stat_result, path: Path) -> os.stat_result:
    """Return the state, if it is a regular file's."""
    if stat.S_ISDIR(state.st_mode):
        raise _not_found(path)
    if not stat.S_ISREG(state.st_mode):
        raise IntegrityError(
            "a stored object was replaced by something else",
            where=path,
            expected="a regular file",
            found=stat.filemode(state.st_mode),
            hint="Find out who did that; then remove it.",
        )
    return state


def _read(descriptor: int, size: int) -> bytes:
    """Return the bytes of a file up to a size, fewer where it has shrunk meanwhile."""
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _write(descriptor: int, data: bytes) -> None:
    """Write all bytes; one write(2) may take fewer than it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _not_found(path: Path) -> NotFound:
    return NotFound("no such object", where=path)


def _unknown(final: Path, error: OSError) -> CommitUnknown:
    return CommitUnknown(
        "an object may or may not have been written for good",
        where=final,
        found=error.strerror or error,
        hint="Nothing was removed. When the disk is well again, try again with the same commit_id.",
    )
