"""What one kind of client has to offer for a remote store: thin verbs that raise the client's own errors.

`RemoteStore` makes the contract of `Store` of them: it checks keys, tries again, bounds the time, survives forks, and
tells errors in our words. So a kind of bucket says only how its client does a thing, and what its errors mean.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import Enum, auto
from typing import Protocol, Self

import attrs

from modelver.storage.store import Entry, Guarantees, Upload

MIB = 2**20
PART = 16 * MIB
"""Bytes of a part, and of a range that is downloaded: measured best for S3 (docs/decisions)."""

MAX_PARTS = 10_000
"""Parts of one object at most (Amazon S3 user guide, "Multipart upload limits"); Azure allows 50,000 blocks."""

IN_FLIGHT = 128 * MIB
"""Bytes of parts in memory at most, for one object."""


class Fault(Enum):
    """What a client's error means for a caller."""

    MISSING = auto()
    """There is no such object."""
    EXISTS = auto()
    """The condition failed: the key is taken."""
    ENDED = auto()
    """The upload was finished or aborted by somebody else."""
    NOT_SENT = auto()
    """Nobody was reached: nothing has happened, and it may be tried again."""
    AGAIN = auto()
    """It may have happened or not, and may be tried again."""
    DENIED = auto()
    """Credentials or permissions."""
    NO_PLACE = auto()
    """The bucket or container is missing."""
    OTHER = auto()
    """Trying again is of no use."""


@attrs.frozen
class Trouble:
    """A client's error, understood.

    Attributes:
        fault: What it means.
        text: What the client said, without secrets.
        nothing_done: Whether the store surely did nothing, although it may be tried again.
    """

    fault: Fault
    text: str
    nothing_done: bool = False


class TooLarge(Exception):
    """An object is larger than the caller allows; its size is the argument."""


class Bucket(Protocol):
    """The verbs. Keys are checked and relative to the store's root; every verb may be called by many threads.

    Attributes:
        url: Where it is, without credentials.
        guarantees: What this kind promises.
        client: Name and version of the client and of what it stands on, for the memory of probes.
        single: Bytes up to which an object goes in one request.
    """

    url: str
    guarantees: Guarantees
    client: str
    single: int

    def get(self, key: str, limit: int) -> bytes:
        """Return an object whole; raises `TooLarge` before reading more than `limit` bytes."""
        ...

    def size(self, key: str) -> int:
        """Return an object's size."""
        ...

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return bytes of an object, fewer where it ends before; length is positive."""
        ...

    def list(self, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the objects whose keys begin with a text, after a key, in code-point order."""
        ...

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names between a prefix (empty, or with its final slash) and the next slash, sorted."""
        ...

    def create(self, key: str, data: bytes, sha256: str | None) -> None:
        """Create an object in one conditional request; the store checks the digest where it can.

        A taken key raises what `trouble` calls `Fault.EXISTS`.
        """
        ...

    def upload(self, key: str, size: int) -> Upload:
        """Begin, or go on with, an object in parts; the methods raise the client's own errors."""
        ...

    def copy_from(self, source: Self, key: str) -> bool:
        """Copy an object on the server's side; False where these two can't."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object; a missing one may raise `Fault.MISSING`."""
        ...

    def clock(self) -> datetime:
        """Return the server's time."""
        ...

    def trouble(self, error: Exception) -> Trouble:
        """Say what an error of this client means."""
        ...


class ObjectBucket(Bucket, Protocol):
    """A bucket of a service for objects, whose objects may have names of another kind than keys, and be replaced.

    Attributes:
        names: What keys are called there, where that is not their own text; relative to the store's root.
    """

    names: Mapping[str, str]

    def replace(self, key: str, data: bytes) -> None:
        """Write an object in one request, whatever is there: readers see the old bytes or the new ones."""
        ...


def part_size(size: int) -> int:
    """Return the bytes of a part: 16 MiB, or as many whole MiB as it takes to stay below `MAX_PARTS`."""
    return max(PART, -(-size // (MAX_PARTS * MIB)) * MIB)


def parts_at_once(size: int) -> int:
    """Return how many parts of this size may be in memory."""
    return max(1, min(8, IN_FLIGHT // size))


@attrs.frozen
class Place:
    """A store that can be reached, but was not yet.

    Attributes:
        url: Without credentials.
        endpoint: Which service it is at, where the URL does not say.
        guarantees: What its kind promises.
        connect: Makes the bucket.
    """

    url: str
    endpoint: str
    guarantees: Guarantees
    connect: Callable[[], Bucket]
