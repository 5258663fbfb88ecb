"""Sources made ready to be stored: fetched from elsewhere, looked up, and their weight files' headers parsed."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import attrs

from modelver.cache.place import make_private
from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.places import status_of
from modelver.content.sources import Source
from modelver.content.working import working_folder
from modelver.errors import InvalidValue
from modelver.formats import scan, tensor_spans
from modelver.formats.unsafe import HEAD
from modelver.hashing.algorithm import partition
from modelver.hashing.fingerprint import changed_ranges
from modelver.hashing.source import open_source, read
from modelver.storage.remote_source import RemoteFile
from modelver.values import wire
from modelver.values.filemap import FileDigest, FileMap, Layout


@attrs.frozen
class LocalFile:
    """A source whose bytes are at hand.

    Attributes:
        source: What it is.
        origin: Where its bytes are.
        size: Bytes.
        before: What stat(2) said before its header was read; None for bytes in memory.
        known: Its digest from an earlier reading, where its stamp vouches for that.
        layout: Its tensors.
        lengths: Of its ranges.
        fetched: Whether it is a copy of ours.
    """

    source: Source
    origin: Path | bytes
    size: int
    before: os.stat_result | None
    known: FileDigest | None
    layout: Layout
    lengths: tuple[int, ...] = ()
    fetched: bool = False

    def head(self) -> bytes:
        """Return its first bytes, as many as tell whether loading it can run code.

        Raises:
            StoreError: It can't be read.
        """
        if isinstance(self.origin, bytes):
            return self.origin[:HEAD]
        with open_source(self.origin) as file:
            data = bytearray(min(HEAD, self.size))
            return bytes(read(file, memoryview(data), self.origin))


@contextmanager
def at_hand(sources: Sequence[Source], stamps: StampCache, cache: Path) -> Iterator[tuple[LocalFile, ...]]:
    """Give the sources ready to be stored; what was fetched is gone afterwards. Nothing is written to a store.

    Args:
        sources: The files of a version.
        stamps: What is known of files that were read before.
        cache: The user's cache folder, where the bytes of sources that are elsewhere wait.

    Raises:
        NotFound: A source is gone.
        InvalidValue: A weight file breaks its format.
        SourceChanged: A source changed while it was fetched.
        StoreError: A source can't be read.
    """
    remote = any(isinstance(source.origin, RemoteFile) for source in sources)
    with _staging(cache) if remote else nullcontext() as folder:
        origins = [_fetched(source, folder, number) for number, source in enumerate(sources)]
        status = {origin: status_of(origin) for origin in origins if isinstance(origin, Path)}
        known = _known(status, stamps)
        files = [
            _local(source, origin, status, known) for source, origin in zip(sources, origins, strict=True)
        ]
        spans = tensor_spans(
            {file.source.path: file.layout for file in files}, {file.source.path: file.size for file in files}
        )
        yield tuple(attrs.evolve(file, lengths=_partition(file, spans[file.source.path])) for file in files)


def _staging(cache: Path) -> AbstractContextManager[Path]:
    make_private(cache)
    return working_folder(make_private(cache / "staging"))


def _fetched(source: Source, folder: Path | None, number: int) -> Path | bytes:
    """Return where a source's bytes are, fetched to a folder if they are elsewhere."""
    if not isinstance(source.origin, RemoteFile):
        return source.origin
    assert folder is not None  # noqa: S101 (there is one where any source is elsewhere)
    source.origin.download(folder / str(number))
    return folder / str(number)


def _known(status: Mapping[Path, os.stat_result], stamps: StampCache) -> dict[Stamp, Remembered]:
    """Return what is known of local files; where the ctime alone differs, a fast check of the bytes settles it."""
    wanted = {Stamp.of(found): origin for origin, found in status.items()}
    known = stamps.find_many(wanted)
    doubtful = stamps.find_many(wanted.keys() - known.keys(), ignore_ctime=True)
    for stamp, remembered in doubtful.items():
        digest, _ = _recalled(remembered)
        started = time.time_ns()
        if digest is not None and not changed_ranges(wanted[stamp], digest.ranges):
            known[stamp] = remembered
            stamps.remember_many([Reading(stamp, remembered, started)])
    return known


def _local(
    source: Source,
    origin: Path | bytes,
    status: Mapping[Path, os.stat_result],
    known: Mapping[Stamp, Remembered],
) -> LocalFile:
    if isinstance(origin, bytes):
        layout = scan(lambda offset, length: origin[offset : offset + length], len(origin), source.path)
        return LocalFile(source, origin, len(origin), None, None, layout)
    before = status[origin]
    digest, recalled = _recalled(known.get(Stamp.of(before)))
    is_ours = recalled is not None and _is_layout_of(recalled, source.path)
    layout = recalled if recalled and is_ours else _scanned(origin, source.path)
    fetched = isinstance(source.origin, RemoteFile)
    return LocalFile(source, origin, before.st_size, before, digest, layout, fetched=fetched)


def _recalled(remembered: Remembered | None) -> tuple[FileDigest | None, Layout | None]:
    if remembered is None or remembered.map is None:
        return None, None
    try:
        known = wire.from_bytes(remembered.map, FileMap, what="stamp cache")
    except InvalidValue:
        return None, None
    layout = Layout(known.format, known.tensors, known.inputs, known.outputs)
    return FileDigest(remembered.sha256, known.size, known.ranges), layout


def _is_layout_of(layout: Layout, path: str) -> bool:
    """Tell whether a file has this layout at this path: its suffix names the format, and tensors may name other files."""
    return path.lower().endswith(f".{layout.format}") and not any(tensor.file for tensor in layout.tensors)


def _scanned(origin: Path, path: str) -> Layout:
    with open_source(origin) as file:

        def read_at(offset: int, length: int) -> bytes:
            file.seek(offset)
            data = bytearray(length)
            return bytes(read(file, memoryview(data), origin))

        return scan(read_at, os.fstat(file.fileno()).st_size, path)


def _partition(file: LocalFile, spans: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    try:
        return partition(file.size, spans)
    except InvalidValue as error:
        raise InvalidValue(
            error.what, where=f"{file.source.path}, {error.where}", expected=error.expected, hint=error.hint
        ) from None
