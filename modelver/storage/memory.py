"""A small store in this process's memory, for tests and tutorials: the same contract, but nothing outlives it."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import RLock
from typing import ClassVar

from modelver.errors import AlreadyExists, IntegrityError, LimitExceeded, NotFound
from modelver.storage.keys import checked_key, checked_prefix
from modelver.storage.store import Entry, Guarantees, Store

# A child that was forked while another thread holds it would wait for ever.
_LOCK = RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class MemoryStore:
    """Objects in memory; all stores of one name in a process are one.

    Args:
        name: Any text.
    """

    folder = None
    _shared: ClassVar[dict[str, dict[str, bytes]]] = {}

    def __init__(self, name: str) -> None:
        self._name = name
        with _LOCK:
            self._objects = self._shared.setdefault(name, {})

    @property
    def url(self) -> str:
        """The address `memory://name`."""
        return f"memory://{self._name}"

    @property
    def place(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def guarantees(self) -> Guarantees:
        """All but durability."""
        return Guarantees(
            exclusive_create=True, strong_listing=True, durable=False, range_reads=True, server_side_copy=True
        )

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
        with _LOCK:
            found = [
                (key, len(data))
                for key, data in self._objects.items()
                if key > after and key.startswith(start)
            ]
        return (Entry(key, size) for key, size in sorted(found))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of folders in a folder; see `Store.folders`."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        with _LOCK:
            below = [key.removeprefix(start) for key in self._objects if key.startswith(start)]
        return iter(sorted({key.partition("/")[0] for key in below if "/" in key}))

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object; see `Store.put_new`."""
        with _LOCK:
            if checked_key(key) in self._objects:
                raise AlreadyExists("an object is there already", where=self._at(key))
            self._objects[key] = bytes(data)

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key derived from them; see `Store.put_blob`."""
        with _LOCK:
            stored = self._objects.setdefault(checked_key(key), bytes(data))
        if len(stored) != len(data):
            raise IntegrityError(
                "a stored object has not the size of the bytes that it is named for",
                where=self._at(key),
                expected=f"{len(data)} bytes",
                found=len(stored),
            )

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part of an object; see `Store.read_range`."""
        return self._found(key)[offset : offset + length]

    def upload(self, key: str, size: int) -> "MemoryUpload":
        """Begin an object in parts; see `Store.upload`."""
        checked_key(key)
        return MemoryUpload(lambda data: self.put_blob(key, data), size)

    def copy_from(self, source: Store, key: str) -> bool:
        """Take an object of another store in memory; see `Store.copy_from`."""
        if not isinstance(source, MemoryStore):
            return False
        self.put_blob(key, source.get(key, limit=2**62))
        return True

    def delete(self, key: str) -> None:
        """Delete an object; see `Store.delete`."""
        with _LOCK:
            self._objects.pop(checked_key(key), None)

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


class MemoryUpload:
    """Parts of an object; see `Upload`."""

    part_size = 2**20
    at_once = 4

    def __init__(self, put: Callable[[bytes], None], size: int) -> None:
        self._put = put
        self._size = size
        self._parts: dict[int, bytes] = {}

    def send(self, number: int, data: bytes) -> bool:
        """Keep a part."""
        self._parts[number] = bytes(data)
        return True

    def finish(self) -> None:
        """Make an object of the parts."""
        self._put(b"".join(data for _, data in sorted(self._parts.items())))

    def abort(self) -> None:
        """Forget the parts."""
        self._parts.clear()

    def close(self) -> None:
        """Forget the parts."""
        self._parts.clear()
