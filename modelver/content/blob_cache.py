"""Blobs of remote stores on this machine: fetched once for all processes of the user, and verified each time."""

import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from modelver.cache.place import is_private, make_private
from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.keeping.holding import blob_lock
from modelver.content.keeping.survey import PARTIAL
from modelver.content.receive import Receiver
from modelver.errors import NotFound, SourceChanged, StoreError
from modelver.hashing.stream import hash_file
from modelver.storage.layout import blob_key
from modelver.storage.lock import advisory_lock
from modelver.values.digest import Digest

_LOCK_PATIENCE = 3600.0
_MODE = 0o444
_WRITABLE = 0o222


class BlobCache:
    """Blobs by digest in the user's cache folder.

    Versions that were loaded are other names of these files, so a blob takes its space once. A file that was written
    to is noticed by its stamp, or by its SHA-256, and fetched anew. In a folder that others may write to, nothing is
    kept, and nothing that is there is used.

    Args:
        folder: The user's cache folder.
        stamps: What is known of files that were read before.
    """

    def __init__(self, folder: Path, stamps: StampCache) -> None:
        self._folder = folder
        self._stamps = stamps

    @property
    def is_usable(self) -> bool:
        """Whether nobody else may write here; True too where there is nothing yet, as this user will make it."""
        return is_private(self._folder) or not os.path.lexists(self._folder)

    def path(self, digest: Digest) -> Path:
        """Return where a blob is, or would be."""
        return self._folder / blob_key(digest)

    def has(self, digest: Digest) -> bool:
        """Tell whether there is a file for a blob; whether it is whole shows when it is asked for."""
        return self.is_usable and self.path(digest).exists()

    def keep(self, digest: Digest, read: Callable[[], bytes]) -> None:
        """Keep a small blob, such as the manifest that says whose the files are, as far as this machine lets us.

        Args:
            digest: Its SHA-256.
            read: Gives its bytes, where there is none yet; others are not kept.
        """
        place = self.path(digest)
        if not self.is_usable or os.path.lexists(place):
            return
        data = read()
        temporary = place.with_name(f".{place.name}-{os.urandom(8).hex()}")
        with suppress(OSError, StoreError):
            if Digest.of(data) == digest:
                make_private(place.parent)
                try:
                    temporary.write_bytes(data)
                    temporary.chmod(_MODE)
                    temporary.replace(place)
                finally:
                    temporary.unlink(missing_ok=True)

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
        with advisory_lock(blob_lock(self._folder, digest.hex), timeout=_LOCK_PATIENCE) as alone:
            if not self._is_whole(place, digest, size, cancelled):
                self._fetch(place, digest, size, receiver, cancelled, alone=bool(alone))
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
        partial = make_private(self._folder / PARTIAL) / digest.hex
        if not alone:  # no locks here, or a stuck one: nobody else's file
            partial = partial.with_name(f"{partial.name}-{os.urandom(8).hex()}")
        _clear_the_way(partial)
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
            if found != digest.hex:
                return False
            if status.st_mode & _WRITABLE:  # it was kept as it was read: a version will share it
                place.chmod(_MODE)
                stamp = Stamp.of(place.lstat())
        except (NotFound, OSError, SourceChanged, StoreError):
            return False
        self._stamps.remember_many([Reading(stamp, Remembered(found), started)])
        return True


def _clear_the_way(partial: Path) -> None:
    """Remove what can't be the beginning of a download of ours: a link, a pipe, another file's second name."""
    with suppress(OSError):
        status = partial.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            partial.unlink()
