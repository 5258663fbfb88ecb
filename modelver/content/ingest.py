"""Files into blobs: each read once, hashed and copied in that pass, and not at all where it is known and stored."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp
from modelver.content.at_hand import LocalFile
from modelver.content.blobs import damaged, has_blob, put_missing
from modelver.content.outgoing import send_files
from modelver.content.sources import Source
from modelver.content.transfer import (
    Stored,
    Transfer,
    file_map,
    known_digest,
    still_as_scanned,
    store_map,
)
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.source import check_unchanged
from modelver.hashing.stream import hash_bytes, hash_file
from modelver.storage.layout import blob_key
from modelver.storage.remote_source import RemoteFile
from modelver.storage.store import Folder, Store
from modelver.values.digest import Digest
from modelver.values.filemap import FileDigest


def ingest(files: Sequence[LocalFile], transfer: Transfer) -> tuple[Stored, ...]:
    """Store files and their maps; return what the manifest needs, in the order given.

    Raises:
        SourceChanged: A file changed while it was read, or since its header was.
        LimitExceeded: A file has more tensors than a reader accepts.
        StoreError: A file can't be read, or the store can't be written.
    """
    folder = transfer.store.folder
    if folder is None:
        return send_files(files, transfer)

    def work(file: LocalFile, cancelled: threading.Event) -> Stored:
        return store_map(file, _store(file, folder, transfer, cancelled), folder)

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


def _store(file: LocalFile, folder: Folder, transfer: Transfer, cancelled: threading.Event) -> FileDigest:
    """Bring one file into the store, reading it only where that is needed."""
    if isinstance(file.origin, bytes):
        digest = hash_bytes(file.origin, lengths=file.lengths)
        put_missing(folder, Digest.from_hex(digest.sha256), file.origin)
        _tell(transfer, digest.size)
        return digest
    known = known_digest(file)
    if known and _has(folder, known):
        _tell(transfer, known.size)
        if transfer.moves is not None and not file.fetched:
            _check_blob(folder, known, cancelled)
            transfer.moves.add(file.origin, still_as_scanned(file.origin, file), None)
        return known
    if file.fetched or transfer.moves is not None:
        return _take(file.origin, file, folder, transfer, cancelled)
    return _copy(file.origin, file, folder, transfer, cancelled)


def _copy(
    origin: Path, file: LocalFile, folder: Folder, transfer: Transfer, cancelled: threading.Event
) -> FileDigest:
    """Hash and copy in one pass, and remember what was found out."""
    started = time.time_ns()
    before = still_as_scanned(origin, file)
    with folder.incoming() as incoming:
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
        reading = Reading(Stamp.of(before), Remembered(digest.sha256, file_map(file, digest)), started)
        transfer.stamps.remember_many([reading])
    return digest


def _take(
    origin: Path, file: LocalFile, folder: Folder, transfer: Transfer, cancelled: threading.Event
) -> FileDigest:
    """Hash a file, then make it a blob itself, or copy it where it can't be moved.

    A moved file keeps its old name beside the new one until the version is committed: a crash before that loses
    nothing (docs/decisions/a-move-ends-after-the-commit.md).
    """
    before = still_as_scanned(origin, file)
    digest = hash_file(origin, lengths=file.lengths, on_bytes=transfer.on_bytes, cancelled=cancelled)
    key = blob_key(Digest.from_hex(digest.sha256))
    if _has(folder, digest):
        _check_blob(folder, digest, cancelled)
    elif not folder.adopt(origin, key, seen=before):
        digest = _copy(origin, file, folder, attrs.evolve(transfer, on_bytes=None), cancelled)
    if transfer.moves is not None and not file.fetched:
        transfer.moves.add(origin, before, folder.local_path(key))
    return digest


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
