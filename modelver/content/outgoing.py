"""Files into a remote store: the next file is hashed while this one goes, and only what is missing is sent."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from modelver.cache.stamps import Reading, Remembered, Stamp
from modelver.content.at_hand import LocalFile
from modelver.content.blobs import put_missing
from modelver.content.send import Sender
from modelver.content.transfer import (
    Stored,
    Transfer,
    file_map,
    known_digest,
    still_as_scanned,
    store_map,
)
from modelver.hashing.parallel import Cancelled, run_largest_first
from modelver.hashing.source import check_unchanged
from modelver.hashing.stream import hash_bytes, hash_file
from modelver.values.digest import Digest
from modelver.values.filemap import FileDigest

_FILES_AT_ONCE = 8


def send_files(files: Sequence[LocalFile], transfer: Transfer) -> tuple[Stored, ...]:
    """Store files and their maps; see `ingest`."""
    stop = threading.Event()
    with (
        Sender(transfer.store, transfer.on_bytes) as sender,
        ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="modelver-files") as senders,
    ):
        jobs: list[Future[Stored]] = []

        def hashed(file: LocalFile, cancelled: threading.Event) -> Future[Stored]:
            if stop.is_set():
                raise Cancelled
            digest = known_digest(file) or _digest(file, transfer, cancelled)
            job = senders.submit(_store, file, digest, transfer, sender, stop)
            jobs.append(job)
            return job

        try:
            return tuple(job.result() for job in run_largest_first(files, lambda file: file.size, hashed))
        except Cancelled:
            for job in jobs:
                with suppress(Cancelled):  # it was stopped; the error that stopped it is another one's
                    job.result()
            raise
        finally:
            stop.set()


def _digest(file: LocalFile, transfer: Transfer, cancelled: threading.Event) -> FileDigest:
    """Hash a file, and remember what was found out."""
    if isinstance(file.origin, bytes):
        return hash_bytes(file.origin, lengths=file.lengths)
    started = time.time_ns()
    before = still_as_scanned(file.origin, file)
    digest = hash_file(file.origin, lengths=file.lengths, cancelled=cancelled)
    if check_unchanged(file.origin, before) and not file.fetched:
        remembered = Remembered(digest.sha256, file_map(file, digest))
        transfer.stamps.remember_many([Reading(Stamp.of(before), remembered, started)])
    return digest


def _store(
    file: LocalFile, digest: FileDigest, transfer: Transfer, sender: Sender, stop: threading.Event
) -> Stored:
    """Send a file that was hashed, and its map; the first that fails stops all."""
    sent = True
    try:
        if isinstance(file.origin, bytes):
            put_missing(transfer.store, Digest.from_hex(digest.sha256), file.origin)
            if transfer.on_bytes is not None:
                transfer.on_bytes(digest.size)
        else:
            before = still_as_scanned(file.origin, file)
            sent = sender.send(file.origin, digest, stop)
            # A blob that was there already was not read: its source may be the last good copy, and stays.
            if sent and transfer.moves is not None and not file.fetched:
                transfer.moves.add(file.origin, before, None)
        return store_map(file, digest, transfer.store, maybe_there=not sent)
    except BaseException:
        stop.set()
        raise
