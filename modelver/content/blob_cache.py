"""Blobs of remote stores on this machine: fetched once for all processes of the user, and verified each time."""

import os
import stat
import threading
import time
from pathlib import Path

from modelver.cache.place import make_private
from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.receive import Receiver
from modelver.errors import NotFound, SourceChanged, StoreError
from modelver.hashing.stream import hash_file
from modelver.storage.layout import blob_key
from modelver.storage.lock import advisory_lock
from modelver.values.digest import Digest

PARTIAL = "partial"
_LOCK_PATIENCE = 3600.0
_MODE = 0o444


class BlobCache:
    """Blobs by digest in the user's cache folder.

    Versions that were loaded are other names of these files, so a blob takes its space once. A file that was written
    to is noticed by its stamp, or by its SHA-256, and fetched anew.

    Args:
        folder: The user's cache folder.
        stamps: What is known of files that were read before.
    """

    def __init__(self, folder: Path, stamps: StampCache) -> None:
        self._folder = folder
        self._stamps = stamps

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, or would be."""
        return self._folder / blob_key(digest)

    def has(self, digest: Digest) -> bool:
        """Tell whether there is a file for a blob; whether it is whole shows when it is asked for."""
        return self.path(digest).exists()

    def get(self, digest: Digest, size: int, receiver: Receiver, cancelled: threading.Event) -> Path:
        """Return a blob's file, verified; fetched where it is missing or damaged, by one process at a time.

        Raises:
            NotFound: The store has no such blob.
            IntegrityError: The store's bytes are not those that its name promises.
            StoreError: The store can't be read, or the cache not be written.
        """
        place = self.path(digest)
        if self._is_whole(place, digest, size, cancelled):
            return place
        make_private(self._folder)
        with advisory_lock(self._folder / "locks" / f"blob-{digest.hex}", timeout=_LOCK_PATIENCE) as alone:
            if not self._is_whole(place, digest, size, cancelled):
                self._fetch(place, digest, size, receiver, cancelled, alone=alone)
        return place

    def _fetch(
        self,
        place: Path,
        digest: Digest,
        size: int,
        receiver: Receiver,
        cancelled: threading.Event,
        *,
        alone: bool,
    ) -> None:
        """Fetch a blob, going on where an earlier process was broken off."""
        partial = make_private(self._folder / "blobs" / PARTIAL) / digest.hex
        if not alone:  # no locks here, or a stuck one: nobody else's file
            partial = partial.with_name(f"{partial.name}-{os.urandom(8).hex()}")
        receiver.receive(digest, size, partial, cancelled)
        try:
            partial.chmod(_MODE)
            make_private(place.parent)
            partial.replace(place)
        except OSError as error:
            raise StoreError("a blob can't be kept", where=place, found=error.strerror or error) from error

    def _is_whole(self, place: Path, digest: Digest, size: int, cancelled: threading.Event) -> bool:
        """Tell whether a file has a blob's bytes, by its stamp if that is known, else by reading it."""
        try:
            status = place.lstat()
        except OSError:
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        stamp = Stamp.of(status)
        known = self._stamps.find(stamp)
        if known is not None:
            return known.sha256 == digest.hex
        started = time.time_ns()
        try:
            found = hash_file(place, cancelled=cancelled).sha256
        except (NotFound, SourceChanged, StoreError):
            return False
        if found == digest.hex:
            self._stamps.remember_many([Reading(stamp, Remembered(found), started)])
        return found == digest.hex
