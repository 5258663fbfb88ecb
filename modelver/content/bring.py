"""How a blob comes to a path: shared with the local store's own file, or fetched through the cache."""

import os
import shutil
import threading
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Protocol, Self

from modelver.content.blob_cache import BlobCache
from modelver.content.blobs import has_blob
from modelver.content.receive import Receiver
from modelver.errors import IntegrityError, NotFound
from modelver.hashing.stream import hash_file
from modelver.storage.layout import blob_key
from modelver.storage.reflink import clone
from modelver.storage.store import Store
from modelver.storage.temporary import OPEN_AS_IS
from modelver.values.digest import Digest
from modelver.values.file import FileEntry

_TRIES = 5
_RESTORE = "Restore it from a copy of the registry."


class Way(Enum):
    """How a file came to its path."""

    COPIED = auto()
    SHARED = auto()
    """It shares its blocks with a file that is kept elsewhere, until one of the two is written to."""
    LINKED = auto()
    """It is another name of that file."""


class Bring(Protocol):
    """Brings one blob to a path, verified; any thread may call it. As a context manager it ends its own threads."""

    def __call__(self, entry: FileEntry, path: Path, cancelled: threading.Event, *, shared: bool) -> Way:
        """Write a file.

        Args:
            entry: Which.
            path: Where; there is nothing yet, but what an earlier try may have left.
            cancelled: Once set, the work stops.
            shared: Whether the file will be read-only, so that it may be another name of a file that is kept elsewhere.

        Raises:
            NotFound: The blob is missing.
            IntegrityError: It is damaged.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


def bringer(store: Store, cache: BlobCache | None, on_bytes: Callable[[int], None] | None) -> Bring:
    """Return the way that suits a store."""
    return _FromFolder(store, on_bytes) if store.folder else _FromAfar(store, cache, on_bytes)


class _FromAfar:
    def __init__(self, store: Store, cache: BlobCache | None, on_bytes: Callable[[int], None] | None) -> None:
        self._receiver = Receiver(store, on_bytes)
        self._cache = cache
        self._on_bytes = on_bytes

    def __call__(self, entry: FileEntry, path: Path, cancelled: threading.Event, *, shared: bool) -> Way:
        digest = Digest.from_hex(entry.sha256)
        cache = self._cache if self._cache is not None and self._cache.is_usable else None
        if cache is None or not (shared or cache.has(digest)):
            self._receiver.receive(digest, entry.size, path, cancelled)
            return Way.COPIED
        path.unlink(missing_ok=True)
        for tries_left in reversed(range(_TRIES)):
            kept = cache.get(digest, entry.size, self._receiver, cancelled)
            try:
                return self._from_cache(kept, entry, path, cancelled, shared=shared)
            except FileNotFoundError:  # it was removed just now, to make room
                if not tries_left:
                    raise
        raise AssertionError  # the last try returns or raises

    def _from_cache(
        self, kept: Path, entry: FileEntry, path: Path, cancelled: threading.Event, *, shared: bool
    ) -> Way:
        if shared and _is_linked(kept, path):
            return Way.LINKED
        cloned = _clone(kept, path)
        if not cloned:
            _copy(kept, path)
        found = hash_file(path, cancelled=cancelled)
        _check(kept, entry, found.sha256)
        return Way.SHARED if cloned else Way.COPIED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.__exit__()


class _FromFolder:
    def __init__(self, store: Store, on_bytes: Callable[[int], None] | None) -> None:
        self._store = store
        self._on_bytes = on_bytes

    def __call__(self, entry: FileEntry, path: Path, cancelled: threading.Event, *, shared: bool) -> Way:
        digest = Digest.from_hex(entry.sha256)
        blob = self._store.local_path(blob_key(digest))
        if blob is None or not has_blob(self._store, digest, entry.size):
            raise NotFound("a blob is missing", where=f"{self._store.url}/{blob_key(digest)}", hint=_RESTORE)
        path.unlink(missing_ok=True)
        way = Way.COPIED
        if _clone(blob, path):
            way = Way.SHARED
        elif shared and _is_safe_to_link(blob) and _is_linked(blob, path):
            way = Way.LINKED
        if way is not Way.COPIED:
            found = hash_file(path, on_bytes=self._on_bytes, cancelled=cancelled)
        else:
            with path.open("xb", buffering=0) as file:
                found = hash_file(blob, sink=file.fileno(), on_bytes=self._on_bytes, cancelled=cancelled)
        _check(blob, entry, found.sha256)
        return way

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""


def _check(blob: Path, entry: FileEntry, found: str) -> None:
    if found != entry.sha256:
        raise IntegrityError(
            "a blob is damaged: it was not loaded",
            where=blob,
            expected=entry.sha256[:12],
            found=found[:12],
            hint=f"{_RESTORE[:-1]}, or delete it and register its file again.",
        )


def _clone(blob: Path, path: Path) -> bool:
    """Share the blob's blocks, where the file system can."""
    source = os.open(blob, OPEN_AS_IS)
    try:
        with path.open("xb") as target:
            shared = clone(source, target.fileno())
    finally:
        os.close(source)
    if not shared:
        path.unlink()
    return shared


def _copy(blob: Path, path: Path) -> None:
    with blob.open("rb") as source, path.open("xb") as target:
        shutil.copyfileobj(source, target, 2**20)


def _is_safe_to_link(blob: Path) -> bool:
    """Tell whether nobody here can write through a second name of a store's file: root could."""
    return hasattr(os, "geteuid") and os.geteuid() != 0 and not blob.stat().st_mode & 0o222


def _is_linked(blob: Path, path: Path) -> bool:
    """Share the file's inode, where the file system can."""
    try:
        path.hardlink_to(blob)
    except OSError:
        return False
    return True
