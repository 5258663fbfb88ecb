"""A small store in this process's memory, for tests and tutorials: the same contract, but nothing outlives it."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, ClassVar, Self

from modelver.errors import AlreadyExists, IntegrityError, LimitExceeded, NotFound
from modelver.storage.failures import failing_as
from modelver.storage.keys import checked_key, checked_prefix
from modelver.storage.store import Entry, Guarantees


class MemoryStore:
    """Objects in memory; all stores of one name in a process are one.

    Args:
        name: Any text.
    """

    _shared: ClassVar[dict[str, dict[str, bytes]]] = {}
    _lock: ClassVar[Lock] = Lock()

    def __init__(self, name: str) -> None:
        self._name = name
        with self._lock:
            self._objects = self._shared.setdefault(name, {})

    @property
    def url(self) -> str:
        """The address `memory://name`."""
        return f"memory://{self._name}"

    @property
    def guarantees(self) -> Guarantees:
        """All but durability."""
        return Guarantees(exclusive_create=True, strong_listing=True, durable=False)

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole; see `Store.get`."""
        data = self._found(key)
        if len(data) > limit:
            raise LimitExceeded(
                "too large", where=self._at(key), expected=f"at most {limit} bytes", found=len(data)
            )
        return data

    def size(self, key: str) -> int:
        """Return an object's size in bytes; see `Store.size`."""
        return len(self._found(key))

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects below a folder; see `Store.list`."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        with self._lock:
            found = [
                (key, len(data))
                for key, data in self._objects.items()
                if key > after and key.startswith(start)
            ]
        return (Entry(key, size) for key, size in sorted(found))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of folders in a folder; see `Store.folders`."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        with self._lock:
            below = [key.removeprefix(start) for key in self._objects if key.startswith(start)]
        return iter(sorted({key.partition("/")[0] for key in below if "/" in key}))

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object; see `Store.put_new`."""
        with self._lock:
            if checked_key(key) in self._objects:
                raise AlreadyExists("an object is there already", where=self._at(key))
            self._objects[key] = bytes(data)

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key derived from them; see `Store.put_blob`."""
        with self._lock:
            stored = self._objects.setdefault(checked_key(key), bytes(data))
        if len(stored) != len(data):
            raise IntegrityError(
                "a stored object has not the size of the bytes that it is named for",
                where=self._at(key),
                expected=f"{len(data)} bytes",
                found=len(stored),
            )

    def incoming(self) -> "MemoryIncoming":
        """Open a place for bytes whose key is not known yet; see `Store.incoming`."""
        import tempfile  # slow, and seldom needed

        with failing_as("could not make a temporary file", Path(tempfile.gettempdir())):
            return MemoryIncoming(tempfile.TemporaryFile(), self.put_blob)

    def adopt(self, path: Path, key: str, *, seen: os.stat_result) -> bool:
        """Return False: no file can become an object of this store; see `Store.adopt`."""
        del path, seen
        checked_key(key)
        return False

    def local_path(self, key: str) -> None:
        """Return None: objects are no files; see `Store.local_path`."""
        checked_key(key)

    def clock(self) -> datetime:
        """Return this machine's time."""
        return datetime.now(UTC)

    def _at(self, key: str) -> str:
        return f"{self.url}/{key}"

    def _found(self, key: str) -> bytes:
        try:
            return self._objects[checked_key(key)]
        except KeyError:
            raise NotFound("no such object", where=self._at(key)) from None


class MemoryIncoming:
    """Bytes in a temporary file without a name; see `Incoming`."""

    def __init__(self, file: IO[bytes], put_blob: Callable[[str, bytes], None]) -> None:
        self._file = file
        self._put_blob = put_blob

    def fileno(self) -> int:
        """Return a descriptor open for reading and writing."""
        return self._file.fileno()

    def publish(self, key: str) -> None:
        """Make the bytes visible; see `Incoming.publish`."""
        with self._file:
            self._file.seek(0)
            self._put_blob(key, self._file.read())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()
