"""Files into blobs: each read once, hashed and copied in that pass, and not at all where it is known and stored."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.blobs import has_blob, put_missing
from modelver.content.sources import Source
from modelver.errors import InvalidValue
from modelver.formats import scan, tensor_spans
from modelver.hashing.algorithm import partition
from modelver.hashing.fingerprint import changed_ranges
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_bytes, hash_file
from modelver.storage.layout import blob_key
from modelver.storage.remote_source import RemoteFile
from modelver.storage.store import Store
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, media_type_of
from modelver.values.filemap import FileDigest, FileMap, Layout

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
        staging: A folder for the bytes of sources that are elsewhere.
        move: Take local files that have one link instead of copying them.
        on_bytes: Told of bytes done, by several threads at once.
    """

    store: Store
    stamps: StampCache
    staging: Path
    move: bool = False
    on_bytes: Callable[[int], None] | None = None


@attrs.frozen
class _Local:
    """A source whose bytes are at hand."""

    source: Source
    origin: Path | bytes
    size: int
    stamp: Stamp | None
    known: FileDigest | None
    layout: Layout
    staged: bool


def ingest(sources: Sequence[Source], transfer: Transfer) -> tuple[Stored, ...]:
    """Store files and their maps; return what the manifest needs, in the order given.

    Weight files are parsed first, so that a malformed one is refused before anything is written.

    Raises:
        InvalidValue: A weight file breaks its format.
        SourceChanged: A file changed while it was read.
        StoreError: A file can't be read, or the store can't be written.
    """
    with _at_hand(sources, transfer) as files:
        spans = tensor_spans(
            {file.source.path: file.layout for file in files}, {file.source.path: file.size for file in files}
        )
        lengths = {file.source.path: _partition(file, spans[file.source.path]) for file in files}

        def work(file: _Local, cancelled: threading.Event) -> FileDigest:
            return _store(file, lengths[file.source.path], transfer, cancelled)

        digests = run_largest_first(files, lambda file: file.size, work)
    return tuple(_record(file, digest, transfer.store) for file, digest in zip(files, digests, strict=True))


def total_size(sources: Sequence[Source]) -> int:
    """Return the bytes of all sources, as far as they are known beforehand."""
    return sum(_size(source.origin) for source in sources)


def _size(origin: Path | RemoteFile | bytes) -> int:
    if isinstance(origin, bytes):
        return len(origin)
    return origin.stat().st_size if isinstance(origin, Path) else origin.size or 0


@contextmanager
def _at_hand(sources: Sequence[Source], transfer: Transfer) -> Iterator[list[_Local]]:
    """Fetch what is elsewhere, look up what is known, and parse the headers of weight files."""
    remote = any(isinstance(source.origin, RemoteFile) for source in sources)
    if remote:
        transfer.staging.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=transfer.staging) if remote else _nothing() as folder:
        fetched: dict[str, Path] = {}
        for number, source in enumerate(sources):
            if isinstance(source.origin, RemoteFile):
                fetched[source.path] = Path(folder) / str(number)
                source.origin.download(fetched[source.path])
        origins = [(source, fetched.get(source.path, source.origin)) for source in sources]
        stamps = {
            source.path: Stamp.of(origin.stat()) for source, origin in origins if isinstance(origin, Path)
        }
        known = _known(origins, stamps, transfer)
        yield [
            _local(source, origin, stamps.get(source.path), known, staged=source.path in fetched)
            for source, origin in origins
            if not isinstance(origin, RemoteFile)
        ]


def _known(
    origins: Sequence[tuple[Source, Path | RemoteFile | bytes]],
    stamps: Mapping[str, Stamp],
    transfer: Transfer,
) -> dict[Stamp, Remembered]:
    """Return what is known of local files; where the ctime alone differs, a fast check of the bytes settles it."""
    known = transfer.stamps.find_many(stamps.values())
    doubtful = transfer.stamps.find_many(set(stamps.values()) - set(known), ignore_ctime=True)
    for source, origin in origins:
        stamp = stamps.get(source.path)
        if stamp in doubtful and isinstance(origin, Path):
            digest, _ = _recall(doubtful[stamp])
            if digest is not None and not changed_ranges(origin, digest.ranges):
                known[stamp] = doubtful[stamp]
                transfer.stamps.remember_many([Reading(stamp, known[stamp], time.time_ns())])
    return known


@contextmanager
def _nothing() -> Iterator[str]:
    yield ""


def _local(
    source: Source,
    origin: Path | bytes,
    stamp: Stamp | None,
    known: Mapping[Stamp, Remembered],
    *,
    staged: bool,
) -> _Local:
    remembered = known.get(stamp) if stamp else None
    digest, layout = _recall(remembered)
    if layout is None or any(tensor.file for tensor in layout.tensors):
        layout = _scan(source.path, origin)
    size = stamp.size if stamp else len(origin) if isinstance(origin, bytes) else 0
    return _Local(source, origin, size, stamp, digest, layout, staged)


def _recall(remembered: Remembered | None) -> tuple[FileDigest | None, Layout | None]:
    if remembered is None or remembered.map is None:
        return None, None
    try:
        known = wire.from_bytes(remembered.map, FileMap, what="stamp cache")
    except InvalidValue:
        return None, None
    return FileDigest(remembered.sha256, known.size, known.ranges), Layout(known.format, known.tensors)


def _scan(path: str, origin: Path | bytes) -> Layout:
    if isinstance(origin, bytes):
        return scan(lambda offset, length: origin[offset : offset + length], len(origin), path)
    with origin.open("rb", buffering=0) as file:

        def read_at(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        return scan(read_at, os.fstat(file.fileno()).st_size, path)


def _partition(file: _Local, spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    try:
        return partition(file.size, spans)
    except InvalidValue as error:
        raise InvalidValue(error.what, where=f"{file.source.path}, {error.where}", hint=error.hint) from None


def _store(
    file: _Local, lengths: tuple[int, ...], transfer: Transfer, cancelled: threading.Event
) -> FileDigest:
    """Bring one file into the store, reading it only where that is needed."""
    if isinstance(file.origin, bytes):
        digest = hash_bytes(file.origin, lengths=lengths)
        put_missing(transfer.store, Digest.from_hex(digest.sha256), file.origin)
        return digest
    known = file.known
    if known and tuple(part.length for part in known.ranges) == lengths and _has(transfer.store, known):
        _tell(transfer, known.size)
        return known
    started = time.time_ns()
    seen = file.origin.stat()
    if transfer.move or file.staged:
        digest = hash_file(file.origin, lengths=lengths, on_bytes=transfer.on_bytes, cancelled=cancelled)
        _adopt(file.origin, digest, lengths, seen, transfer, cancelled)
    else:
        digest = _copy(file.origin, lengths, transfer, cancelled)
        if file.stamp == Stamp.of(seen) == Stamp.of(file.origin.stat()):
            remembered = Remembered(digest.sha256, _map(file.layout, digest))
            transfer.stamps.remember_many([Reading(Stamp.of(seen), remembered, started)])
    return digest


def _copy(
    origin: Path, lengths: tuple[int, ...], transfer: Transfer, cancelled: threading.Event
) -> FileDigest:
    with transfer.store.incoming() as incoming:
        digest = hash_file(
            origin, lengths=lengths, sink=incoming.fileno(), on_bytes=transfer.on_bytes, cancelled=cancelled
        )
        incoming.publish(blob_key(Digest.from_hex(digest.sha256)))
    return digest


def _adopt(
    origin: Path,
    digest: FileDigest,
    lengths: tuple[int, ...],
    seen: os.stat_result,
    transfer: Transfer,
    cancelled: threading.Event,
) -> None:
    """Move a hashed file into the store, or copy it where it can't be moved.

    A moved file keeps its old name beside the new one until the version is committed: a crash before that loses nothing.
    """
    key = blob_key(Digest.from_hex(digest.sha256))
    if not transfer.store.adopt(origin, key, seen=seen):
        _copy(origin, lengths, attrs.evolve(transfer, on_bytes=None), cancelled)
    elif blob := transfer.store.local_path(key):
        with suppress(OSError):
            origin.hardlink_to(blob)


def _has(store: Store, known: FileDigest) -> bool:
    return has_blob(store, Digest.from_hex(known.sha256), known.size)


def _tell(transfer: Transfer, count: int) -> None:
    if transfer.on_bytes is not None:
        transfer.on_bytes(count)


def _map(layout: Layout, digest: FileDigest) -> bytes:
    return wire.to_bytes(FileMap(digest.size, digest.ranges, layout.format, layout.tensors))


def _record(file: _Local, digest: FileDigest, store: Store) -> Stored:
    path = file.source.path
    data = _map(file.layout, digest)
    if len(data) > MAX_MAP:
        raise InvalidValue("a file has too many tensors", where=path, found=len(file.layout.tensors))
    entry = FileEntry(path, digest.size, digest.sha256, file.source.role, media_type_of(path))
    return Stored(entry, put_missing(store, Digest.of(data), data))
