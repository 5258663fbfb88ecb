"""A folder of an SFTP server, through paramiko, on which fsspec's SFTPFileSystem stands.

fsspec's own verbs create by looking first (of 50 contested keys, 42 had several winners) and move by a rename that
overwrites. An object is written to ``tmp/`` instead and gets its name by SSH_FXP_RENAME, which OpenSSH makes of
link(2), so that it fails where the name is taken (sftp-server.c; 50 of 50). A file system of the server without hard
links, and some other servers, may lack that; the probe before the first write finds them.

SFTP 3 can't flush a file to the disk, so nothing here outlives a power cut of the server for certain.
"""

import posixpath
import stat
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Self

from modelver.errors import IntegrityError
from modelver.storage.failures import told
from modelver.storage.keys import TEMPORARY, is_segment
from modelver.storage.remote import sftp_wire
from modelver.storage.remote.bucket import Fault, TooLarge, Trouble, part_size
from modelver.storage.remote.loop import Dates
from modelver.storage.remote.sftp_connection import Connections, Lost, SftpOptions, Unreached
from modelver.storage.remote.sftp_files import (
    READ_ONLY,
    Ended,
    Taken,
    is_unanswered,
    opened_new,
    publish,
    removed,
)
from modelver.storage.remote.sftp_upload import SftpUpload
from modelver.storage.store import Entry, Guarantees

GUARANTEES = Guarantees(
    exclusive_create=True, strong_listing=True, durable=False, range_reads=True, server_side_copy=False
)


class SftpFolder:
    """A folder of a server.

    Args:
        options: How to reach it.
        root: Its absolute path.
        timeout: Seconds that one request may wait for an answer.
    """

    guarantees = GUARANTEES
    single = part_size(0)

    def __init__(self, options: SftpOptions, root: str, timeout: float) -> None:
        self.url = f"sftp://{options.address}{root}"
        self.root = root
        self.client = f"paramiko {version('paramiko')}"
        self.connections = Connections(options, timeout)
        self._dates = Dates()

    def path(self, key: str) -> str:
        """Return where an object is."""
        return posixpath.join(self.root, key)

    def get(self, key: str, limit: int) -> bytes:
        """Return an object whole."""
        with self.connections.lent() as sftp:
            size = self._measured(sftp, key)
            if size > limit:
                raise TooLarge(size)
            return self._read(sftp, key, 0, size)

    def size(self, key: str) -> int:
        """Return an object's size."""
        with self.connections.lent() as sftp:
            return self._measured(sftp, key)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return bytes of an object."""
        with self.connections.lent() as sftp:
            size = self._measured(sftp, key)
            return self._read(sftp, key, offset, max(0, min(length, size - offset)))

    def _read(self, sftp: Any, key: str, offset: int, length: int) -> bytes:
        if not length:
            return b""
        with sftp.open(self.path(key), "rb") as file:
            return sftp_wire.read(file, offset, length)

    def _measured(self, sftp: Any, key: str) -> int:
        """Return the size of a regular file.

        Raises:
            FileNotFoundError: There is none.
            IntegrityError: There is something else.
        """
        found = sftp.lstat(self.path(key))
        if stat.S_ISDIR(found.st_mode):
            raise FileNotFoundError("a folder")
        if not stat.S_ISREG(found.st_mode):
            raise IntegrityError(
                "a stored object was replaced by something else",
                where=f"{self.url}/{key}",
                expected="a regular file",
                found=stat.filemode(found.st_mode),
                hint="Find out who did that; then remove it.",
            )
        size: int = found.st_size
        return size

    def list(self, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the objects after a key, a folder at a time; foreign things are left out, as in a local store."""
        for key, size in sorted(self._children(prefix, after)):
            if key.endswith("/"):
                yield from self.list(key, after)
            else:
                yield Entry(key, size)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders in a folder."""
        for key, _ in sorted(self._children(prefix, "")):
            if key.endswith("/"):
                yield key.removeprefix(prefix).rstrip("/")

    def _children(self, prefix: str, after: str) -> Iterator[tuple[str, int]]:
        """Yield what may hold keys after a key, folders with a final slash, so that they sort as whole keys do."""
        with self.connections.lent() as sftp:
            try:
                found = sftp.listdir_attr(self.path(prefix).rstrip("/") or "/")
            except FileNotFoundError:
                return
        for each in found:
            key = prefix + each.filename
            below = f"{key}/"
            if not is_segment(each.filename) or key == TEMPORARY:
                continue
            if stat.S_ISDIR(each.st_mode) and (below > after or after.startswith(below)):
                yield below, 0
            elif stat.S_ISREG(each.st_mode) and key > after:
                yield key, each.st_size

    def create(self, key: str, data: bytes, sha256: str | None) -> None:  # noqa: ARG002 (the server checks none)
        """Create an object: write it elsewhere, then give it its name."""
        temporary = self.path(f"{TEMPORARY}/{uuid.uuid4().hex}")
        with self.connections.lent() as sftp:
            try:
                with opened_new(sftp, temporary) as file:
                    sftp_wire.write(file, 0, data)
                    file.chmod(READ_ONLY)
                publish(sftp, temporary, self.path(key))
            except (OSError, Taken) as error:
                if not is_unanswered(error):
                    removed(sftp, temporary)
                raise

    def upload(self, key: str, size: int) -> SftpUpload:
        """Begin an upload in parts, or go on with one that was broken off."""
        return SftpUpload(self, key, size)

    def copy_from(self, source: Self, key: str) -> bool:  # noqa: ARG002 (SFTP 3 has no copy)
        """Return False: the server can't copy."""
        return False

    def delete(self, key: str) -> None:
        """Delete an object."""
        with self.connections.lent() as sftp:
            sftp.remove(self.path(key))

    def clock(self) -> datetime:
        """Return the server's time: that of a file which is made for it, and removed."""
        if (now := self._dates.now()) is not None:
            return now
        temporary = self.path(f"{TEMPORARY}/{uuid.uuid4().hex}")
        with self.connections.lent() as sftp:
            with opened_new(sftp, temporary) as file:
                now = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            sftp.remove(temporary)
        self._dates.seen(now)
        return now

    def trouble(self, error: Exception) -> Trouble:
        """Say what an error means."""
        return trouble(error)


def trouble(error: Exception) -> Trouble:
    """Say what an error of paramiko means; the server's answers are (draft-ietf-secsh-filexfer-02, section 7)."""
    from paramiko import AuthenticationException, BadHostKeyException, SSHException

    text = told(error)
    if isinstance(error, Unreached):
        denied = isinstance(error.__cause__, AuthenticationException | BadHostKeyException)
        return Trouble(Fault.DENIED if denied else Fault.NOT_SENT, text)
    kinds = (
        (Taken, Fault.EXISTS),
        (Ended, Fault.ENDED),
        ((Lost, EOFError, TimeoutError, ConnectionError, SSHException), Fault.AGAIN),
        (FileNotFoundError, Fault.MISSING),
        (PermissionError, Fault.DENIED),
    )
    fault = next((fault for kind, fault in kinds if isinstance(error, kind)), Fault.OTHER)
    return Trouble(fault, text)
