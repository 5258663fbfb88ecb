"""The store: few verbs, whose docstrings are the contract that every kind of store must keep.

Keys are relative POSIX paths such as ``models/fraud/log/00000000000000000001.json``. An object is written once
and never changed: there is no verb that overwrites, so concurrency is one verb, `Store.put_new`.
`tests/contracts` proves the contract for each kind of store.
"""

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
    """

    exclusive_create: bool
    strong_listing: bool
    durable: bool


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
        """Return a file descriptor open for writing, positioned at the start."""
        ...

    def publish(self, key: str) -> None:
        """Make the bytes durable and visible under the key, complete; equal bytes already there are kept.

        Raises:
            StoreError: The store could not; nothing is visible under the key.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Store(Protocol):
    """A folder or bucket.

    Every verb raises `StoreError` where the environment fails (permissions, disk, network).
    """

    @property
    def url(self) -> str:
        """Where the store is, without credentials, for messages."""
        ...

    @property
    def guarantees(self) -> Guarantees:
        """What this kind of store promises."""
        ...

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole.

        Raises:
            NotFound: There is no such object.
            LimitExceeded: It is larger than `limit` bytes; its size is checked before it is read.
        """
        ...

    def size(self, key: str) -> int:
        """Return an object's size in bytes.

        Raises:
            NotFound: There is no such object.
        """
        ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects whose key starts with the folder `prefix`, deep, in code-point order of their keys.

        A missing folder is empty. With `after`, only keys greater than it. Temporary files are never shown.
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
        """Store bytes under a key that is derived from them: complete or absent; again with equal bytes is fine."""
        ...

    def incoming(self) -> Incoming:
        """Open a place for bytes whose key is known only after they were written (local stores)."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return where the object is in the local file system, or None where the store is elsewhere."""
        ...

    def clock(self) -> datetime:
        """Return the store's time, in UTC."""
        ...
