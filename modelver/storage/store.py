"""The store: few verbs, whose docstrings are the contract that every kind of store must keep.

Keys are relative POSIX paths such as ``models/fraud/log/00000000000000000001.json`` (`keys.checked_key` says exactly
which). An object is written once and never changed: there is no verb that overwrites, so concurrency is one verb,
`Store.put_new`. `tests/contracts` proves the contract for each kind of store.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

import attrs


@attrs.frozen
class Guarantees:
    """What a kind of store promises; the contract suite proves each.

    Attributes:
        exclusive_create: Of many writers that create one key, exactly one wins, and readers see all or nothing.
        strong_listing: A listing that starts after a write has returned shows the object.
        durable: What was acknowledged survives a power cut.
        range_reads: A part of an object is read without the rest.
        server_side_copy: Objects move between two stores of one service without passing through this machine.
    """

    exclusive_create: bool
    strong_listing: bool
    durable: bool
    range_reads: bool
    server_side_copy: bool


@attrs.frozen
class Entry:
    """One object of a listing.

    Attributes:
        key: The object's key.
        size: Bytes.
    """

    key: str
    size: int


class Incoming(Protocol):
    """Bytes on their way into a store, invisible until published.

    Used as a context manager: leaving it unpublished discards the bytes.
    """

    def fileno(self) -> int:
        """Return a file descriptor open for reading and writing, positioned at the start, until the bytes are published."""
        ...

    def publish(self, key: str) -> None:
        """Make the bytes durable and visible under the key, complete, and close the file.

        An object of this size that is there already is kept; it is durable too when this returns.

        Raises:
            IntegrityError: An object of another size is there; it is left as it is.
            StoreError: The store could not; what is visible under the key, if anything, is complete.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Upload(Protocol):
    """An object on its way into a store in parts, invisible until finished; `Store.upload` begins it.

    Attributes:
        part_size: Bytes of every part but the last, which has what is left.
        at_once: How many parts may be sent at once; where it is 1, they are sent in order.
    """

    part_size: int
    at_once: int

    def send(self, number: int, data: bytes) -> bool:
        """Send a part, by its number from 0; any thread may.

        Returns:
            False where an earlier try had brought these very bytes into the store already, and nothing was sent.

        Raises:
            Conflict: Another writer ended the upload.
            StoreError: It could not be sent; what was sent stays for another try.
        """
        ...

    def finish(self) -> None:
        """Make the object visible, complete and durable; one of this size that is there already is kept.

        Raises:
            IntegrityError: An object of another size is there; it is left as it is.
            Conflict: Another writer ended the upload, and the object is not there: begin again.
            StoreError: The store could not; what is visible under the key, if anything, is complete.
        """
        ...

    def abort(self) -> None:
        """Take back what was sent, as far as the store lets us; raises nothing."""
        ...

    def close(self) -> None:
        """Let go of this machine's part of it; what was sent stays for another try, where the store can keep it."""
        ...


class Store(Protocol):
    """A folder or bucket.

    Every verb raises `UnsafePath` for what is no key, and `StoreError` where the environment fails (permissions, disk,
    network).
    """

    @property
    def url(self) -> str:
        """Where the store is, without credentials, for messages."""
        ...

    @property
    def place(self) -> str:
        """Which store this is among all that this machine may know: the URL, and the service's address where that differs."""
        ...

    @property
    def guarantees(self) -> Guarantees:
        """What this kind of store promises."""
        ...

    @property
    def folder(self) -> "Folder | None":
        """The store itself where its objects are files of this machine, else None."""
        ...

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole.

        Raises:
            NotFound: There is no such object.
            LimitExceeded: It is larger than `limit` bytes; its size is checked before it is read.
            IntegrityError: Something that is no object, such as a link, is in its place.
        """
        ...

    def size(self, key: str) -> int:
        """Return an object's size in bytes.

        Raises:
            NotFound: There is no such object.
            IntegrityError: Something that is no object, such as a link, is in its place.
        """
        ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects below the folder `prefix`, deep, in code-point order of their whole keys.

        Args:
            prefix: A folder without a final slash, or empty for the whole store; a missing folder is empty.
            after: Only keys greater than this text are yielded.
        """
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders right in the folder `prefix`, in code-point order; none where it is missing.

        A folder that was made for an object which never came, as its writer died, may be among them.
        """
        ...

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object: atomic, complete and durable when this returns; of many writers exactly one wins.

        Raises:
            AlreadyExists: The key is taken, perhaps by an earlier try of ours: read it back to find out.
            CommitUnknown: It may or may not have been written.
            StoreError: It was not written.
        """
        ...

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key that is derived from them: complete or absent, and durable when this returns.

        Storing equal bytes again is fine: an object of this size that is there already is kept.

        Raises:
            IntegrityError: An object of another size is there; it is left as it is.
            StoreError: The store could not; what is visible under the key, if anything, is complete.
        """
        ...

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return so many bytes of an object from an offset on, fewer where it ends before.

        Args:
            key: Which.
            offset: The first byte; the object must have it.
            length: How many; positive.

        Raises:
            NotFound: There is no such object.
        """
        ...

    def upload(self, key: str, size: int) -> Upload:
        """Begin, or go on with, an object of so many bytes under a key that is derived from them."""
        ...

    def copy_from(self, source: "Store", key: str) -> bool:
        """Take an object of another store under the same key without its bytes passing through this machine.

        Returns:
            False where these two stores can't; nothing was done then.

        Raises:
            NotFound: The source has no such object.
            IntegrityError: An object of another size is under that key here.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object that nothing refers to, such as a probe's; a missing one is fine.

        Log entries are never deleted, and blobs only by a sweep.
        """
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where the object is, or would be, in the local file system; None where the store is elsewhere."""
        ...

    def clock(self) -> datetime:
        """Return the store's time, in UTC."""
        ...


class Folder(Store, Protocol):
    """A store whose objects are files of this machine."""

    def incoming(self) -> Incoming:
        """Open a place for bytes whose key is known only after they were written."""
        ...

    def adopt(self, path: Path, key: str, *, seen: os.stat_result) -> bool:
        """Make a file the object itself, without copying it: it becomes read-only, and keeps its old name.

        The caller removes that name once the object is needed for good, so that a crash before then loses nothing.

        Args:
            path: The file.
            key: Derived from its bytes.
            seen: What fstat(2) said of the file before its bytes were hashed; a later change is noticed, but for what
                a writer that has it open writes after this returned.

        Returns:
            False where that can't be, and the file is left as it was: another file system, several links to the file,
            somebody else's file, or another object under that key. True also where it is that object already.

        Raises:
            SourceChanged: It is not the file that was hashed any more; it is left as it is.
            IntegrityError: An object of another size is under that key.
            StoreError: The store could not; the file has its old name, and the key perhaps.
        """
        ...
