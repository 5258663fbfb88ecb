"""A folder's files, each with its digest."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs

from modelver.errors import InvalidValue, NotFound, StoreError, UnsafePath
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.values.filemap import FileDigest
from modelver.values.path import check_together, version_path


@attrs.frozen(eq=False, repr=False)
class TreeDigest(Mapping[str, FileDigest]):
    """The digests of a folder's files by their relative paths, in code-point order of these.

    Equal to any mapping with the same entries.
    """

    _files: Mapping[str, FileDigest]

    def __getitem__(self, path: str) -> FileDigest:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __hash__(self) -> int:
        return hash(tuple(self._files.items()))

    def __repr__(self) -> str:
        return f"TreeDigest({dict(self._files)!r})"


def hash_tree(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> TreeDigest:
    """Hash every file below a folder, in parallel.

    Args:
        path: The folder. A symbolic link in it counts as the file that it points to, if that is in the folder too.
        threads: By default one for each core that this process may use, at most 16.
        on_bytes: Called with the number of bytes after each reading, 2 MiB at most; by several threads at once.

    Returns:
        POSIX paths relative to the folder, NFC-normalised, with their files' digests. Empty folders don't appear.

    Raises:
        NotFound: There is no such folder.
        InvalidValue: It is not a folder, or holds something that is neither file nor folder.
        UnsafePath: A path can't exist on every platform, two would be one there, or a link leads out of the folder.
        SourceChanged: A file was written to, replaced or removed meanwhile.
        StoreError: Something can't be read.
    """
    files = files_below(path)

    def work(file: tuple[Path, int], cancelled: threading.Event) -> FileDigest:
        return hash_file(file[0], on_bytes=on_bytes, cancelled=cancelled)

    digests = run_largest_first(list(files.values()), lambda file: file[1], work, threads=threads)
    return TreeDigest(dict(zip(files, digests, strict=True)))


def files_below(folder: str | os.PathLike[str]) -> dict[str, tuple[Path, int]]:
    """Return the files below a folder by their path in a version, sorted, each with its place and size in bytes.

    Raises:
        NotFound, InvalidValue, UnsafePath, StoreError: As for `hash_tree`.
    """
    root = Path(os.path.realpath(folder))
    try:
        found = [(version_path(_relative(root, entry)), entry) for entry in _scan(root)]
        check_together(name for name, _ in found)
        return {
            name: (_target(root, entry), entry.stat().st_size) for name, entry in sorted(found, key=_name)
        }
    except NotADirectoryError:
        raise InvalidValue("not a folder", where=folder) from None
    except FileNotFoundError as error:
        raise NotFound("no such file or folder", where=error.filename) from None
    except OSError as error:
        raise StoreError(
            "folder can't be read", where=error.filename, found=error.strerror, hint="Check its permissions."
        ) from error


def _scan(root: Path) -> Iterator[os.DirEntry[str]]:
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry


def _relative(root: Path, entry: os.DirEntry[str]) -> str:
    return Path(entry.path).relative_to(root).as_posix()


def _name(found: tuple[str, os.DirEntry[str]]) -> str:
    return found[0]


def _target(root: Path, entry: os.DirEntry[str]) -> Path:
    if not entry.is_symlink():
        return Path(entry.path)
    target = Path(os.path.realpath(entry.path))
    if root not in target.parents:
        raise UnsafePath("a symbolic link leads out of its folder", where=entry.path, found=target)
    if target.is_dir():
        raise UnsafePath(
            "a symbolic link to a folder", where=entry.path, found=target, hint="Replace it by the folder."
        )
    return target
