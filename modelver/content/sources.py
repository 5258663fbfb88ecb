"""What a publisher hands over, as a list of files: folders walked, litter left out, escapes refused."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

from modelver.errors import InvalidValue, NotFound, StoreError, UnsafePath
from modelver.storage.remote_source import RemoteFile, is_url, list_remote
from modelver.values.file import Role, role_of
from modelver.values.path import check_together, version_path

SourceLike: TypeAlias = str | os.PathLike[str] | bytes
Sources: TypeAlias = SourceLike | Sequence[SourceLike] | Mapping[str, SourceLike]

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
class Gathered:
    """The files to register, by path, and what was left out.

    Attributes:
        sources: Sorted by path.
        left_out: Paths of litter, for the user to be told.
    """

    sources: tuple[Source, ...]
    left_out: tuple[str, ...] = ()


def gather(
    sources: Sources, prompts: Mapping[str, SourceLike], storage_options: Mapping[str, object]
) -> Gathered:
    """List the files of a version.

    Args:
        sources: A file, a folder, a list of them, or path in the version to source; an fsspec URL or bytes will do.
        prompts: Prompt name to source; stored under ``prompts/``.
        storage_options: For sources that are URLs.

    Raises:
        NotFound: A source is missing.
        InvalidValue: There is nothing to register, or one path is given twice.
        UnsafePath: A symlink leaves its folder, or a path can't exist on every platform.
    """
    left_out: list[str] = []
    found = [
        Source(path, origin, role_of(path))
        for path, origin in _pairs(sources, left_out, dict(storage_options))
    ]
    found += [_prompt(name, source, dict(storage_options)) for name, source in prompts.items()]
    _refuse_doubles(found)
    check_together(source.path for source in found)
    if not found:
        raise InvalidValue(
            "there is nothing to register",
            where=str(sources)[:200],
            hint="Give a file or a folder with files.",
        )
    return Gathered(tuple(sorted(found, key=lambda source: source.path)), tuple(left_out))


Pair: TypeAlias = tuple[str, Path | RemoteFile | bytes]


def _pairs(sources: Sources, left_out: list[str], options: dict[str, object]) -> Iterator[Pair]:
    if isinstance(sources, Mapping):
        for path, source in sources.items():
            if isinstance(source, bytes):
                yield version_path(path), source
            else:
                yield from _expand(source, path, left_out, options)
    elif isinstance(sources, bytes):
        raise InvalidValue("bytes need a path in the version", hint='Give them as {"model.onnx": data}.')
    elif isinstance(sources, str | os.PathLike):
        yield from _expand(sources, "", left_out, options)
    else:
        for source in sources:
            if isinstance(source, bytes):
                raise InvalidValue(
                    "bytes need a path in the version", hint='Give them as {"model.onnx": data}.'
                )
            yield from _expand(source, os.path.basename(os.path.normpath(source)), left_out, options)  # noqa: PTH119 (a URL too)


def _expand(
    source: str | os.PathLike[str], path: str, left_out: list[str], options: dict[str, object]
) -> Iterator[Pair]:
    """Yield a source's files; `path` is where it goes in the version, empty for the top."""
    if isinstance(source, str) and is_url(source):
        for inside, remote in list_remote(source, options):
            yield version_path(_join(path, inside) if inside else path or remote.name), remote
        return
    place = Path(source).expanduser()
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        raise NotFound("a source is missing", where=place.absolute()) from None
    except OSError as error:
        raise StoreError("a source can't be read", where=place, found=error.strerror or error) from None
    if stat.S_ISREG(mode):
        yield version_path(path or place.name), place
    elif stat.S_ISDIR(mode):
        for inside, file in _walk(place, left_out):
            yield version_path(_join(path, inside)), file
    else:
        raise InvalidValue("a source is neither a file nor a folder", where=place)


def _join(path: str, inside: str) -> str:
    return f"{path}/{inside}" if path else inside


def _walk(folder: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield a folder's regular files with their relative POSIX paths."""
    root = folder.resolve()

    def fail(error: OSError) -> None:
        raise StoreError(
            "a folder can't be read", where=error.filename, found=error.strerror or error
        ) from None

    for here, folders, files in os.walk(folder, onerror=fail):
        place = Path(here)
        top = place == folder
        for name in sorted(folders):
            if _is_litter(name, top=top):
                folders.remove(name)
                left_out.append((place / name).relative_to(folder).as_posix() + "/")
            elif (place / name).is_symlink():
                raise UnsafePath(
                    "a folder is a symbolic link",
                    where=place / name,
                    hint="Copy it, or give it as a source of its own: {path: source}.",
                )
        for name in sorted(files):
            inside = (place / name).relative_to(folder).as_posix()
            if _is_litter(name, top=top):
                left_out.append(inside)
            else:
                yield inside, _regular(place / name, root)


def _is_litter(name: str, *, top: bool) -> bool:
    return name in _LITTER or name.endswith(_LITTER_SUFFIXES) or (top and name.startswith(".git"))


def _regular(file: Path, root: Path) -> Path:
    """Return the file that a folder's entry is; a link must stay in the folder."""
    if file.is_symlink():
        target = file.resolve()
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


def _prompt(name: str, source: SourceLike, options: dict[str, object]) -> Source:
    """Place a named prompt under ``prompts/``, with the suffix of its source."""
    if isinstance(source, bytes):
        return Source(version_path(f"prompts/{name}.txt"), source, Role.PROMPT)
    suffix = "".join(Path(source).suffixes[-1:]) or ".txt"
    path = f"prompts/{name}{suffix}"
    pairs = list(_expand(source, path, [], options))
    if len(pairs) != 1 or pairs[0][0] != version_path(path):
        raise InvalidValue("a prompt is one file", where=f"prompts[{name!r}]", found=source)
    return Source(pairs[0][0], pairs[0][1], Role.PROMPT)


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
