"""Blobs into a folder of verified files: one shared folder per version, made once, read-only."""

import fnmatch
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import attrs

from modelver.cache.place import make_private, refuse_foreign_link
from modelver.cache.stamps import Stamp
from modelver.content.blob_cache import BlobCache
from modelver.content.bring import Way, bringer
from modelver.content.check import Checking, is_whole, settle
from modelver.content.keeping.holding import Hold, hold, open_folder, version_lock
from modelver.content.keeping.keeper import Keeper
from modelver.content.keeping.survey import VERSIONS
from modelver.content.working import change_folders, working_folder
from modelver.errors import AlreadyExists, InvalidValue, StoreError
from modelver.hashing.parallel import run_largest_first
from modelver.storage.lock import advisory_lock
from modelver.storage.store import Store
from modelver.values.digest import Digest
from modelver.values.file import FileEntry

_LOCK_PATIENCE = 600.0
_FOLDER_MODE = 0o555
_FILE_MODE = 0o444
_AT_ONCE = 8
"""Files of a remote store that are fetched at once: mostly small ones, whose requests wait for the network."""


@attrs.frozen
class Wanted:
    """Files to bring out of a store.

    Attributes:
        store: Where their blobs are.
        digest: The version's digest, which names the shared folder.
        entries: The files.
        include: The patterns that chose them; None for all of the version's files.
        on_bytes: Told of bytes done, by several threads at once.
        cache: Where blobs of remote stores are kept; None keeps none.
    """

    store: Store
    digest: Digest
    entries: tuple[FileEntry, ...]
    include: tuple[str, ...] | None = None
    on_bytes: Callable[[int], None] | None = None
    cache: BlobCache | None = None


def choose(entries: Sequence[FileEntry], include: Sequence[str] | str | None) -> tuple[FileEntry, ...]:
    """Return the files whose path matches one of the patterns (``*.onnx``, ``tokenizer/*``); all of them for None.

    Raises:
        InvalidValue: No file matches.
    """
    if include is None:
        return tuple(entries)
    patterns = [include] if isinstance(include, str) else list(include)
    chosen = tuple(
        entry for entry in entries if any(fnmatch.fnmatchcase(entry.path, pattern) for pattern in patterns)
    )
    if not chosen:
        raise InvalidValue(
            "no file of the version matches",
            where=f"include={patterns}",
            expected=f"one of {', '.join(entry.path for entry in entries[:10])}",
        )
    return chosen


def held_folder(wanted: Wanted, keeper: Keeper, checking: Checking) -> tuple[Path, Hold | None]:
    """Return the folder with the wanted files, verified; made where it is missing or damaged.

    Args:
        wanted: The files.
        keeper: Keeps the user's cache folder within bounds, after something was added.
        checking: How files that are there already are verified.

    Returns:
        The folder, and what keeps it from being removed; None where something else removed it already.

    Raises:
        IntegrityError: A blob is damaged; nothing of it is handed out.
        NotFound: A blob is missing.
        StoreError: The files can't be laid out.
    """
    root = keeper.cache
    folder = root / VERSIONS / wanted.digest.hex[:2] / _folder_name(wanted)
    above = (folder.parent.parent, folder.parent)
    for each in above:
        refuse_foreign_link(each)
    held = _held(folder, wanted, checking)
    if held is not None:
        return folder, held
    make_private(root)
    with advisory_lock(version_lock(root, folder.name), timeout=_LOCK_PATIENCE):
        held = _held(folder, wanted, checking)
        if held is not None:
            return folder, held
        for each in above:
            refuse_foreign_link(make_private(each))
        written = _build(folder, wanted, shared=True)
        held = hold(folder)
        settle(written, checking.stamps)
    keeper.enforce(folder)
    return folder, held


def shared_folder(wanted: Wanted, root: Path, checking: Checking) -> Path:
    """Return the folder as `held_folder` does, in a cache without a limit; nothing keeps it afterwards."""
    return held_folder(wanted, Keeper(root, None, checking.stamps), checking)[0]


def _held(folder: Path, wanted: Wanted, checking: Checking) -> Hold | None:
    """Hold a folder that is there and whole: held first, so that nothing removes it once it was verified."""
    held = hold(folder)
    return held if held is not None and is_whole(folder, wanted.entries, checking) else None


def own_folder(wanted: Wanted, target: Path) -> Path:
    """Copy the wanted files, verified, into a new folder of the caller's own, where they may be written to.

    Raises:
        AlreadyExists: The folder exists and is not empty.
        IntegrityError: A blob is damaged; the folder is not made.
        NotFound: A blob is missing.
        StoreError: The files can't be laid out.
    """
    try:
        taken = os.path.lexists(target) and (not target.is_dir() or any(target.iterdir()))
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unable(target, error) from error
    if taken:
        raise AlreadyExists("the target exists", where=target, hint="Choose a new or an empty folder.")
    _build(target, wanted, shared=False)
    return target


def _folder_name(wanted: Wanted) -> str:
    if wanted.include is None:
        return wanted.digest.hex
    chosen = "\0".join(entry.path for entry in wanted.entries)
    return f"{wanted.digest.hex}-{hashlib.sha256(chosen.encode()).hexdigest()[:12]}"


def _build(folder: Path, wanted: Wanted, *, shared: bool) -> list[tuple[Stamp, FileEntry]]:
    """Make a folder beside its final place, then give it its name: it is whole or absent.

    Args:
        folder: Its final place; its parent exists.
        wanted: The files.
        shared: Whether it is read-only, and may share the store's own files, and replaces a damaged one.

    Returns:
        The files' stamps, in the order of their entries.
    """
    try:
        with working_folder(folder.parent) as work:
            new = work / "new"
            new.mkdir()
            written = [
                (stamp, entry)
                for (stamp, _), entry in zip(
                    write_files(wanted, new, shared=shared), wanted.entries, strict=True
                )
            ]
            if shared and os.path.lexists(folder):
                _open_top(folder)
                folder.rename(work / "old")
            elif os.name == "nt" and folder.exists():
                folder.rmdir()  # Windows renames to no empty folder
            new.rename(folder)
            if shared:
                change_folders(folder, _FOLDER_MODE)
    except OSError as error:
        raise _unable(folder, error) from error
    return written


def write_files(wanted: Wanted, folder: Path, *, shared: bool) -> list[tuple[Stamp, Way]]:
    """Write files, verified, into a folder that nobody else looks at.

    Args:
        wanted: The files.
        folder: It may hold what an earlier try has left: of a remote store's files their beginnings are kept.
        shared: Whether they are read-only, and may be other names of the store's own files.

    Returns:
        The stamp of each file and how it came there, in the order of their entries.

    Raises:
        IntegrityError: A blob is damaged.
        NotFound: A blob is missing.
        StoreError: The store can't be read.
        OSError: A file can't be written.
    """
    for entry in wanted.entries:
        (folder / entry.path).parent.mkdir(parents=True, exist_ok=True)
    with bringer(wanted.store, wanted.cache, wanted.on_bytes) as bring:

        def place(entry: FileEntry, cancelled: threading.Event) -> tuple[Stamp, Way]:
            path = folder / entry.path
            way = bring(entry, path, cancelled, shared=shared)
            if shared and way is not Way.LINKED:
                path.chmod(_FILE_MODE)
            return Stamp.of(path.lstat()), way

        threads = None if wanted.store.folder else _AT_ONCE
        return run_largest_first(wanted.entries, lambda entry: entry.size, place, threads=threads)


def _open_top(folder: Path) -> None:
    """Let a folder be renamed to another place: only who may write to it may do that."""
    descriptor = open_folder(folder)
    if descriptor is not None:
        with suppress(OSError):
            os.fchmod(descriptor, _FOLDER_MODE | stat.S_IWUSR)
        os.close(descriptor)


def _unable(folder: Path, error: OSError) -> StoreError:
    hint = "Free space there, or choose another place: cache_dir=, $MODELVER_CACHE, or load(..., to=...)."
    return StoreError("a version can't be laid out", where=folder, found=error.strerror or error, hint=hint)
