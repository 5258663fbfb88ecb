"""Blobs from one store to another: what is there is skipped, and what goes is checked before anyone can see it."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Self

import attrs

from modelver.cache.place import make_private
from modelver.content.blobs import damaged, get_blob, has_blob, put_missing
from modelver.content.parts import read_parts
from modelver.content.receive import Receiver
from modelver.content.send import ONE_REQUEST, Sender
from modelver.errors import Conflict, IntegrityError, NotFound, Offline, StoreError
from modelver.hashing.parallel import Cancelled, run_largest_first
from modelver.hashing.stream import hash_file, hash_stream
from modelver.storage.files import opened
from modelver.storage.layout import blob_key
from modelver.storage.lock import advisory_lock
from modelver.storage.reflink import clone
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Folder, Store, Upload
from modelver.values.digest import Digest

_AT_ONCE = 8
"""Blobs under way where a store is remote: mostly small ones, whose requests wait for the network."""

PARTIAL = "blobs/partial"
"""Where in the user's cache downloads wait: those of `BlobCache` too, which may go on with ours, as we with theirs."""

_STREAMS = 3
_SENDS = 2
_BEGINNINGS = 3
_LOCK_PATIENCE = 3600.0


@attrs.frozen
class Copied:
    """What became of blobs.

    Attributes:
        blobs: How many were copied.
        size: Their bytes.
        skipped: How many the target had.
        on_server: How many of the copied ones the service copied by itself: their bytes did not pass through this
            machine, so it is the service's word, and their size, that they are whole; `verify` there reads them.
    """

    blobs: int = 0
    size: int = 0
    skipped: int = 0
    on_server: int = 0

    def __add__(self, other: "Copied") -> "Copied":
        return Copied(
            self.blobs + other.blobs,
            self.size + other.size,
            self.skipped + other.skipped,
            self.on_server + other.on_server,
        )


class BlobCopier:
    """Copies blobs from one store to another. As a context manager it ends its own threads.

    Args:
        source: Where they are.
        target: Where they go.
        cache: The user's cache folder, for downloads that go on after a break.
        on_bytes: Told of bytes done, by several threads at once.
    """

    def __init__(
        self, source: Store, target: Store, cache: Path, on_bytes: Callable[[int], None] | None = None
    ) -> None:
        self._source = source
        self._target = target
        self._cache = cache
        self._on_bytes = on_bytes
        self._afar = is_remote(source) or is_remote(target)
        self._on_server = is_remote(source) and is_remote(target)
        self._sender = Sender(target, on_bytes)
        self._receiver = Receiver(source, on_bytes)
        self._streams = threading.BoundedSemaphore(_STREAMS)  # they hold some parts each in memory

    def missing(self, needed: Mapping[Digest, int | None]) -> dict[Digest, int]:
        """Return those of the blobs that the target lacks, with their sizes.

        Args:
            needed: Blobs, with the sizes that they must have, where these are known.

        Raises:
            NotFound: The source lacks one, too.
            IntegrityError: One has another size, here or there.
        """

        def look(digest: Digest, _: threading.Event) -> int | None:
            if has_blob(self._target, digest, needed[digest]):
                return None
            return self._size(digest, needed[digest])

        found = run_largest_first(list(needed), lambda _: 0, look, threads=_AT_ONCE if self._afar else 1)
        return {digest: size for digest, size in zip(needed, found, strict=True) if size is not None}

    def _size(self, digest: Digest, expected: int | None) -> int:
        """Return the size of the source's blob, which must be the expected one."""
        try:
            size = self._source.size(blob_key(digest))
        except NotFound:
            raise NotFound(
                "a blob is missing on both sides",
                where=f"{self._source.url}/{blob_key(digest)}",
                hint="Restore it from a copy of the registry that has it.",
            ) from None
        if expected not in {None, size}:
            raise damaged(self._source, digest, expected=f"{expected} bytes", found=f"{size} bytes")
        return size

    def copy(self, missing: Mapping[Digest, int]) -> Copied:
        """Copy blobs, several at once, the largest first.

        Args:
            missing: As `missing` returned it.

        Raises:
            IntegrityError: The source's bytes are not those that their name promises: the blob was not copied.
            NotFound: The source has lost one.
            StoreError: A store failed. What was copied stays, and counts when it is done again.
        """
        return Copied(len(missing), sum(missing.values()), 0, sum(self.copy_each(missing).values()))

    def copy_each(self, missing: Mapping[Digest, int]) -> dict[Digest, bool]:
        """Copy blobs as `copy` does; tell of each whether the service copied it by itself."""
        threads = _AT_ONCE if self._afar else None
        on_server = run_largest_first(list(missing), missing.__getitem__, self._one(missing), threads=threads)
        return dict(zip(missing, on_server, strict=True))

    def _one(self, sizes: Mapping[Digest, int]) -> Callable[[Digest, threading.Event], bool]:
        def copy(digest: Digest, cancelled: threading.Event) -> bool:
            """Copy a blob; tell whether the service did it by itself."""
            size = sizes[digest]
            if self._on_server and self._copied_on_server(digest, size):
                self._tell(size)
                return True
            self._through_here(digest, size, cancelled)
            return False

        return copy

    def _through_here(self, digest: Digest, size: int, cancelled: threading.Event) -> None:
        path = self._source.local_path(blob_key(digest))
        folder = self._target.folder
        if size <= ONE_REQUEST:
            put_missing(self._target, digest, get_blob(self._source, digest, limit=size))
            self._tell(size)
        elif path is not None and folder is not None:
            self._between_folders(path, folder, digest, cancelled)
        elif path is not None and is_remote(self._target):
            self._send(path, digest, cancelled)
        elif folder is not None and is_remote(self._source):
            self._receive(folder, digest, size, cancelled)
        else:
            with self._streams:
                self._stream(digest, size, cancelled)

    def _copied_on_server(self, digest: Digest, size: int) -> bool:
        """Let the service copy a blob, if it can; where it may not, bytes go through here from now on."""
        try:
            if self._target.copy_from(self._source, blob_key(digest)):
                return has_blob(self._target, digest, size)
        except Offline:
            raise
        except StoreError:
            self._on_server = False  # such as a target whose account may not read the source
        return False

    def _between_folders(
        self, path: Path, folder: Folder, digest: Digest, cancelled: threading.Event
    ) -> None:
        """Share a file's blocks, or copy it, and hash what came of that."""
        with opened(path) as source, folder.incoming() as incoming:
            if clone(source, incoming.fileno()):
                with FileIO(incoming.fileno(), closefd=False) as shared:
                    shared.seek(0)
                    found = hash_stream(shared, where=str(path), on_bytes=self._on_bytes, cancelled=cancelled)
            else:
                found = hash_file(path, sink=incoming.fileno(), on_bytes=self._on_bytes, cancelled=cancelled)
            self._check(digest, found.sha256)
            incoming.publish(blob_key(digest))

    def _send(self, path: Path, digest: Digest, cancelled: threading.Event) -> None:
        """Hash a file, then send it; that its bytes are still those is checked on the way."""
        found = hash_file(path, cancelled=cancelled)
        self._check(digest, found.sha256)
        self._sender.send(path, found, cancelled)

    def _receive(self, folder: Folder, digest: Digest, size: int, cancelled: threading.Event) -> None:
        """Fetch a blob into a file of our own, on from where an earlier try ended, and make that the object."""
        partial = make_private(make_private(self._cache) / PARTIAL) / digest.hex
        with advisory_lock(self._cache / "locks" / f"blob-{digest.hex}", timeout=_LOCK_PATIENCE) as alone:
            if not alone:  # no locks here, or a stuck one: nobody else's file
                partial = partial.with_name(f"{partial.name}-{os.urandom(8).hex()}")
            self._receiver.receive(digest, size, partial, cancelled)
            if not folder.adopt(partial, blob_key(digest), seen=partial.stat()):
                with folder.incoming() as incoming:
                    found = hash_file(partial, sink=incoming.fileno(), cancelled=cancelled)
                    self._check(digest, found.sha256)
                    incoming.publish(blob_key(digest))
            partial.unlink(missing_ok=True)

    def _stream(self, digest: Digest, size: int, cancelled: threading.Event) -> None:
        """Send a blob's parts on as they come, and make an object of them once all were checked."""
        for beginning in range(_BEGINNINGS):
            upload = self._target.upload(blob_key(digest), size)
            try:
                parts = read_parts(self._source, digest, size, upload.part_size)
                self._send_parts(upload, parts, cancelled)
                upload.finish()
            except IntegrityError:
                upload.abort()
                raise
            except Conflict:  # another writer finished or aborted the same upload
                if not has_blob(self._target, digest, size) and beginning == _BEGINNINGS - 1:
                    raise
            finally:
                upload.close()
            if has_blob(self._target, digest, size):
                return
        raise StoreError(
            "the store does not show what was stored",
            where=f"{self._target.url}/{blob_key(digest)}",
            expected=f"{size} bytes",
            found="no such object",
            hint="Try again; if it stays so, the store loses what it is given.",
        )

    def _send_parts(self, upload: Upload, parts: Iterable[bytes], cancelled: threading.Event) -> None:
        going: deque[Future[bool]] = deque()
        at_once = min(_SENDS, upload.at_once)
        with ThreadPoolExecutor(at_once, thread_name_prefix="modelver-send") as pool:
            for number, data in enumerate(parts):
                if cancelled.is_set():
                    raise Cancelled
                if len(going) == at_once:
                    going.popleft().result()
                going.append(pool.submit(upload.send, number, data))
                self._tell(len(data))
            for sent in going:
                sent.result()

    def _check(self, digest: Digest, found: str) -> None:
        if found != digest.hex:
            raise damaged(self._source, digest, expected=digest.short, found=found[:12])

    def _tell(self, count: int) -> None:
        if self._on_bytes is not None:
            self._on_bytes(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.__exit__()
        self._receiver.__exit__()


def is_remote(store: Store) -> bool:
    """Tell whether a store is reached over a network, whatever stands before it on this machine."""
    return isinstance(getattr(store, "remote", store), RemoteStore)
