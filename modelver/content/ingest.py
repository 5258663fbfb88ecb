"""Files into blobs: each read once, hashed and copied in that pass, and not at all where it is known and stored."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.at_hand import LocalFile
from modelver.content.blobs import damaged, has_blob, put_missing
from modelver.content.moves import Moves
from modelver.content.places import status_of
from modelver.content.sources import Source
from modelver.errors import LimitExceeded
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.source import check_unchanged, source_changed
from modelver.hashing.stream import hash_bytes, hash_file
from modelver.storage.layout import blob_key
from modelver.storage.remote_source import RemoteFile
from modelver.storage.store import Store
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, media_type_of
from modelver.values.filemap import FileDigest, FileMap

MAX_MAP = 64 * 2**20
"""A file map larger than this many bytes is neither written nor read."""


@attrs.frozen
class Stored:
    """A file that is in the store now.

    Attributes:
        entry: What the manifest says of it.
        map: The digest of its file map, which is stored too.
    """

    entry: FileEntry
    map: Digest


@attrs.frozen
class Transfer:
    """How files go into a store.

    Attributes:
        store: Where they go.
        stamps: What is known of files that were read before.
        moves: Takes note of local files, which are moved instead of copied; None copies.
        on_bytes: Told of bytes done, by several threads at once.
    """

    store: Store
    stamps: StampCache
    moves: Moves | None = None
    on_bytes: Callable[[int], None] | None = None


def ingest(files: Sequence[LocalFile], transfer: Transfer) -> tuple[Stored, ...]:
    """Store files and their maps; return what the manifest needs, in the order given.

    Raises:
        SourceChanged: A file changed while it was read, or since its header was.
        LimitExceeded: A file has more tensors than a reader accepts.
        StoreError: A file can't be read, or the store can't be written.
    """

    def work(file: LocalFile, cancelled: threading.Event) -> Stored:
        digest = _store(file, transfer, cancelled)
        path = file.source.path
        entry = FileEntry(path, digest.size, digest.sha256, file.source.role, media_type_of(path))
        filemap = _map(file, digest)
        if len(filemap) > MAX_MAP:
            raise LimitExceeded("a file has too many tensors", where=path, found=len(file.layout.tensors))
        return Stored(entry, put_missing(transfer.store, Digest.of(filemap), filemap))

    return tuple(run_largest_first(files, lambda file: file.size, work))


def total_size(sources: Sequence[Source]) -> int:
    """Return the bytes of all sources, as far as they are known beforehand."""
    return sum(_size(source.origin) for source in sources)


def _size(origin: Path | RemoteFile | bytes) -> int:
    if isinstance(origin, bytes):
        return len(origin)
    if isinstance(origin, RemoteFile):
        return origin.size or 0
    with suppress(OSError):
        return origin.stat().st_size
    return 0


def _map(file: LocalFile, digest: FileDigest) -> bytes:
    return wire.to_bytes(FileMap(digest.size, digest.ranges, file.layout.format, file.layout.tensors))


def _store(file: LocalFile, transfer: Transfer, cancelled: threading.Event) -> FileDigest:
    """Bring one file into the store, reading it only where that is needed."""
    if isinstance(file.origin, bytes):
        digest = hash_bytes(file.origin, lengths=file.lengths)
        put_missing(transfer.store, Digest.from_hex(digest.sha256), file.origin)
        _tell(transfer, digest.size)
        return digest
    known = file.known
    if known and tuple(part.length for part in known.ranges) == file.lengths and _has(transfer.store, known):
        _tell(transfer, known.size)
        if transfer.moves is not None and not file.fetched:
            _check_blob(transfer.store, known, cancelled)
            transfer.moves.add(file.origin, _still_as_scanned(file.origin, file), None)
        return known
    if file.fetched or transfer.moves is not None:
        return _take(file.origin, file, transfer, cancelled)
    return _copy(file.origin, file, transfer, cancelled)


def _copy(origin: Path, file: LocalFile, transfer: Transfer, cancelled: threading.Event) -> FileDigest:
    """Hash and copy in one pass, and remember what was found out."""
    started = time.time_ns()
    before = _still_as_scanned(origin, file)
    with transfer.store.incoming() as incoming:
        digest = hash_file(
            origin,
            lengths=file.lengths,
            sink=incoming.fileno(),
            on_bytes=transfer.on_bytes,
            cancelled=cancelled,
        )
        proves = check_unchanged(origin, before)
        incoming.publish(blob_key(Digest.from_hex(digest.sha256)))
    if proves:
        reading = Reading(Stamp.of(before), Remembered(digest.sha256, _map(file, digest)), started)
        transfer.stamps.remember_many([reading])
    return digest


def _take(origin: Path, file: LocalFile, transfer: Transfer, cancelled: threading.Event) -> FileDigest:
    """Hash a file, then make it a blob itself, or copy it where it can't be moved.

    A moved file keeps its old name beside the new one until the version is committed: a crash before that loses
    nothing (docs/decisions/a-move-ends-after-the-commit.md).
    """
    before = _still_as_scanned(origin, file)
    digest = hash_file(origin, lengths=file.lengths, on_bytes=transfer.on_bytes, cancelled=cancelled)
    key = blob_key(Digest.from_hex(digest.sha256))
    if _has(transfer.store, digest):
        _check_blob(transfer.store, digest, cancelled)
    elif not transfer.store.adopt(origin, key, seen=before):
        digest = _copy(origin, file, attrs.evolve(transfer, on_bytes=None), cancelled)
    if transfer.moves is not None and not file.fetched:
        transfer.moves.add(origin, before, transfer.store.local_path(key))
    return digest


def _still_as_scanned(origin: Path, file: LocalFile) -> os.stat_result:
    """Return what stat(2) says of a file that is the one whose header was read.

    Raises:
        SourceChanged: It is not.
    """
    now = status_of(origin)
    then = file.before or now
    if attrs.evolve(Stamp.of(now), ctime_ns=0) != attrs.evolve(Stamp.of(then), ctime_ns=0):
        raise source_changed(origin, found="another one than its header was read from")
    return now


def _check_blob(store: Store, known: FileDigest, cancelled: threading.Event) -> None:
    """Make sure of a blob that is there already, before its source, perhaps the last good copy, is given up for it."""
    path = store.local_path(blob_key(Digest.from_hex(known.sha256)))
    if path is not None:
        found = hash_file(path, cancelled=cancelled)
        if found.sha256 != known.sha256:
            raise damaged(
                store, Digest.from_hex(known.sha256), expected=known.sha256[:12], found=found.sha256[:12]
            )


def _has(store: Store, known: FileDigest) -> bool:
    return has_blob(store, Digest.from_hex(known.sha256), known.size)


def _tell(transfer: Transfer, count: int) -> None:
    if transfer.on_bytes is not None:
        transfer.on_bytes(count)
