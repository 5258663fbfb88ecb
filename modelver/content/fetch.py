"""Blobs into a folder of verified files: one shared folder per version, made once, read-only."""

import fnmatch
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from modelver.cache.place import make_private
from modelver.cache.stamps import Stamp
from modelver.content.blobs import get_blob, has_blob
from modelver.content.check import Checking, is_whole, settle
from modelver.content.working import working_folder
from modelver.errors import AlreadyExists, IntegrityError, InvalidValue, NotFound, StoreError
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.storage.layout import blob_key
from modelver.storage.lock import advisory_lock
from modelver.storage.reflink import clone
from modelver.storage.store import Store
from modelver.storage.temporary import OPEN_AS_IS
from modelver.values.digest import Digest
from modelver.values.file import FileEntry

_LOCK_PATIENCE = 600.0
_FOLDER_MODE = 0o555
_FILE_MODE = 0o444
_RESTORE = "Restore it from a copy of the registry."


@attrs.frozen
class Wanted:
    """Files to bring out of a store.

    Attributes:
        store: Where their blobs are.
        digest: The version's digest, which names the shared folder.
        entries: The files.
        include: The patterns that chose them; None for all of the version's files.
        on_bytes: Told of bytes done, by several threads at once.
    """

    store: Store
    digest: Digest
    entries: tuple[FileEntry, ...]
    include: tuple[str, ...] | None = None
    on_bytes: Callable[[int], None] | None = None


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


def shared_folder(wanted: Wanted, root: Path, checking: Checking) -> Path:
    """Return the folder with the wanted files, verified; made where it is missing or damaged.

    Args:
        wanted: The files.
        root: The user's cache folder.
        checking: How files that are there already are verified.

    Raises:
        IntegrityError: A blob is damaged; nothing of it is handed out.
        NotFound: A blob is missing.
        StoreError: The files can't be laid out.
    """
    folder = root / "versions" / wanted.digest.hex[:2] / _folder_name(wanted)
    if is_whole(folder, wanted.entries, checking):
        return folder
    make_private(root)
    with advisory_lock(root / "locks" / f"version-{folder.name}", timeout=_LOCK_PATIENCE):
        if not is_whole(folder, wanted.entries, checking):
            make_private(folder.parent)
            settle(_build(folder, wanted, shared=True), checking.stamps)
    return folder


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
            for entry in wanted.entries:
                (new / entry.path).parent.mkdir(parents=True, exist_ok=True)

            def place(entry: FileEntry, cancelled: threading.Event) -> tuple[Stamp, FileEntry]:
                return _place(entry, new / entry.path, wanted, cancelled, shared=shared), entry

            written = run_largest_first(wanted.entries, lambda entry: entry.size, place)
            if shared and os.path.lexists(folder):
                _open_top(folder)
                folder.rename(work / "old")
            elif os.name == "nt" and folder.exists():
                folder.rmdir()  # Windows renames to no empty folder
            new.rename(folder)
            if shared:
                _close_folders(folder)
    except OSError as error:
        raise _unable(folder, error) from error
    return written


def _open_top(folder: Path) -> None:
    """Let a folder be renamed to another place: only who may write to it may do that."""
    if not folder.is_symlink():
        folder.chmod(_FOLDER_MODE | stat.S_IWUSR)


def _close_folders(folder: Path) -> None:
    for here, _, _ in os.walk(folder, topdown=False):
        Path(here).chmod(_FOLDER_MODE)


def _place(
    entry: FileEntry, path: Path, wanted: Wanted, cancelled: threading.Event, *, shared: bool
) -> Stamp:
    """Bring one blob to a path, verified: by sharing its blocks or its inode where that is safe, else by a copy."""
    digest = Digest.from_hex(entry.sha256)
    if not has_blob(wanted.store, digest, entry.size):
        raise NotFound("a blob is missing", where=f"{wanted.store.url}/{blob_key(digest)}", hint=_RESTORE)
    blob = wanted.store.local_path(blob_key(digest))
    linked = False
    if blob is None:
        path.write_bytes(get_blob(wanted.store, digest, limit=entry.size))
        _tell(wanted, entry.size)
    elif _clone(blob, path) or (linked := shared and _link(blob, path)):
        _check(blob, entry, hash_file(path, on_bytes=wanted.on_bytes, cancelled=cancelled).sha256)
    else:
        with path.open("xb", buffering=0) as file:
            found = hash_file(blob, sink=file.fileno(), on_bytes=wanted.on_bytes, cancelled=cancelled)
        _check(blob, entry, found.sha256)
    if shared and not linked:
        path.chmod(_FILE_MODE)
    return Stamp.of(path.lstat())


def _check(blob: Path, entry: FileEntry, found: str) -> None:
    if found != entry.sha256:
        raise IntegrityError(
            "a blob is damaged: it was not loaded",
            where=blob,
            expected=entry.sha256[:12],
            found=found[:12],
            hint=f"{_RESTORE[:-1]}, or delete it and register its file again.",
        )


def _tell(wanted: Wanted, count: int) -> None:
    if wanted.on_bytes is not None:
        wanted.on_bytes(count)


def _clone(blob: Path, path: Path) -> bool:
    """Share the blob's blocks, where the file system can."""
    source = os.open(blob, OPEN_AS_IS)
    try:
        with path.open("xb") as target:
            shared = clone(source, target.fileno())
    finally:
        os.close(source)
    if not shared:
        path.unlink()
    return shared


def _link(blob: Path, path: Path) -> bool:
    """Share the blob's inode; not as root, who writes through read-only permissions and would change the blob."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0 or blob.stat().st_mode & 0o222:
        return False
    try:
        path.hardlink_to(blob)
    except OSError:
        return False
    return True


def _unable(folder: Path, error: OSError) -> StoreError:
    hint = "Free space there, or choose another place: cache_dir=, $MODELVER_CACHE, or load(..., to=...)."
    return StoreError("a version can't be laid out", where=folder, found=error.strerror or error, hint=hint)
