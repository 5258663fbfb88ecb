"""A remote store with what was read of it kept on this machine, for when it can't be reached.

Objects of a registry never change, so a kept one is as good as the store's own; what may be missing are newer ones. While
the store can be reached it is always asked, but for small blobs, whose digest proves them. When it can't be, the log and
the small blobs that were read before are answered from here: the last known state, whose age `stale_since` tells. Only
reading goes on; every write fails.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

from modelver.errors import AlreadyExists, IntegrityError, LimitExceeded, NotFound, Offline
from modelver.storage.failures import told_offline
from modelver.storage.files import opened, read_all
from modelver.storage.keys import checked_key
from modelver.storage.layout import BLOBS, REGISTRY_FILE
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Entry, Guarantees, Store, Upload
from modelver.storage.walk import folders, walk

REST_SECONDS = 30.0
"""How long a store that could not be reached is not asked again by readers."""

JUST_NOW = 5.0
"""How long after that nobody asks it again at all, so that one call doesn't wait for it twice."""

KEPT_BLOB = 16 * 2**20
"""The largest blob that is kept when it is read whole: manifests, file maps, provenance."""

KEPT_WHEN_WRITTEN = 64 * 2**10
"""The same for a blob that is written: small maps and manifests are soon asked for again, files seldom."""

_SEEN = "seen"
_MODE = 0o444
_T = TypeVar("_T")


class CachedStore:
    """See the module.

    Args:
        remote: The store.
        cache: The user's cache folder; blobs are kept in ``blobs/``, everything else in ``registries/``.
        is_trusted: Tells whether nobody else may write there; else nothing is kept or answered from it.
        offline: Never ask the store.
    """

    folder = None

    def __init__(
        self, remote: RemoteStore, cache: Path, is_trusted: Callable[[], bool], *, offline: bool
    ) -> None:
        self.remote = remote
        self._cache = cache
        self._objects = cache / "registries" / hashlib.sha256(remote.place.encode()).hexdigest()[:32]
        self._is_trusted = is_trusted
        self._offline = offline
        self.recalls = 0
        self._counter = count(1)
        self._down_since: float | None = None
        self._why = ""
        self._noted = -1.0

    @property
    def url(self) -> str:
        """Where the store is, without credentials."""
        return self.remote.url

    @property
    def place(self) -> str:
        """Which store this is; see `Store.place`."""
        return self.remote.place

    @property
    def guarantees(self) -> Guarantees:
        """What the store promises."""
        return self.remote.guarantees

    @property
    def stale_since(self) -> datetime | None:
        """When the store was last reached, if it can't be reached now; None where what is read is current."""
        if not self._is_down:
            return None
        try:
            return datetime.fromtimestamp((self._objects / _SEEN).stat().st_mtime, UTC)
        except OSError:
            return datetime.fromtimestamp(0, UTC)

    @property
    def is_offline(self) -> bool:
        """Whether it is never asked, by the caller's choice."""
        return self._offline

    @property
    def _is_down(self) -> bool:
        return self._offline or self._failed_within(REST_SECONDS)

    def _failed_within(self, seconds: float) -> bool:
        since = self._down_since  # another thread may reach the store meanwhile
        return since is not None and time.monotonic() < since + seconds

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole; see `Store.get`."""
        kept = self._kept(key, limit) if _is_blob(key) else None
        if kept is not None:
            return kept
        data = self._read(lambda: self.remote.get(key, limit=limit), lambda: self._last_known(key, limit))
        self._keep(key, data)
        return data

    def size(self, key: str) -> int:
        """Return an object's size; see `Store.size`."""
        self._must_be_online()
        return self.remote.size(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects below a folder; see `Store.list`."""
        return self._read(lambda: self.remote.list(prefix, after=after), lambda: self._walk(prefix, after))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of folders in a folder; see `Store.folders`."""
        return self._read(lambda: self.remote.folders(prefix), lambda: folders(self._known(prefix), prefix))

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object; see `Store.put_new`."""
        self._must_be_online()
        try:
            self.remote.put_new(key, data)
        except AlreadyExists:
            self._note_reached()
            raise
        self._note_reached()
        self._keep(key, data)

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key derived from them; see `Store.put_blob`."""
        self._must_be_online()
        self.remote.put_blob(key, data)
        if len(data) <= KEPT_WHEN_WRITTEN:
            self._keep(key, data)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part of an object; see `Store.read_range`."""
        self._must_be_online()
        return self.remote.read_range(key, offset, length)

    def upload(self, key: str, size: int) -> Upload:
        """Begin an object in parts; see `Store.upload`."""
        self._must_be_online()
        return self.remote.upload(key, size)

    def copy_from(self, source: Store, key: str) -> bool:
        """Take an object of another store, on the server's side; see `Store.copy_from`."""
        self._must_be_online()
        return self.remote.copy_from(source, key)

    def delete(self, key: str) -> None:
        """Delete an object; see `Store.delete`."""
        self._must_be_online()
        self.remote.delete(key)

    def local_path(self, key: str) -> Path | None:
        """Return None: objects are no files of this machine."""
        return self.remote.local_path(key)

    def clock(self) -> datetime:
        """Return the store's time; see `Store.clock`."""
        self._must_be_online()
        return self.remote.clock()

    def _must_be_online(self) -> None:
        if self._offline:
            raise told_offline(self.url)
        if self._failed_within(JUST_NOW):
            raise Offline(
                "the store could not be reached a moment ago",
                where=self.url,
                found=self._why,
                hint=f"Check the network and the address; it is asked again after {JUST_NOW:.0f} seconds.",
            )

    def _read(self, ask: Callable[[], _T], remember: Callable[[], _T]) -> _T:
        """Ask the store, or this machine's memory where it can't be reached; `recalls` counts the latter."""
        if self._is_down:
            return self._recalled(remember)
        try:
            found = ask()
        except NotFound:
            self._note_reached()
            raise
        except Offline as error:
            if not self._has_founding():
                raise
            self._why = error.found
            self._down_since = time.monotonic()
            return self._recalled(remember)
        self._note_reached()
        return found

    def _recalled(self, remember: Callable[[], _T]) -> _T:
        # Not +=: of two threads that add at once one would set back what the other has compared.
        self.recalls = next(self._counter)
        return remember()

    def _has_founding(self) -> bool:
        return self._is_trusted() and (self._objects / REGISTRY_FILE).is_file()

    def _known(self, prefix: str) -> Path:
        """Return the folder of what is known of the log; of blobs not all are known, and so none are listed."""
        if not self._has_founding() or prefix.startswith(BLOBS.partition("/")[0]):
            raise self._unreached(prefix)
        return self._objects

    def _walk(self, prefix: str, after: str) -> Iterator[Entry]:
        return walk(self._known(prefix), prefix, after)

    def _last_known(self, key: str, limit: int) -> bytes:
        kept = self._kept(key, limit)
        if kept is not None:
            return kept
        if _is_blob(key) or not self._has_founding():
            raise self._unreached(key)
        raise NotFound("no such object was known when the store was last reached", where=f"{self.url}/{key}")

    def _unreached(self, key: str) -> Offline:
        if self._offline:
            return told_offline(f"{self.url}/{key}")
        return Offline(
            "the store can't be reached, and this was not read before",
            where=f"{self.url}/{key}",
            found=self._why,
            hint="Check the network and the address; what was loaded once works without.",
        )

    def _place(self, key: str) -> Path:
        return (self._cache if _is_blob(key) else self._objects) / checked_key(key)

    def _kept(self, key: str, limit: int) -> bytes | None:
        """Return a kept object; a blob only where its digest proves it."""
        path = self._place(key)
        if not self._is_trusted():
            return None
        try:
            with opened(path) as descriptor:
                size = os.fstat(descriptor).st_size
                if _is_blob(key) and size > KEPT_BLOB:
                    return None
                if size > limit:
                    raise LimitExceeded(
                        "too large", where=path, expected=f"at most {limit} bytes", found=size
                    )
                data = read_all(descriptor, size)
        except (OSError, NotFound, IntegrityError):
            return None
        if _is_blob(key) and hashlib.sha256(data).hexdigest() != key.rpartition("/")[2]:
            return None
        # A power cut may leave an empty file, or zeros in the place of bytes, which no object of a log ends with.
        return None if not data or (data[-1] == 0 and not _is_blob(key)) else data

    def _keep(self, key: str, data: bytes) -> None:
        """Keep an object, as far as this machine lets us."""
        path = self._place(key)
        if not data or (_is_blob(key) and len(data) > KEPT_BLOB):
            return
        temporary = path.with_name(f".{path.name}-{os.urandom(8).hex()}")
        with suppress(OSError):
            if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_trusted():
                return
            try:
                temporary.write_bytes(data)
                temporary.chmod(_MODE)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def _note_reached(self) -> None:
        """Note the time, now and then, for `stale_since`."""
        self._down_since = None
        now = time.monotonic()
        if now - self._noted > 1:
            with suppress(OSError):
                self._objects.mkdir(mode=0o700, parents=True, exist_ok=True)
                if self._is_trusted():
                    (self._objects / _SEEN).touch()
                    self._noted = now


def _is_blob(key: str) -> bool:
    return key.startswith(f"{BLOBS}/")
