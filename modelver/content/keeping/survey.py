"""What is in the user's cache: versions, blobs and the rest, each file once however many names it has."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path

import attrs

from modelver.cache.stamps import Stamp
from modelver.storage.layout import BLOBS

VERSIONS = "versions"
PARTIAL = "blobs/partial"
REGISTRIES = "registries"
STAGING = "staging"

_VERSION = re.compile(r"[0-9a-f]{64}(?:-[0-9a-f]{12})?")
_BLOB = re.compile(r"[0-9a-f]{64}")
_BROKEN_OFF = re.compile(r"[0-9a-f]{64}(?:-[0-9a-f]{16})?")
_HALF_KEPT = re.compile(r"\.[0-9a-f]{64}-[0-9a-f]{16}")
_WORK = re.compile(r"\.modelver-[0-9a-f]{32}")
_REGISTRY = re.compile(r"[0-9a-f]{32}")
_GROUP = re.compile(r"[0-9a-f]{2}")


@attrs.frozen
class Name:
    """One name of a regular file in the cache.

    Attributes:
        path: Where it is.
        stamp: The file's.
        links: How many names the file has, here and elsewhere.
    """

    path: Path
    stamp: Stamp
    links: int

    @property
    def file(self) -> tuple[int, int]:
        """What tells the file from others."""
        return self.stamp.device, self.stamp.inode


@attrs.frozen
class Version:
    """A version's folder, or that of a part of its files.

    Attributes:
        path: Where it is.
        used_ns: When it was last loaded, in nanoseconds since the epoch.
        files: Its regular files.
    """

    path: Path
    used_ns: int
    files: tuple[Name, ...]

    @property
    def digest(self) -> str:
        """The version's digest, in hexadecimal."""
        return self.path.name[:64]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(name.stamp.size for name in self.files)


@attrs.frozen(slots=False)
class Survey:
    """What was found. Nothing was followed: what is behind a link is not part of the cache.

    Attributes:
        versions: The versions' folders, the least recently used first.
        blobs: The blobs' files.
        partial: Downloads that are under way or were broken off.
        registries: What was read of remote logs.
        work: Files of folders that are being made or removed.
        odd: Things that have the name of a version or a blob, and are something else, such as links.
    """

    versions: tuple[Version, ...]
    blobs: tuple[Name, ...]
    partial: tuple[Name, ...]
    registries: tuple[Name, ...]
    work: tuple[Name, ...]
    odd: tuple[Path, ...]

    @cached_property
    def files(self) -> dict[tuple[int, int], list[Name]]:
        """The names of each file."""
        found: dict[tuple[int, int], list[Name]] = {}
        inside = (name for version in self.versions for name in version.files)
        for name in (*inside, *self.blobs, *self.partial, *self.registries, *self.work):
            found.setdefault(name.file, []).append(name)
        return found

    @cached_property
    def size(self) -> int:
        """Bytes that would be free if all of it went: files that have names elsewhere too don't count."""
        return sum(names[0].stamp.size for names in self.files.values() if not is_shared(names))

    @cached_property
    def shared(self) -> int:
        """Bytes of files that have names elsewhere, such as in a registry on this disk."""
        return sum(names[0].stamp.size for names in self.files.values() if is_shared(names))


def is_shared(names: list[Name]) -> bool:
    """Tell whether a file has names outside of the cache."""
    return names[0].links > len(names)


def survey(cache: Path) -> Survey:
    """Look through a cache folder. What can't be read is left out."""
    odd: list[Path] = []
    versions = [_version(path) for path in _grouped(cache, VERSIONS, _VERSION, _is_folder, odd)]
    blobs = _names(_grouped(cache, BLOBS, _BLOB, _is_file, odd))
    half = _names(_grouped(cache, BLOBS, _HALF_KEPT, _is_file, odd))
    partial = _names(_in(cache, PARTIAL, _BROKEN_OFF, _is_file, odd))
    registries = _in(cache, REGISTRIES, _REGISTRY, _is_folder, odd)
    work = [*_grouped(cache, VERSIONS, _WORK, _is_folder, odd), *_in(cache, STAGING, _WORK, _is_folder, odd)]
    return Survey(
        versions=tuple(sorted(versions, key=lambda version: (version.used_ns, version.path))),
        blobs=tuple(blobs),
        partial=(*partial, *half),
        registries=tuple(name for path in registries for name in _below(path)),
        work=tuple(name for path in work for name in _below(path)),
        odd=tuple(odd),
    )


def groups(cache: Path, kind: str) -> list[Path]:
    """Return the folders between ``versions`` or ``blobs/sha256`` and what is in them: ``00`` to ``ff``."""
    return list(_in(cache, kind, _GROUP, _is_folder, []))


def _grouped(
    cache: Path, kind: str, names: re.Pattern[str], wanted: Callable[[os.stat_result], bool], odd: list[Path]
) -> Iterator[Path]:
    for group in groups(cache, kind):
        yield from _matching(group, names, wanted, odd)


def _in(
    cache: Path, kind: str, names: re.Pattern[str], wanted: Callable[[os.stat_result], bool], odd: list[Path]
) -> Iterator[Path]:
    above = (cache.joinpath(*kind.split("/")[:depth]) for depth in range(1, kind.count("/") + 1))
    if not any(path.is_symlink() for path in above):
        yield from _matching(cache / kind, names, wanted, odd)


def _matching(
    folder: Path, names: re.Pattern[str], wanted: Callable[[os.stat_result], bool], odd: list[Path]
) -> Iterator[Path]:
    """Yield what has such a name and is of the wanted kind; what is of another kind is odd."""
    for path in sorted(_entries(folder)):
        status = _status(path)
        if status is None or not names.fullmatch(path.name):
            continue
        if wanted(status):
            yield path
        else:
            odd.append(path)


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder that is no link."""
    status = _status(folder)
    try:
        return list(folder.iterdir()) if status is not None and _is_folder(status) else []
    except OSError:
        return []


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _is_folder(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode)


def _is_file(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode)


def _version(path: Path) -> Version:
    status = _status(path)
    return Version(path, status.st_mtime_ns if status else 0, tuple(_below(path)))


def _below(folder: Path) -> list[Name]:
    """Return all regular files below a folder."""
    return _names(Path(here) / name for here, _, names in os.walk(folder) for name in names)


def _names(paths: Iterable[Path]) -> list[Name]:
    found = ((path, _status(path)) for path in paths)
    return [
        Name(path, Stamp.of(status), status.st_nlink) for path, status in found if status and _is_file(status)
    ]
