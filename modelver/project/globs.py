"""Patterns of files in a project: ``*`` and ``?`` within a name, ``**`` for any folders, ``!`` takes away."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from modelver.errors import InvalidValue, LimitExceeded, StoreError, UnsafePath

MAX_FILES = 100_000
_MAX_PATTERN = 1024
_LITTER = frozenset({"__pycache__", "node_modules", "Thumbs.db", "desktop.ini"})


def check_pattern(pattern: str, where: str) -> None:
    """Refuse a pattern that leads out of the project.

    Raises:
        UnsafePath: It is absolute, or has ``..`` in it.
        InvalidValue: It is too long, or has a backslash in it.
    """
    text = pattern.removeprefix("!")
    if len(text) > _MAX_PATTERN or "\\" in text or "\0" in text:
        raise InvalidValue(
            "not a pattern", where=where, expected="such as out/*.onnx or src/**", found=repr(text)[:80]
        )
    if text.startswith(("/", "~")) or ".." in text.split("/") or Path(text).is_absolute():
        raise UnsafePath(
            "a pattern leads out of the project",
            where=where,
            found=repr(text)[:80],
            hint="Patterns start at the project file's folder.",
        )


def matching(root: Path, patterns: Sequence[str], without: Sequence[Path] = ()) -> tuple[str, ...]:
    """Return the files that patterns name, as relative POSIX paths, sorted.

    A pattern that names a folder stands for all that is in it. Hidden folders and files, and litter such as
    ``__pycache__``, count only where the pattern itself names them.

    Args:
        root: The project's folder.
        patterns: Checked by `check_pattern`. One with ``!`` takes away from what those before it found.
        without: Folders to leave out, links resolved: the registry and the cache.

    Raises:
        LimitExceeded: They name more than 100,000 files.
        StoreError: A folder can't be read.
    """
    found: set[str] = set()
    for pattern in patterns:
        parts = _parts(pattern.removeprefix("!"))
        if pattern.startswith("!"):
            found = {path for path in found if not _fits(tuple(path.split("/")), parts)}
        else:
            found.update(_search(root, parts, without))
        if len(found) > MAX_FILES:
            raise LimitExceeded("patterns name too many files", where=pattern, expected=f"{MAX_FILES:,}")
    return tuple(sorted(found))


def _parts(pattern: str) -> tuple[str, ...]:
    return tuple(part for part in pattern.split("/") if part not in {"", "."})


def _search(root: Path, parts: tuple[str, ...], without: Sequence[Path]) -> Iterator[str]:
    plain = next((index for index, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    start = root.joinpath(*parts[:plain])
    if plain == len(parts):
        if start.is_file():
            yield "/".join(parts)
            return
        parts = (*parts, "**")
    for path in _walk(start, without, parts):
        inside = path.relative_to(root).as_posix()
        if _fits(tuple(inside.split("/")), parts):
            yield inside


def _walk(start: Path, without: Sequence[Path], parts: tuple[str, ...]) -> Iterator[Path]:
    """Yield the files below a folder; links to folders are not followed."""
    hidden = {part for part in parts if part.startswith(".")}

    def is_meant(name: str) -> bool:
        shown = not name.startswith(".") or any(fnmatchcase(name, part) for part in hidden)
        return shown and name not in _LITTER

    for here, folders, files in os.walk(start, onerror=_fail):
        place = Path(here)
        folders[:] = sorted(name for name in folders if is_meant(name) and not _is_one(place / name, without))
        yield from (place / name for name in sorted(files) if is_meant(name))


def _is_one(place: Path, folders: Sequence[Path]) -> bool:
    return any(place.name == folder.name and place.resolve() == folder for folder in folders)


def _fail(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise StoreError(
            "a folder can't be read", where=error.filename, found=error.strerror or error
        ) from None


def _fits(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Tell whether a path fits a pattern; a pattern's last ``**`` stands for files at any depth."""

    @cache
    def fits(at: int, part: int) -> bool:
        if part == len(pattern):
            return at == len(path)
        if pattern[part] == "**":
            if part == len(pattern) - 1:
                return at < len(path)
            return fits(at, part + 1) or (at < len(path) and fits(at + 1, part))
        return at < len(path) and fnmatchcase(path[at], pattern[part]) and fits(at + 1, part + 1)

    return fits(0, 0)
