"""The project file: found upwards, read with a cap."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from modelver.errors import InvalidValue, LimitExceeded, NotFound, StoreError, UnsafePath

PROJECT_FILE = "modelver.toml"
PYPROJECT = "pyproject.toml"
MAX_FILE = 2**20
"""Bytes that a project file may have, and each file that it names to be read."""


@attrs.frozen
class ProjectFile:
    """A project file that was read.

    Attributes:
        path: Where it is.
        tables: What it says; of a ``pyproject.toml``, its table ``tool.modelver``.
    """

    path: Path
    tables: Mapping[str, object]

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.path.parent

    @property
    def label(self) -> str:
        """How errors name what is in it."""
        return self.path.name if self.path.name != PYPROJECT else f"{PYPROJECT}: tool.modelver"


def find_project_file(folder: Path) -> ProjectFile | None:
    """Return the nearest project file upwards; None where there is none.

    In each folder ``modelver.toml`` counts before the table ``[tool.modelver]`` of ``pyproject.toml``.

    Raises:
        InvalidValue: It is no TOML file.
        LimitExceeded: It is larger than 1 MiB.
        StoreError: It can't be read.
    """
    for place in (folder, *folder.parents):
        for path in _candidates(place):
            if (found := load_project_file(path)) is not None:
                return found
    return None


def _candidates(place: Path) -> Iterator[Path]:
    for name in (PROJECT_FILE, PYPROJECT):
        if os.path.isfile(place / name):  # noqa: PTH113 (False also where it can't be looked at)
            yield place / name


def load_project_file(path: Path) -> ProjectFile | None:
    """Read a project file; None for a ``pyproject.toml`` without our table.

    Raises:
        InvalidValue: It is no TOML file.
        LimitExceeded: It is larger than 1 MiB.
        StoreError: It can't be read.
    """
    data = read_capped(path, what="a project file")
    if path.name != PYPROJECT:
        return ProjectFile(path, parse_toml(data, path))
    if b"modelver" not in data:  # most of them, and parsing takes longer than looking
        return None
    tool = parse_toml(data, path).get("tool", {})
    tables = tool.get("modelver") if isinstance(tool, Mapping) else None
    return ProjectFile(path, tables) if isinstance(tables, Mapping) else None


def read_capped(path: Path, *, what: str) -> bytes:
    """Return a file's bytes.

    Raises:
        LimitExceeded: There are more than 1 MiB.
        StoreError: It can't be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:  # also a name with a NUL in it
        found = error.strerror if isinstance(error, OSError) else None
        raise StoreError(f"{what} can't be read", where=path, found=found or error) from None
    if len(data) > MAX_FILE:
        raise LimitExceeded(f"{what} is too large", where=path, expected=f"at most {MAX_FILE} bytes")
    return data


def read_inside(folder: Path, path: str, *, what: str) -> bytes:
    """Return the bytes of a file of a project.

    Raises:
        NotFound: It is missing.
        UnsafePath: A link leads out of the project.
        LimitExceeded: It is larger than 1 MiB.
        StoreError: It can't be read.
    """
    place = Path(os.path.realpath(folder / path))
    if not place.is_file():
        raise NotFound(f"{what} is missing", where=folder / path)
    if not place.is_relative_to(os.path.realpath(folder)):
        raise UnsafePath("a link leads out of the project", where=folder / path, found=place)
    return read_capped(place, what=what)


def parse_toml(data: bytes, path: Path) -> dict[str, object]:
    """Parse TOML.

    Raises:
        InvalidValue: It is none.
    """
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InvalidValue("not TOML", where=path, found=error) from None


def registry_url(file: ProjectFile) -> str | None:
    """Return the registry that a project file names, a relative path from the file's folder; None where it names none.

    Raises:
        InvalidValue: ``[registry] url`` is no text.
    """
    section = file.tables.get("registry", {})
    url = section.get("url", "") if isinstance(section, Mapping) else None
    if not isinstance(url, str):
        raise InvalidValue(
            "not the address of a registry",
            where=f"{file.path}, [registry] url",
            expected="text",
            found=section if url is None else url,
            hint='Write the line [registry], and below it: url = "s3://bucket/models", or a folder.',
        )
    if not url or "://" in url:
        return url or None
    return str(file.folder / os.path.expanduser(url))  # noqa: PTH111 (never raises without a home)
