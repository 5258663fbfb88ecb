"""Blobs into a folder of verified files: one shared folder per version, made once, read-only."""

import fnmatch
import hashlib
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from modelver.cache.place import make_private
from modelver.content.blobs import get_blob
from modelver.content.check import Checking, damaged_files, holds_only, settle
from modelver.errors import AlreadyExists, IntegrityError, InvalidValue, NotFound, StoreError
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.storage.layout import blob_key
from modelver.storage.lock import advisory_lock
from modelver.storage.reflink import clone
from modelver.storage.store import Store
from modelver.values.digest import Digest
from modelver.values.file import FileEntry

_LOCK_PATIENCE = 600.0
_FOLDER_MODE = 0o555
_FILE_MODE = 0o444


@attrs.frozen
class Wanted:
    """Files to bring out of a store.

    Attributes:
        store: Where their blobs are.
        digest: The version's digest, which names the shared folder.
        entries: The files.
        include: The patterns that chose them; None for all of the version's files.
    """

    store: Store
    digest: Digest
    entries: tuple[FileEntry, ...]
    include: tuple[str, ...] | None = None


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
    """
    folder = root / "versions" / wanted.digest.hex[:2] / _folder_name(wanted)
    if _is_good(folder, wanted, checking):
        return folder
    make_private(root)
    with advisory_lock(root / "locks" / f"version-{folder.name}", timeout=_LOCK_PATIENCE):
        if not _is_good(folder, wanted, checking):
            _build(folder, wanted, checking.on_bytes, mode=_FILE_MODE)
            settle(folder, wanted.entries, checking.stamps)
    return folder


def own_folder(wanted: Wanted, target: Path, on_bytes: Callable[[int], None] | None) -> Path:
    """Copy the wanted files, verified, into a new folder of the caller's own, where they may be written to.

    Raises:
        AlreadyExists: The folder exists and is not empty.
        IntegrityError: A blob is damaged; the folder is not made.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AlreadyExists("the target exists", where=target, hint="Choose a new or an empty folder.")
    if target.exists():
        target.rmdir()
    _build(target, wanted, on_bytes, mode=0o644)
    return target


def _folder_name(wanted: Wanted) -> str:
    if wanted.include is None:
        return wanted.digest.hex
    chosen = "\0".join(entry.path for entry in wanted.entries)
    return f"{wanted.digest.hex}-{hashlib.sha256(chosen.encode()).hexdigest()[:12]}"


def _is_good(folder: Path, wanted: Wanted, checking: Checking) -> bool:
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and holds_only(folder, wanted.entries)
        and not damaged_files(folder, wanted.entries, checking)
    )


def _build(folder: Path, wanted: Wanted, on_bytes: Callable[[int], None] | None, *, mode: int) -> None:
    """Make a folder beside its final place, then give it its name: it is whole or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = folder.parent / f".incoming-{uuid.uuid4().hex}"
    half.mkdir()
    try:
        for entry in wanted.entries:
            (half / entry.path).parent.mkdir(parents=True, exist_ok=True)

        def work(entry: FileEntry, cancelled: threading.Event) -> None:
            _place(entry, half / entry.path, wanted.store, on_bytes, cancelled)
            (half / entry.path).chmod(mode)

        run_largest_first(wanted.entries, lambda entry: entry.size, work)
        if mode == _FILE_MODE:
            _close_folders(half)
        _swap(half, folder)
    except OSError as error:
        raise StoreError(
            "a version can't be laid out", where=folder, found=error.strerror or error
        ) from error
    finally:
        if half.exists():
            remove_tree(half)


def _close_folders(folder: Path) -> None:
    for here, _, _ in os.walk(folder, topdown=False):
        Path(here).chmod(_FOLDER_MODE)


def _swap(half: Path, folder: Path) -> None:
    """Give the finished folder its name, in place of one that is damaged."""
    if folder.exists():
        old = folder.parent / f".outgoing-{uuid.uuid4().hex}"
        folder.rename(old)
        half.rename(folder)
        remove_tree(old)
    else:
        half.rename(folder)


def remove_tree(folder: Path) -> None:
    """Delete a folder of ours, read-only parts too."""
    for here, _, _ in os.walk(folder):
        Path(here).chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)


def _place(
    entry: FileEntry,
    path: Path,
    store: Store,
    on_bytes: Callable[[int], None] | None,
    cancelled: threading.Event,
) -> None:
    """Bring one blob to a path: by sharing its blocks or its inode where that is safe, else by a copy; verified."""
    digest = Digest.from_hex(entry.sha256)
    key = blob_key(digest)
    blob = store.local_path(key)
    if blob is None:
        path.write_bytes(get_blob(store, digest, limit=entry.size))
        return
    try:
        if _clone(blob, path) or _link(blob, path):
            found = hash_file(path, on_bytes=on_bytes, cancelled=cancelled).sha256
        else:
            with path.open("xb", buffering=0) as file:
                found = hash_file(blob, sink=file.fileno(), on_bytes=on_bytes, cancelled=cancelled).sha256
    except NotFound:
        raise NotFound(
            "a blob is missing", where=blob, hint="Restore it from a copy of the registry."
        ) from None
    if found != entry.sha256:
        raise IntegrityError(
            "a blob is damaged: it was not loaded",
            where=blob,
            expected=entry.sha256[:12],
            found=found[:12],
            hint="Restore it from a copy of the registry, or delete it and register its file again.",
        )


def _clone(blob: Path, path: Path) -> bool:
    """Share the blob's blocks, where the file system can."""
    try:
        with blob.open("rb") as source, path.open("xb") as target:
            shared = clone(source.fileno(), target.fileno())
    except FileNotFoundError:
        raise NotFound("a blob is missing", where=blob) from None
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
