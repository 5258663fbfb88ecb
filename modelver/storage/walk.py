"""Listing a local store: keys in code-point order, without looking at what is skipped."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from modelver.storage.failures import failing_as, store_error
from modelver.storage.keys import TEMPORARY, is_segment
from modelver.storage.store import Entry


def walk(root: Path, prefix: str, after: str) -> Iterator[Entry]:
    """Yield the objects below `prefix` (all of them, where it is empty) whose keys are greater than `after`.

    Foreign things are left out: links, pipes, and files whose names are no part of a key.

    Raises:
        StoreError: A folder can't be read.
    """
    for key, found in sorted(_children(root, prefix, after)):
        if key.endswith("/"):
            yield from walk(root, key[:-1], after)
            continue
        size = _size(found)
        if size is not None:
            yield Entry(key, size)


def folders(root: Path, prefix: str) -> Iterator[str]:
    """Yield the names of the folders right in `prefix`, sorted.

    Raises:
        StoreError: The folder can't be read.
    """
    return iter(sorted(found.name for key, found in _children(root, prefix, "") if key.endswith("/")))


def _size(found: os.DirEntry[str]) -> int | None:
    """Return a file's size, or None where it was removed since its folder was read."""
    try:
        return found.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise store_error("could not list", Path(found.path), error) from error


def _children(root: Path, prefix: str, after: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield what may hold keys greater than `after`, folders with a final slash, so that they sort as whole keys do."""
    folder = root / prefix
    start = f"{prefix}/" if prefix else ""
    with (
        failing_as("could not list", folder),
        suppress(FileNotFoundError, NotADirectoryError),
        os.scandir(folder) as entries,
    ):
        for found in entries:
            key = start + found.name
            below = f"{key}/"
            if below < after and not after.startswith(below):
                continue  # neither the file nor anything below the folder: most of a long log, so first
            if not is_segment(found.name) or key == TEMPORARY:
                continue
            if found.is_dir(follow_symlinks=False):
                yield below, found
            elif key > after and found.is_file(follow_symlinks=False):
                yield key, found
