"""Objects of an SFTP server in parts: one file that grows, with a list of the digests of what is in it.

Both are in a folder ``tmp/<the key's last segment>-<size>-<part size>-<owner>``, which one writer owns: two that wrote to
one file could publish each other's bytes. A writer that lets go of it renames it, and another takes it over by renaming
it again, which only one can; so it does with what nobody has written to for some time. A part is there when its digest
is.
"""

import posixpath
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from modelver.storage.keys import TEMPORARY
from modelver.storage.remote import sftp_wire
from modelver.storage.remote.bucket import part_size
from modelver.storage.remote.sftp_connection import Connections
from modelver.storage.remote.sftp_files import (
    READ_ONLY,
    Ended,
    Taken,
    is_unanswered,
    make_folders,
    publish,
    removed,
)

STALE = 600.0
"""Seconds without a new part after which a writer is taken for dead."""

_FREE = "free"
_DIGEST = 16
_LONGEST_NAME = 100


class Place(Protocol):
    """What an upload needs of its folder."""

    connections: Connections

    def path(self, key: str) -> str:
        """Return where an object is."""
        ...

    def clock(self) -> datetime:
        """Return the server's time."""
        ...


class SftpUpload:
    """An upload whose parts come one after another; its steps raise what paramiko raises. See `Upload`."""

    at_once = 1

    def __init__(self, place: Place, key: str, size: int) -> None:
        self._place = place
        self._path = place.path(key)
        self._size = size
        self.part_size = part_size(size)
        self._stem = f"{key.rpartition('/')[2][:_LONGEST_NAME]}-{size}-{self.part_size}-"
        self._folder = self._at(uuid.uuid4().hex)
        self._is_open = True
        with place.connections.lent() as sftp:
            self._there = self._taken_over(sftp) or self._begun(sftp)

    def _at(self, owner: str) -> str:
        return self._place.path(f"{TEMPORARY}/{self._stem}{owner}")

    def _in(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _begun(self, sftp: Any) -> dict[int, bytes]:
        """Make the folder and its empty files."""
        make_folders(sftp, self._folder)
        for name in ("data", "digests"):
            sftp.open(self._in(name), "wbx").close()
        return {}

    def _taken_over(self, sftp: Any) -> dict[int, bytes] | None:
        """Take over a folder that nobody owns, if there is one; return the digests of the parts in it."""
        for owner in self._ownerless(sftp):
            with suppress(FileNotFoundError):  # another writer was quicker
                sftp.rename(self._at(owner), self._folder)
                with sftp.open(self._in("digests"), "rb") as file:
                    found = sftp_wire.read(file, 0, file.stat().st_size)
                starts = range(0, len(found) - _DIGEST + 1, _DIGEST)
                return {number: found[start : start + _DIGEST] for number, start in enumerate(starts)}
        return None

    def _ownerless(self, sftp: Any) -> Iterator[str]:
        """Yield the owners' names of folders of this very upload that may be taken over."""
        try:
            names = [each.filename for each in sftp.listdir_attr(self._place.path(TEMPORARY))]
        except FileNotFoundError:
            return
        owners = [name.removeprefix(self._stem) for name in names if name.startswith(self._stem)]
        if _FREE in owners:
            yield _FREE
        for owner in owners:
            with suppress(FileNotFoundError):
                newest = sftp.lstat(posixpath.join(self._at(owner), "digests")).st_mtime
                if self._place.clock().timestamp() - newest > STALE:
                    yield owner

    def send(self, number: int, data: bytes) -> bool:
        """Write a part, unless it is there; then its digest, which makes it count."""
        import xxhash

        digest = xxhash.xxh3_128_digest(data)
        if self._there.get(number) == digest:
            return False
        with self._place.connections.lent() as sftp:
            self._write(sftp, "data", number * self.part_size, data)
            self._write(sftp, "digests", number * _DIGEST, digest)
        self._there[number] = digest
        return True

    def _write(self, sftp: Any, name: str, offset: int, data: bytes) -> None:
        try:
            with sftp.open(self._in(name), "r+b") as file:
                sftp_wire.write(file, offset, data)
        except FileNotFoundError as error:
            raise Ended("the parts of this upload are gone") from error

    def finish(self) -> None:
        """Give the file its name, unless there is an object.

        Raises:
            Taken: There is one.
            Ended: The parts are gone.
        """
        with self._place.connections.lent() as sftp:
            self._check(sftp)
            try:
                publish(sftp, self._in("data"), self._path)
            except Taken:
                self._remove(sftp)
                raise
            self._remove(sftp)

    def _check(self, sftp: Any) -> None:
        """Make the file read-only, if it is of the right size."""
        try:
            sftp.chmod(self._in("data"), READ_ONLY)
            found = sftp.lstat(self._in("data")).st_size
        except FileNotFoundError as error:
            raise Ended("the parts of this upload are gone") from error
        if found != self._size:
            self._remove(sftp)
            raise Ended(f"the parts of this upload have {found} bytes instead of {self._size}")

    def abort(self) -> None:
        """Remove what was sent."""
        if self._is_open:
            with self._place.connections.lent() as sftp:
                self._remove(sftp)

    def _remove(self, sftp: Any) -> None:
        self._is_open = False
        removed(sftp, self._in("data"), self._in("digests"))
        with suppress(OSError):
            sftp.rmdir(self._folder)

    def close(self) -> None:
        """Leave what was sent to whoever goes on with it."""
        if not self._is_open:
            return
        self._is_open = False
        with (
            suppress(Exception),
            self._place.connections.lent() as sftp,
        ):  # it is found later anyway, as stale
            self._let_go(sftp)

    def _let_go(self, sftp: Any) -> None:
        try:
            sftp.rename(self._folder, self._at(_FREE))
        except OSError as error:
            if is_unanswered(error):
                raise
            self._remove(sftp)  # another writer left the same
