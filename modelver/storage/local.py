"""A registry in a local folder: every object appears whole, once, and survives a power cut."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from modelver.errors import AlreadyExists, CommitUnknown, IntegrityError, LimitExceeded, NotFound, StoreError
from modelver.storage.adoption import adopt
from modelver.storage.failures import failing_as
from modelver.storage.files import opened, read_all, state_of, write_all
from modelver.storage.folders import is_name_of, make_folder, name_new, sync_folder
from modelver.storage.incoming import LocalIncoming, LocalUpload
from modelver.storage.keys import TEMPORARY, checked_key, checked_prefix
from modelver.storage.reflink import clone
from modelver.storage.store import Entry, Guarantees, Store
from modelver.storage.temporary import TemporaryFile, TemporaryFolder
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
    def place(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def guarantees(self) -> Guarantees:
        """All of them."""
        return Guarantees(
            exclusive_create=True, strong_listing=True, durable=True, range_reads=True, server_side_copy=True
        )

    @property
    def folder(self) -> Self:
        """This store: its objects are files."""
        return self

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole; see `Store.get`."""
        path = self.local_path(key)
        with failing_as("could not read", path), opened(path) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > limit:
                raise LimitExceeded("too large", where=path, expected=f"at most {limit} bytes", found=size)
            return read_all(descriptor, size)

    def size(self, key: str) -> int:
        """Return an object's size in bytes; see `Store.size`."""
        path = self.local_path(key)
        with failing_as("could not read", path):
            return state_of(path).st_size

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
            write_all(file.descriptor, data)
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
                write_all(file.descriptor, data)
                self._publish(file.path, final, file.seal())

    def incoming(self) -> LocalIncoming:
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

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part of an object; see `Store.read_range`."""
        path = self.local_path(key)
        with failing_as("could not read", path), opened(path) as descriptor:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return read_all(descriptor, length)

    def upload(self, key: str, size: int) -> LocalUpload:
        """Begin an object in parts; see `Store.upload`."""
        checked_key(key)
        with failing_as("could not make a temporary file", self._temporary.folder):
            return LocalUpload(self.incoming(), key, size)

    def copy_from(self, source: Store, key: str) -> bool:
        """Take a file of another folder by sharing its blocks, where the file system can; see `Store.copy_from`."""
        theirs = source.local_path(key)
        if theirs is None:
            return False
        with failing_as("could not read", theirs), opened(theirs) as descriptor, self.incoming() as incoming:
            if not clone(descriptor, incoming.fileno()):
                return False
            incoming.publish(key)
        return True

    def delete(self, key: str) -> None:
        """Delete an object; see `Store.delete`."""
        path = self.local_path(key)
        with failing_as("could not delete", path):
            path.unlink(missing_ok=True)

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
            found = state_of(final).st_size
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


def _unknown(final: Path, error: OSError) -> CommitUnknown:
    return CommitUnknown(
        "an object may or may not have been written for good",
        where=final,
        found=error.strerror or error,
        hint="Nothing was removed. When the disk is well again, try again with the same commit_id.",
    )
