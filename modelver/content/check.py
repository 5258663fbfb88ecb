"""Whether files in a local folder are what a manifest says, as cheaply as the caller allows."""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias, cast

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.errors import InvalidValue, NotFound
from modelver.hashing.fingerprint import changed_ranges
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.values.file import FileEntry
from modelver.values.filemap import FileMap

Verify: TypeAlias = Literal["stamp", "fast", "full"]
Maps: TypeAlias = Callable[[], Mapping[str, FileMap]]


@attrs.frozen
class Checking:
    """How files are checked.

    Attributes:
        verify: ``full``: SHA-256; ``fast``: XXH3-128 on all cores, which finds accidental damage; ``stamp``: the user's
            own stamps where they are trusted, SHA-256 elsewhere.
        stamps: What is known of files that were read before.
        maps: Gives the file maps, by path, where fingerprints are needed.
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
        raise InvalidValue("not a way to verify", where=repr(verify), expected="stamp, fast or full")
    return cast("Verify", verify)


def damaged_files(folder: Path, entries: Iterable[FileEntry], checking: Checking) -> list[FileEntry]:
    """Return the files of a folder that are missing or not what their entries say."""
    wanted = list(entries)
    stamps = {entry.path: _stamp(folder / entry.path, entry) for entry in wanted}
    damaged = [entry for entry in wanted if stamps[entry.path] is None]
    present = [entry for entry in wanted if stamps[entry.path] is not None]
    if checking.verify == "stamp":
        present = _untrusted(folder, present, stamps, checking)
    if checking.verify == "fast":
        return damaged + [entry for entry in present if not _is_fast_equal(folder, entry, checking)]
    return damaged + _unequal(folder, present, stamps, checking)


def _stamp(path: Path, entry: FileEntry) -> Stamp | None:
    """Return a regular file's stamp; None where it is missing, a link, or of another size."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) and status.st_size == entry.size else None


def _untrusted(
    folder: Path, entries: list[FileEntry], stamps: Mapping[str, Stamp | None], checking: Checking
) -> list[FileEntry]:
    """Return the files whose stamps don't vouch for them."""
    known = checking.stamps.find_many(stamp for stamp in stamps.values() if stamp)
    left = [entry for entry in entries if not _vouches(known, stamps[entry.path], entry)]
    if not left:
        return []
    # A new link or other permissions change ctime alone; a fast check then tells whether the bytes are the same.
    similar = checking.stamps.find_many((stamp for stamp in stamps.values() if stamp), ignore_ctime=True)
    return [
        entry
        for entry in left
        if not (
            _vouches(similar, stamps[entry.path], entry)
            and _is_fast_equal(folder, entry, checking)
            and _remember(checking.stamps, stamps[entry.path], entry)
        )
    ]


def _vouches(known: Mapping[Stamp, Remembered], stamp: Stamp | None, entry: FileEntry) -> bool:
    remembered = known.get(stamp) if stamp else None
    return remembered is not None and remembered.sha256 == entry.sha256


def _remember(stamps: StampCache, stamp: Stamp | None, entry: FileEntry) -> bool:
    if stamp:
        stamps.remember_many([Reading(stamp, Remembered(entry.sha256), time.time_ns())])
    return True


def _is_fast_equal(folder: Path, entry: FileEntry, checking: Checking) -> bool:
    filemap = checking.maps().get(entry.path)
    if filemap is None or filemap.size != entry.size:
        return hash_file(folder / entry.path, on_bytes=checking.on_bytes).sha256 == entry.sha256
    return not changed_ranges(folder / entry.path, filemap.ranges, on_bytes=checking.on_bytes)


def _unequal(
    folder: Path, entries: list[FileEntry], stamps: Mapping[str, Stamp | None], checking: Checking
) -> list[FileEntry]:
    """Return the files whose SHA-256 differs, and remember the others."""

    def work(entry: FileEntry, cancelled: threading.Event) -> Reading | None:
        started = time.time_ns()
        try:
            found = hash_file(folder / entry.path, on_bytes=checking.on_bytes, cancelled=cancelled)
        except NotFound:
            return None
        stamp = stamps[entry.path]
        if found.sha256 != entry.sha256 or stamp is None:
            return None
        return Reading(stamp, Remembered(found.sha256), started)

    readings = run_largest_first(entries, lambda entry: entry.size, work)
    checking.stamps.remember_many(reading for reading in readings if reading)
    return [entry for entry, reading in zip(entries, readings, strict=True) if reading is None]


def settle(folder: Path, entries: Iterable[FileEntry], stamps: StampCache) -> None:
    """Remember files that were just written from verified bytes, once their times prove something."""
    found = [(entry, Stamp.of((folder / entry.path).lstat())) for entry in entries]
    newest = max((stamp.ctime_ns for _, stamp in found), default=0)
    deadline = time.monotonic() + 3
    while any(stamp.is_young(time.time_ns()) for _, stamp in found) and time.monotonic() < deadline:
        time.sleep(max(0.005, min(0.12, (newest + 101_000_000 - time.time_ns()) / 1e9)))
    now = time.time_ns()
    stamps.remember_many(Reading(stamp, Remembered(entry.sha256), now) for entry, stamp in found)


def holds_only(folder: Path, entries: Iterable[FileEntry]) -> bool:
    """Tell whether a folder has no other files than these."""
    wanted = {entry.path for entry in entries}
    for here, _, files in os.walk(folder):
        inside = Path(here).relative_to(folder)
        if any((inside / name).as_posix() not in wanted for name in files):
            return False
    return True
