"""What both ways of storing files have in common: what is asked for, what comes out, and the file's map."""

import os
from collections.abc import Callable
from pathlib import Path

import attrs

from modelver.cache.stamps import Stamp, StampCache
from modelver.content.at_hand import LocalFile
from modelver.content.blobs import has_blob, put_missing
from modelver.content.moves import Moves
from modelver.content.places import status_of
from modelver.errors import LimitExceeded
from modelver.hashing.source import source_changed
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
        moves: Takes note of local files, which are moved instead of copied; None copies.
        on_bytes: Told of bytes done, by several threads at once.
    """

    store: Store
    stamps: StampCache
    moves: Moves | None = None
    on_bytes: Callable[[int], None] | None = None


def known_digest(file: LocalFile) -> FileDigest | None:
    """Return a file's digest from an earlier reading, if its ranges were cut as they are now."""
    known = file.known
    return known if known and tuple(part.length for part in known.ranges) == file.lengths else None


def store_map(file: LocalFile, digest: FileDigest, store: Store, *, maybe_there: bool = False) -> Stored:
    """Store the map of a file that is stored; return what the manifest needs.

    Args:
        file: Which.
        digest: Of its bytes.
        store: Where it is.
        maybe_there: Whether to ask for the map before it is sent, since the file was there already.

    Raises:
        LimitExceeded: It has more tensors than a reader accepts.
    """
    path = file.source.path
    entry = FileEntry(path, digest.size, digest.sha256, file.source.role, media_type_of(path))
    filemap = file_map(file, digest)
    if len(filemap) > MAX_MAP:
        raise LimitExceeded("a file has too many tensors", where=path, found=len(file.layout.tensors))
    named = Digest.of(filemap)
    if not (maybe_there and has_blob(store, named, len(filemap))):
        put_missing(store, named, filemap)
    return Stored(entry, named)


def file_map(file: LocalFile, digest: FileDigest) -> bytes:
    """Return the stored bytes of a file's map."""
    return wire.to_bytes(map_of(file.layout, digest))


def map_of(layout: Layout, digest: FileDigest) -> FileMap:
    """Return the map of a file of this layout."""
    return FileMap(digest.size, digest.ranges, layout.format, layout.tensors, layout.inputs, layout.outputs)


def still_as_scanned(origin: Path, file: LocalFile) -> os.stat_result:
    """Return what stat(2) says of a file that is the one whose header was read.

    Raises:
        SourceChanged: It is not.
    """
    now = status_of(origin)
    then = file.before or now
    if attrs.evolve(Stamp.of(now), ctime_ns=0) != attrs.evolve(Stamp.of(then), ctime_ns=0):
        raise source_changed(origin, found="another one than its header was read from")
    return now
