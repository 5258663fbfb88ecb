"""Files as a manifest would list them, hashed where they are not known, and stored nowhere."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.at_hand import LocalFile, at_hand
from modelver.content.sources import Source
from modelver.content.transfer import file_map, known_digest, map_of, still_as_scanned
from modelver.formats.unsafe import unsafe_format
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.source import check_unchanged
from modelver.hashing.stream import hash_bytes, hash_file
from modelver.values.file import FileEntry, Role, media_type_of
from modelver.values.filemap import FileDigest, FileMap

MAX_TEXT = 2**20


@attrs.frozen
class Seen:
    """Files that were looked at.

    Attributes:
        entries: As a manifest lists them, sorted by path.
        maps: Their file maps, by path.
        texts: What is in those of the roles that were asked for, by path, where it is of a sensible size.
        unsafe: Where that was asked for: files whose format can run code when they are loaded, and what was found.
    """

    entries: tuple[FileEntry, ...]
    maps: Mapping[str, FileMap]
    texts: Mapping[str, bytes]
    unsafe: Mapping[str, str] = attrs.field(factory=dict)


def look(
    sources: Sequence[Source],
    stamps: StampCache,
    cache: Path,
    texts: frozenset[Role],
    *,
    unsafe: bool = False,
) -> Seen:
    """Look at files: nothing unchanged is hashed twice, and nothing is written but to the user's cache.

    Args:
        sources: The files.
        stamps: What is known of files that were read before.
        cache: The user's cache folder.
        texts: The roles of files whose text is wanted.
        unsafe: Whether to look for formats that can run code.

    Raises:
        InvalidValue: A weight file breaks its format.
        SourceChanged: A file changed while it was read.
        StoreError: A file can't be read.
    """
    with at_hand(sources, stamps, cache) as files:

        def work(file: LocalFile, cancelled: threading.Event) -> FileDigest:
            return known_digest(file) or _hashed(file, stamps, cancelled)

        digests = run_largest_first(files, lambda file: file.size, work)
        found = list(zip(files, digests, strict=True))
        return Seen(
            entries=tuple(
                sorted((_entry(file, digest) for file, digest in found), key=lambda each: each.path)
            ),
            maps={file.source.path: map_of(file.layout, digest) for file, digest in found},
            texts={
                file.source.path: _text(file)
                for file in files
                if file.source.role in texts and file.size <= MAX_TEXT
            },
            unsafe={path: kind for path, kind in map(_kind, files if unsafe else ()) if kind},
        )


def _hashed(file: LocalFile, stamps: StampCache, cancelled: threading.Event) -> FileDigest:
    if isinstance(file.origin, bytes):
        return hash_bytes(file.origin, lengths=file.lengths)
    started = time.time_ns()
    before = still_as_scanned(file.origin, file)
    digest = hash_file(file.origin, lengths=file.lengths, cancelled=cancelled)
    if check_unchanged(file.origin, before):
        remembered = Remembered(digest.sha256, file_map(file, digest))
        stamps.remember_many([Reading(Stamp.of(before), remembered, started)])
    return digest


def _entry(file: LocalFile, digest: FileDigest) -> FileEntry:
    path = file.source.path
    return FileEntry(path, digest.size, digest.sha256, file.source.role, media_type_of(path))


def _kind(file: LocalFile) -> tuple[str, str]:
    return file.source.path, unsafe_format(file.source.path, file.head())


def _text(file: LocalFile) -> bytes:
    if isinstance(file.origin, bytes):
        return file.origin
    with file.origin.open("rb") as opened:  # it was hashed just now, so it can be read
        return opened.read(MAX_TEXT)
