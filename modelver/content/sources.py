"""What a publisher hands over, as a list of files: folders walked, litter left out, escapes refused."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

from modelver.content.places import SourceLike, checked_source, local_place, status_of
from modelver.errors import InvalidValue, NotFound, StoreError, UnsafePath
from modelver.storage.remote_source import RemoteFile, list_remote
from modelver.values.file import Role, prompt_name, role_of
from modelver.values.path import check_together, version_path

_LITTER = frozenset(
    {"__pycache__", ".DS_Store", ".ipynb_checkpoints", "Thumbs.db", "desktop.ini", ".localized"}
)
_LITTER_SUFFIXES = (".pyc", ".pyo", ".swp", "~")


@attrs.frozen
class Source:
    """One file to register.

    Attributes:
        path: Its path in the version.
        origin: Where its bytes are: a local file, a file elsewhere, or the bytes themselves.
        role: What it is for.
    """

    path: str
    origin: Path | RemoteFile | bytes
    role: Role


@attrs.frozen
class WithFiles:
    """Sources, and files beside them whose path and role are settled.

    Attributes:
        sources: As a caller gives them; an empty tuple for none.
        files: The files.
    """

    sources: "Sources"
    files: tuple[Source, ...]


Sources: TypeAlias = SourceLike | Sequence[SourceLike] | Mapping[str, SourceLike] | WithFiles


@attrs.frozen
class Gathered:
    """The files to register, by path, and what was left out.

    Attributes:
        sources: Sorted by path.
        left_out: Paths of litter, for the user to be told.
    """

    sources: tuple[Source, ...]
    left_out: tuple[str, ...] = ()


def gather(
    sources: Sources,
    prompts: Mapping[str, SourceLike],
    storage_options: Mapping[str, Mapping[str, object]],
    *,
    registry: Path | None = None,
    without: Sequence[Path] = (),
) -> Gathered:
    """List the files of a version.

    Args:
        sources: A file, a folder, a list of them, or path in the version to source; an fsspec URL or bytes will do.
        prompts: Prompt name to source; stored under ``prompts/``.
        storage_options: For sources that are URLs, by their scheme.
        registry: The registry's folder, links resolved: nothing in it can be a source.
        without: Folders to leave out where they lie in a source, links resolved: the registry and the cache.

    Raises:
        NotFound: A source is missing.
        InvalidValue: There is nothing to register, one path is given twice, or a source lies in the registry.
        UnsafePath: A symlink leaves its folder, or a path can't exist on every platform.
    """
    walker = _Walker(storage_options, without)
    plain = sources.sources if isinstance(sources, WithFiles) else sources
    found = [Source(path, origin, role_of(path)) for path, origin in walker.pairs(plain)]
    found += [walker.prompt(name, source) for name, source in prompts.items()]
    found += sources.files if isinstance(sources, WithFiles) else ()
    _refuse_doubles(found)
    _refuse_own(found, registry)
    check_together(source.path for source in found)
    if not found:
        raise InvalidValue(
            "there is nothing to register",
            where=str(sources)[:200],
            hint="Give a file or a folder with files.",
        )
    return Gathered(tuple(sorted(found, key=lambda source: source.path)), tuple(sorted(walker.left_out)))


Pair: TypeAlias = tuple[str, Path | RemoteFile | bytes]


@attrs.define
class _Walker:
    """Finds the files that sources stand for."""

    options: Mapping[str, Mapping[str, object]]
    without: Sequence[Path]
    left_out: list[str] = attrs.field(factory=list)

    def pairs(self, sources: Sources) -> Iterator[Pair]:
        """Yield path in the version and origin of each file."""
        if isinstance(sources, Mapping):
            for path, source in sources.items():
                if not isinstance(path, str):
                    raise InvalidValue("a path in the version must be text", where=repr(path)[:80])
                yield from self._expand(checked_source(source), path)
        elif isinstance(sources, str | os.PathLike | bytes):
            yield from self._expand(sources, "")
        elif isinstance(sources, Iterable):
            for each in sources:
                source = checked_source(each)
                yield from self._expand(source, "" if isinstance(source, bytes) else _own_name(source))
        else:
            checked_source(sources)

    def prompt(self, name: str, source: SourceLike) -> Source:
        """Place a named prompt under ``prompts/``, with the suffix of its source."""
        checked_source(source)
        suffix = "" if isinstance(source, bytes) else "".join(Path(source).suffixes[-1:])
        path = version_path(f"prompts/{name}{suffix or '.txt'}")
        if prompt_name(path) != name:
            raise InvalidValue(
                "not a prompt's name", where=f"prompts[{name!r}]", hint="Leave out dots: they begin a suffix."
            )
        try:
            pairs = list(self._expand(source, path))
        except NotFound as error:
            hint = 'Prompts are files; give a text itself as bytes: {"system": text.encode()}.'
            raise NotFound(error.what, where=error.where, hint=hint) from None
        if [found for found, _ in pairs] != [path]:
            raise InvalidValue("a prompt is one file", where=f"prompts[{name!r}]", found=source)
        return Source(path, pairs[0][1], Role.PROMPT)

    def _expand(self, source: SourceLike, path: str) -> Iterator[Pair]:
        """Yield a source's files; `path` is where it goes in the version, empty for the top."""
        if isinstance(source, bytes):
            if not path:
                raise InvalidValue(
                    "bytes need a path in the version", hint='Give them as {"model.onnx": data}.'
                )
            yield version_path(path), source
            return
        place = local_place(source)
        if place is None:
            for inside, remote in list_remote(os.fspath(source), self.options):
                yield version_path(_join(path, inside) if inside else path or remote.name), remote
        elif _is_folder(place):
            for inside, file in self._walk(place):
                yield version_path(_join(path, inside)), file
        else:
            yield version_path(path or place.name), place

    def _walk(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """Yield a folder's regular files with their relative POSIX paths."""
        root = folder.resolve()
        for here, folders, files in os.walk(folder, onerror=_fail):
            place = Path(here)
            kept = self._kept(folders, place, folder)
            for name in kept:
                if (place / name).is_symlink():
                    raise UnsafePath(
                        "a folder is a symbolic link",
                        where=place / name,
                        hint="Copy it, or give it as a source of its own: {path: source}.",
                    )
            folders[:] = kept
            for name in self._kept(files, place, folder):
                yield (place / name).relative_to(folder).as_posix(), _regular(place / name, root)

    def _kept(self, names: Iterable[str], place: Path, folder: Path) -> list[str]:
        """Return the names that are no litter, sorted, and note the others."""
        kept = []
        for name in sorted(names):
            if _is_litter(name, top=place == folder) or self._is_ours(place / name):
                self.left_out.append((place / name).relative_to(folder).as_posix())
            else:
                kept.append(name)
        return kept

    def _is_ours(self, place: Path) -> bool:
        names = {folder.name for folder in self.without}
        return place.name in names and place.resolve() in self.without


def _refuse_own(found: Iterable[Source], registry: Path | None) -> None:
    """Refuse the registry's own files: moving one would destroy it."""
    for source in found:
        if registry and isinstance(source.origin, Path) and source.origin.resolve().is_relative_to(registry):
            raise InvalidValue(
                "a source lies in the registry itself",
                where=source.origin,
                hint="Load the version, and register from the folder that load() gives.",
            )


def _own_name(source: str | os.PathLike[str]) -> str:
    """Return the name under which a source of a list goes into the version: its last path segment."""
    place = local_place(source)
    if place is None:
        return os.fspath(source).rstrip("/").rpartition("/")[2]
    return place.name or place.resolve().name


def _join(path: str, inside: str) -> str:
    return f"{path}/{inside}" if path else inside


def _is_folder(place: Path) -> bool:
    """Tell a folder from a file.

    Raises:
        NotFound: There is neither.
        InvalidValue: It is a device, a socket or a pipe.
        StoreError: It can't be looked at.
    """
    mode = status_of(place).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InvalidValue("a source is neither a file nor a folder", where=place)
    return stat.S_ISDIR(mode)


def _fail(error: OSError) -> None:
    raise StoreError("a folder can't be read", where=error.filename, found=error.strerror or error) from None


def _is_litter(name: str, *, top: bool) -> bool:
    return name in _LITTER or name.endswith(_LITTER_SUFFIXES) or (top and name.startswith(".git"))


def _regular(file: Path, root: Path) -> Path:
    """Return the file that a folder's entry is; a link must stay in the folder."""
    if file.is_symlink():
        target = Path(os.path.realpath(file))
        if not target.is_relative_to(root):
            raise UnsafePath(
                "a symbolic link leaves its folder",
                where=file,
                found=target,
                hint="Copy the file, or give it as a source of its own: {path: source}.",
            )
        if not target.exists():
            raise NotFound("a symbolic link points nowhere", where=file, found=target)
        file = target
    if not file.is_file():
        raise InvalidValue(
            "not a regular file", where=file, hint="Devices, sockets and pipes can't be registered."
        )
    return file


def _refuse_doubles(found: Iterable[Source]) -> None:
    seen: dict[str, Source] = {}
    for source in found:
        other = seen.setdefault(source.path, source)
        if other is not source:
            raise InvalidValue(
                "two sources have one path in the version",
                where=source.path,
                hint="Give them as {path: source}.",
            )
