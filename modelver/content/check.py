"""Whether a local folder holds what a manifest says, as cheaply as the caller allows."""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias, cast

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.errors import InvalidValue, NotFound, SourceChanged, StoreError
from modelver.hashing.fingerprint import changed_files
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.values.file import FileEntry
from modelver.values.filemap import FileMap, Range

Verify: TypeAlias = Literal["stamp", "fast", "full"]
Maps: TypeAlias = Callable[[], Mapping[str, FileMap]]


@attrs.frozen
class Checking:
    """How files are checked.

    Attributes:
        verify: ``full``: SHA-256; ``fast``: XXH3-128 on all cores, which finds accidental damage; ``stamp``: the user's
            own stamps where they are trusted, SHA-256 elsewhere.
        stamps: What is known of files that were read before.
        maps: Gives the file maps, by path, where fingerprints are needed; a file without one is hashed.
        on_bytes: Told of bytes done, by several threads at once.
    """

    verify: Verify
    stamps: StampCache
    maps: Maps
    on_bytes: Callable[[int], None] | None = None


def check_verify(verify: str) -> Verify:
    """Refuse an unknown way to verify.

    Raises:
        InvalidValue: It is none of ``stamp``, ``fast`` and ``full``.
    """
    if verify not in {"stamp", "fast", "full"}:
        raise InvalidValue("not a way to verify", where=repr(verify)[:80], expected="stamp, fast or full")
    return cast("Verify", verify)


def is_whole(folder: Path, entries: Sequence[FileEntry], checking: Checking) -> bool:
    """Tell whether a folder holds exactly these files, each with the bytes that its entry names."""
    return holds_exactly(folder, entries) and has_all(folder, entries, checking)


def has_all(folder: Path, entries: Sequence[FileEntry], checking: Checking) -> bool:
    """Tell whether a folder holds these files, each with the bytes that its entry names; it may hold others too."""
    stamps = {entry.path: _stamp(folder / entry.path, entry) for entry in entries}
    present = {path: stamp for path, stamp in stamps.items() if stamp is not None}
    if len(present) < len(entries):
        return False
    left = list(entries)
    if checking.verify == "stamp":
        left = _unknown(left, present, checking.stamps.find_many(present.values()))
    maps = checking.maps() if checking.verify == "fast" else {}
    quick = [entry for entry in left if (found := maps.get(entry.path)) and found.size == entry.size]
    slow = [entry for entry in left if entry not in quick]
    return _are_fast_equal(folder, quick, maps, checking) and _are_equal(folder, slow, present, checking)


def holds_exactly(folder: Path, entries: Iterable[FileEntry]) -> bool:
    """Tell whether a folder, which is no link, has these files, and nothing else: no links, no other folders."""
    paths = {PurePosixPath(entry.path) for entry in entries}
    folders = {parent for path in paths for parent in path.parents}
    found = 0
    if folder.is_symlink() or not os.access(folder, os.R_OK | os.X_OK):
        return False
    for here, inner, files in os.walk(folder):
        inside = PurePosixPath(Path(here).relative_to(folder).as_posix())
        if any(inside / name not in folders or (Path(here) / name).is_symlink() for name in inner):
            return False
        if any(inside / name not in paths for name in files):
            return False
        found += len(files)
    return found == len(paths)


def _stamp(path: Path, entry: FileEntry) -> Stamp | None:
    """Return a regular file's stamp; None where it is missing, a link, or of another size."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) and status.st_size == entry.size else None


def _unknown(
    entries: Iterable[FileEntry], stamps: Mapping[str, Stamp], known: Mapping[Stamp, Remembered]
) -> list[FileEntry]:
    """Return the entries for whose digests no stamp vouches."""
    return [
        entry
        for entry in entries
        if (remembered := known.get(stamps[entry.path])) is None or remembered.sha256 != entry.sha256
    ]


def _are_fast_equal(
    folder: Path,
    entries: Sequence[FileEntry],
    maps: Mapping[str, FileMap],
    checking: Checking,
) -> bool:
    """Tell whether all files have the fingerprints in their maps. That proves no SHA-256, so nothing is remembered."""
    if not entries:
        return True
    ranges: dict[str | os.PathLike[str], Sequence[Range]] = {
        folder / entry.path: maps[entry.path].ranges for entry in entries
    }
    try:
        return not changed_files(ranges, on_bytes=checking.on_bytes)
    except (NotFound, SourceChanged, StoreError):
        return False


def _are_equal(
    folder: Path, entries: Sequence[FileEntry], stamps: Mapping[str, Stamp], checking: Checking
) -> bool:
    """Tell whether all files have the SHA-256 of their entries, and remember those that do."""

    def work(entry: FileEntry, cancelled: threading.Event) -> Reading | None:
        started = time.time_ns()
        try:
            found = hash_file(folder / entry.path, on_bytes=checking.on_bytes, cancelled=cancelled)
        except (NotFound, SourceChanged, StoreError):
            return None
        stamp = stamps[entry.path]
        return Reading(stamp, Remembered(found.sha256), started) if found.sha256 == entry.sha256 else None

    readings = run_largest_first(entries, lambda entry: entry.size, work)
    checking.stamps.remember_many(reading for reading in readings if reading)
    return all(readings)


WORTH_WAITING = 16 * 2**20
"""Bytes from which on `settle` waits until a file's times prove something; fewer are sooner hashed again."""


def settle(written: Iterable[tuple[Stamp, FileEntry]], stamps: StampCache) -> None:
    """Remember files that were just written from verified bytes, once their times prove something.

    Args:
        written: The stamp of each, taken when it was written, and had all of its names.
        stamps: Where they are remembered.
    """
    remember_settled([(stamp, entry.sha256) for stamp, entry in written], stamps)


def remember_settled(found: Sequence[tuple[Stamp, str]], stamps: StampCache) -> None:
    """Remember digests of files whose times are of just now, once these prove something; few bytes aren't worth it.

    Args:
        found: The stamp of each, and its SHA-256 in hexadecimal.
        stamps: Where they are remembered.
    """
    if sum(stamp.size for stamp, _ in found) < WORTH_WAITING:
        return
    newest = max((stamp.ctime_ns for stamp, _ in found), default=0)
    deadline = time.monotonic() + 3
    while any(stamp.is_young(time.time_ns()) for stamp, _ in found) and time.monotonic() < deadline:
        time.sleep(max(0.005, min(0.12, (newest + 101_000_000 - time.time_ns()) / 1e9)))
    now = time.time_ns()
    stamps.remember_many(Reading(stamp, Remembered(sha256), now) for stamp, sha256 in found)
