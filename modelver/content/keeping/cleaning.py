"""The least recently used goes first: versions' folders, and blobs that no version names any more."""

import os
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import attrs

from modelver.cache.stamps import Stamp, StampCache
from modelver.content.check import remember_settled
from modelver.content.keeping.holding import LOCKS, blob_lock, in_use, is_held, open_folder, version_lock
from modelver.content.keeping.survey import (
    REGISTRIES,
    STAGING,
    VERSIONS,
    Name,
    Survey,
    Version,
    groups,
    is_shared,
    survey,
)
from modelver.content.working import clear_abandoned, remove_tree
from modelver.storage.layout import BLOBS
from modelver.storage.lock import advisory_lock

SMALL_BLOB = 2**20
"""Blobs below this many bytes go last: mostly manifests and file maps, which free little and answer without a store."""

PARTIAL_SECONDS = 86_400
"""For how long a download that was broken off waits to be gone on with, and the lock of what is gone for its next use."""

_NANOSECONDS = 1_000_000_000


@attrs.frozen
class Removed:
    """A thing that was removed from the cache.

    Attributes:
        path: Where it was.
        kind: ``version``, ``blob``, ``partial``, ``registry`` or ``odd``.
        size: Bytes that became free by it; a version's are mostly those of its blobs.
    """

    path: Path
    kind: str
    size: int


@attrs.frozen
class Wish:
    """What is to go.

    Attributes:
        limit: The least recently used, until the cache takes at most so many bytes; None: for no such reason.
        older_ns: All that was last used before this time, in nanoseconds since the epoch; None: as above.
        everything: All that is not in use.
        paths: These, which are damaged.
    keep: A version's folder that stays in any case.
        dry_run: Nothing goes; it is only said what would.
    """

    limit: int | None = None
    older_ns: int | None = None
    everything: bool = False
    paths: frozenset[Path] = frozenset()
    keep: Path | None = None
    dry_run: bool = False


@attrs.frozen
class Pruned:
    """What was done.

    Attributes:
        removed: What was removed, or would be.
        in_use: Versions that would have gone, but are in use.
        size: Bytes that the cache takes now, or would.
    """

    removed: tuple[Removed, ...]
    in_use: tuple[Path, ...]
    size: int


class Cleaning:
    """One cleaning: what is there still, and what went."""

    def __init__(self, cache: Path, stamps: StampCache, wish: Wish) -> None:
        self._cache = cache
        self._stamps = stamps
        self._wish = wish
        if not wish.dry_run:
            for folder in (*groups(cache, VERSIONS), cache / STAGING):
                if not folder.is_symlink():
                    clear_abandoned(folder)
        self._found = survey(cache)
        self._names = {file: list(names) for file, names in self._found.files.items()}
        self._blobs = {name.file: name for name in self._found.blobs}
        self._size = self._found.size
        self._removed: list[Removed] = []
        self._in_use: list[Path] = []
        self._known: dict[Stamp, str] = {}
        # The manifest of a version that is here stays with it.
        self._present = [version.digest for version in self._found.versions]

    def run(self) -> Pruned:
        """Clean up."""
        self._partial()
        for unit in _by_use(self._found):
            if isinstance(unit, Version):
                self._version(unit)
            elif unit.path.name not in self._present or unit.path in self._wish.paths:
                self._blob(unit, unit.stamp.mtime_ns)
        for path in self._found.odd:
            if self._wish.everything or path in self._wish.paths:
                self._odd(path)
        if self._wish.everything:
            self._registries()
        if not self._wish.dry_run:
            self._settle_stamps()
            self._locks()
        return Pruned(tuple(self._removed), tuple(self._in_use), self._size)

    def _is_wanted(self, unit: Version | Name, used_ns: int) -> bool:
        wish = self._wish
        if (
            wish.everything
            or unit.path in wish.paths
            or (wish.older_ns is not None and used_ns < wish.older_ns)
        ):
            return True
        files = unit.files if isinstance(unit, Version) else (unit,)
        too_large = wish.limit is not None and self._size > wish.limit
        return too_large and any(not is_shared(self._found.files[name.file]) for name in files)

    def _version(self, version: Version) -> None:
        """Remove a version, and the blobs that nothing else names, as far as those too have to go."""
        if version.path == self._wish.keep or not self._is_wanted(version, version.used_ns):
            return
        evict = self._is_free if self._wish.dry_run else self._evict
        gone = evict(version)
        if gone is False:
            self._in_use.append(version.path)
        if not gone:
            return
        self._present.remove(version.digest)
        self._removed.append(Removed(version.path, "version", sum(map(self._drop, version.files))))
        for name in version.files:
            blob = self._blobs.get(name.file)
            if blob is not None:
                self._blob(blob, version.used_ns)

    def _is_free(self, version: Version) -> bool:
        return not in_use(version.path)

    def _evict(self, version: Version) -> bool | None:
        """Rename a version's folder away and delete it; False where it is in use, None where we may not."""
        # Before it is locked: who loads it waits for a moment only, and does without a lock then.
        self._note_stamps(version.files)
        descriptor = open_folder(version.path)
        if descriptor is None:
            return self._evict_unlocked(version) if os.name == "nt" else None
        try:
            if is_held(descriptor) or os.fstat(descriptor).st_mtime_ns > version.used_ns:
                return False
            return self._evict_unlocked(version)
        finally:
            os.close(descriptor)

    def _evict_unlocked(self, version: Version) -> bool | None:
        with advisory_lock(version_lock(self._cache, version.path.name), timeout=0) as alone:
            if alone is False:
                return False
            # A working folder's name, and we have its lock: if we die, whoever works there next clears it.
            gone = version.path.with_name(f".modelver-{uuid.uuid4().hex}")
            try:
                version.path.rename(gone)
            except OSError:
                return None
        remove_tree(gone)
        return True

    def _blob(self, blob: Name, used_ns: int) -> None:
        """Remove a blob that has to go, unless a version names it."""
        names = self._names[blob.file]
        alone = names == [blob] or (blob in names and blob.path in self._wish.paths)
        if alone and self._is_wanted(blob, used_ns):
            self._file(blob, "blob")

    def _file(self, name: Name, kind: str) -> None:
        if self._wish.dry_run or self._unlink(name.path):
            self._removed.append(Removed(name.path, kind, self._drop(name)))

    def _unlink(self, path: Path) -> bool:
        with advisory_lock(blob_lock(self._cache, path.name.lstrip(".")[:64]), timeout=0) as alone:
            if alone is False:
                return False
            try:
                path.unlink()
            except OSError:
                return False
        return True

    def _partial(self) -> None:
        before = time.time() - PARTIAL_SECONDS
        for name in self._found.partial:
            if self._wish.everything or name.stamp.mtime_ns < before * _NANOSECONDS:
                self._file(name, "partial")

    def _registries(self) -> None:
        above = self._cache / REGISTRIES
        for folder in sorted(
            {above / name.path.relative_to(above).parts[0] for name in self._found.registries}
        ):
            names = [name for name in self._found.registries if name.path.is_relative_to(folder)]
            if not self._wish.dry_run:
                remove_tree(folder)
            self._removed.append(Removed(folder, "registry", sum(map(self._drop, names))))

    def _odd(self, path: Path) -> None:
        """Remove something that stands in the place of a version or a blob; never what is behind it."""
        gone = path.with_name(f".modelver-{uuid.uuid4().hex}")
        with suppress(OSError):
            if not self._wish.dry_run:
                path.rename(gone)
                remove_tree(gone)
            self._removed.append(Removed(path, "odd", 0))

    def _locks(self) -> None:
        """Remove the locks of what is not here: else one stays for each file that ever was."""
        places = {"version": self._cache / VERSIONS, "blob": self._cache / BLOBS}
        before = time.time() - PARTIAL_SECONDS
        with suppress(OSError):
            for lock in sorted((self._cache / LOCKS).iterdir()):
                kind, _, name = lock.name.partition("-")
                is_gone = kind in places and not os.path.lexists(places[kind] / name[:2] / name)
                if is_gone and lock.lstat().st_mtime < before:
                    with advisory_lock(lock, timeout=0) as alone:
                        if alone:
                            lock.unlink()

    def _drop(self, name: Name) -> int:
        """Take note that a name has gone; return the bytes that became free."""
        names = self._names[name.file]
        shared = is_shared(self._found.files[name.file])
        names.remove(name)
        freed = 0 if names or shared else name.stamp.size
        self._size -= freed
        return freed

    def _note_stamps(self, names: Iterable[Name]) -> None:
        """Note what is known of files that keep other names: a name's removal changes the stamp, and not the bytes."""
        with suppress(OSError):
            stamps = [Stamp.of(name.path.lstat()) for name in names]
            known = self._stamps.find_many(stamps)
            self._known |= {stamp: remembered.sha256 for stamp, remembered in known.items()}

    def _settle_stamps(self) -> None:
        """Forget files that have gone, and remember the new stamps of those that only lost a name."""
        gone = [self._found.files[file][0].stamp for file, names in self._names.items() if not names]
        self._stamps.forget(gone)
        remember_settled(
            [
                (after, sha256)
                for stamp, sha256 in self._known.items()
                for names in [self._names.get((stamp.device, stamp.inode))]
                if names and (after := _renamed(stamp, names[0].path)) is not None
            ],
            self._stamps,
        )


def _by_use(found: Survey) -> list[Version | Name]:
    """Return versions and blobs in the order in which they go."""
    units: list[tuple[bool, int, Version | Name]] = [
        (False, version.used_ns, version) for version in found.versions
    ]
    units += [(blob.stamp.size < SMALL_BLOB, blob.stamp.mtime_ns, blob) for blob in found.blobs]
    return [unit for _, _, unit in sorted(units, key=lambda unit: unit[:2])]


def _renamed(before: Stamp, path: Path) -> Stamp | None:
    """Return a file's stamp now, if nothing but its ctime has changed."""
    try:
        after = Stamp.of(path.lstat())
    except OSError:
        return None
    return after if attrs.evolve(after, ctime_ns=before.ctime_ns) == before else None
