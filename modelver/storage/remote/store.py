"""A remote store: the contract of `Store` over a bucket's thin verbs, with tries, time limits and forks."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from modelver.errors import (
    AlreadyExists,
    CommitUnknown,
    LimitExceeded,
    ModelverError,
    NotFound,
    StoreError,
)
from modelver.storage.keys import checked_key, checked_prefix
from modelver.storage.layout import sha256_in
from modelver.storage.remote.bucket import Bucket, Fault, Place, TooLarge, Trouble
from modelver.storage.remote.tries import Tries
from modelver.storage.remote.upload import RetriedUpload
from modelver.storage.remote.words import cant_open, check_size, error_of
from modelver.storage.store import Entry, Guarantees, Store, Upload

MAX_NEW = 4 * 2**20
"""Bytes of a created object at most: above that, clients of Azure and GCS split it into several requests."""

RENEW_SECONDS = 60.0
"""How often at most a client that is denied access makes room for another."""

T = TypeVar("T")
_RETRIED = {Fault.AGAIN, Fault.NOT_SENT}
_ALIKE = re.compile("[a-z0-9_/]*")
"""The beginning of a text up to which all servers sort alike: SeaweedFS goes folder by folder, and ``-`` and ``.`` sort
before ``/`` in whole keys. It also keeps away what is no part of a key, on which some servers choke."""


class RemoteStore:
    """A bucket, container or server; threads may share one, and so may forked processes, each with its own connection.

    Args:
        place: Where it is.
        timeout: Seconds that a request may take with all its repetitions.
    """

    folder = None

    def __init__(self, place: Place, timeout: float) -> None:
        self._connect = place.connect
        self._url = place.url
        self._guarantees = place.guarantees
        self.place = f"{place.endpoint} {place.url}"
        self.timeout = timeout
        self._made: tuple[int, Bucket] | None = None
        self._renewed = -RENEW_SECONDS
        self._locks: dict[int, threading.Lock] = {}

    def __reduce__(self) -> str:
        """Refuse to be pickled.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            f"a connection to {self._url} has credentials, and is not pickled: open the registry anew where it is needed"
        )

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self._url

    @property
    def guarantees(self) -> Guarantees:
        """What this kind of store promises."""
        return self._guarantees

    @property
    def client(self) -> str:
        """Name and version of what speaks to the store."""
        return self.connected().client

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole; see `Store.get`."""
        checked_key(key)
        try:
            return self.call("could not read", key, lambda bucket: bucket.get(key, limit))
        except TooLarge as error:
            raise LimitExceeded(
                "too large", where=self._at(key), expected=f"at most {limit} bytes", found=error.args[0]
            ) from None

    def size(self, key: str) -> int:
        """Return an object's size in bytes; see `Store.size`."""
        checked_key(key)
        return self.call("could not read", key, lambda bucket: bucket.size(key))

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part of an object; see `Store.read_range`."""
        checked_key(key)
        return self.call("could not read", key, lambda bucket: bucket.read_range(key, offset, length))

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects below a folder; see `Store.list`. It is read whole, since not all servers sort whole keys."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        alike = _ALIKE.match(after, len(start)) if after.startswith(start) else None
        # Without its last character: SeaweedFS leaves out a folder of that very name, too.
        first = start + alike[0][:-1] if alike and alike[0] else ""

        def listed(bucket: Bucket) -> tuple[Entry, ...]:
            return tuple(entry for entry in bucket.list(start, first) if entry.key > after)

        try:
            found = self.call("could not list", start, listed)
        except NotFound:
            found = ()
        return iter(sorted(found, key=lambda entry: entry.key))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of folders in a folder; see `Store.folders`."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        try:
            found = self.call("could not list", start, lambda bucket: [*bucket.folders(start)])
        except NotFound:
            found = []
        return iter(sorted(found))

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object; see `Store.put_new`."""
        checked_key(key)
        if not 0 < len(data) <= MAX_NEW:
            raise LimitExceeded("not a size for a new object", where=key, found=len(data))
        if not self._create(key, data, None):
            raise AlreadyExists("an object is there already", where=self._at(key))

    def _create(self, key: str, data: bytes, sha256: str | None) -> bool:
        """Create an object in one request; False where the key is taken, but not by this very call.

        Raises:
            CommitUnknown: No answer came, and what is there can't be found out.
        """
        tries = Tries(self.timeout)
        maybe_done = False
        while True:
            bucket = self.connected()
            try:
                bucket.create(key, data, sha256)
            except ModelverError:
                raise
            except Exception as error:  # noqa: BLE001 (every client raises its own)
                trouble = bucket.trouble(error)
            else:
                return True
            if trouble.fault is Fault.EXISTS:
                return maybe_done and self._is_mine(key, data)
            maybe_done |= trouble.fault is Fault.AGAIN and not trouble.nothing_done
            if trouble.fault in _RETRIED and tries.again(reached=trouble.fault is Fault.AGAIN):
                continue
            if maybe_done:
                raise self._unknown(key, trouble)
            raise self._error("could not write", key, trouble) from None

    def _is_mine(self, key: str, data: bytes) -> bool:
        """Tell whether a taken key has these bytes: the reply to an earlier try may have been lost."""
        try:
            return self.get(key, limit=len(data)) == data
        except LimitExceeded:
            return False
        except ModelverError as error:
            raise self._unknown(key, Trouble(Fault.OTHER, str(error))) from error

    def put_blob(self, key: str, data: bytes) -> None:
        """Store bytes under a key derived from them; see `Store.put_blob`."""
        checked_key(key)
        if len(data) > self.connected().single:
            self._put_parts(key, data)
            return
        try:
            created = self._create(key, data, sha256_in(key))
        except CommitUnknown as error:
            raise StoreError(
                "could not write", where=error.where, found=error.found, hint="Try again."
            ) from None
        if not created:
            self._check_size(key, len(data))

    def _put_parts(self, key: str, data: bytes) -> None:
        with closing(self.upload(key, len(data))) as upload:
            for number, start in enumerate(range(0, len(data), upload.part_size)):
                upload.send(number, data[start : start + upload.part_size])
            upload.finish()

    def _check_size(self, key: str, size: int) -> None:
        check_size(self._at(key), size, self.size(key))

    def upload(self, key: str, size: int) -> Upload:
        """Begin, or go on with, an object in parts; see `Store.upload`."""
        checked_key(key)
        inner = self.call("could not write", key, lambda bucket: bucket.upload(key, size))

        def retry(work: Callable[[], T]) -> T:
            return self.call("could not write", key, lambda _: work())

        return RetriedUpload(inner, retry, lambda: self._check_size(key, size))

    def copy_from(self, source: Store, key: str) -> bool:
        """Take an object of another store, on the server's side; see `Store.copy_from`."""
        checked_key(key)
        theirs = getattr(source, "remote", source)
        if not isinstance(theirs, RemoteStore) or not self._guarantees.server_side_copy:
            return False
        other = theirs.connected()
        if type(other) is not type(self.connected()):
            return False
        return self.call("could not copy", key, lambda bucket: bucket.copy_from(other, key))

    def delete(self, key: str) -> None:
        """Delete an object that nothing refers to; see `Store.delete`."""
        checked_key(key)
        try:
            self.call("could not delete", key, lambda bucket: bucket.delete(key))
        except NotFound:
            return

    def local_path(self, key: str) -> Path | None:
        """Return None: objects are no files of this machine."""
        checked_key(key)
        return None

    def clock(self) -> datetime:
        """Return the server's time."""
        return self.call("could not ask for the time", "", lambda bucket: bucket.clock())

    def connected(self) -> Bucket:
        """Return this process's bucket; a forked child makes its own, since clients don't survive a fork."""
        owner = os.getpid()
        made = self._made
        if made is None or made[0] != owner:
            # A lock for each process, as the parent's may have been held when the child was forked.
            with self._locks.setdefault(owner, threading.Lock()):
                made = self._made
                if made is None or made[0] != owner:
                    made = self._made = owner, self._opened()
        return made[1]

    def _opened(self) -> Bucket:
        """Make a bucket.

        Raises:
            StoreError: The client refuses its settings.
        """
        try:
            return self._connect()
        except ModelverError:
            raise
        except Exception as error:  # noqa: BLE001 (every client raises its own)
            raise cant_open(self._url, error) from None

    def call(self, what: str, key: str, work: Callable[[Bucket], T]) -> T:
        """Do what may be done twice, and again where it failed for a moment.

        Raises:
            NotFound: There is no such object.
            StoreError: The store could not, or not in time.
        """
        tries = Tries(self.timeout)
        while True:
            bucket = self.connected()
            try:
                return work(bucket)
            except (ModelverError, TooLarge):
                raise
            except Exception as error:  # noqa: BLE001 (every client raises its own)
                trouble = bucket.trouble(error)
            if not (trouble.fault in _RETRIED and tries.again(reached=trouble.fault is Fault.AGAIN)):
                raise self._error(what, key, trouble) from None

    def _error(self, what: str, key: str, trouble: Trouble) -> ModelverError:
        if trouble.fault is Fault.DENIED and time.monotonic() >= self._renewed + RENEW_SECONDS:
            # It may have read its keys before they were replaced: the next call has another one, which reads them anew.
            self._made, self._renewed = None, time.monotonic()
        return error_of(what, self._at(key), trouble)

    def _unknown(self, key: str, trouble: Trouble) -> CommitUnknown:
        return CommitUnknown(
            "an object may or may not have been written for good",
            where=self._at(key),
            found=trouble.text,
            hint="Nothing was removed. When the store answers again, try again with the same commit_id.",
        )

    def _at(self, key: str) -> str:
        return f"{self._url}/{key}"
