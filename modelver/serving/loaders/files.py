"""The files that a loader is given, and the choice among them."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol

from modelver.errors import InvalidValue, NotFound
from modelver.values.model_version import ModelVersion


class Files(Protocol):
    """A version's verified files in a local folder, as `Registry.load` gives them."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def record(self) -> ModelVersion:
        """The version."""
        ...


def matching(files: Files, patterns: Sequence[str]) -> list[Path]:
    """Return the version's files that fit one of the patterns and were loaded, sorted by path.

    Args:
        files: The version's files.
        patterns: Such as ``*.onnx``; case does not count.

    Raises:
        NotFound: There are none.
    """
    found = [
        files.path / entry.path
        for entry in files.record.files
        if any(fnmatchcase(entry.path.lower(), pattern.lower()) for pattern in patterns)
    ]
    there = [path for path in found if path.is_file()]
    if not there:
        raise NotFound(
            "the version has no such file, or it was not included",
            where=files.record.ref,
            expected=" or ".join(patterns),
            found=", ".join(entry.path for entry in files.record.files[:10]),
        )
    return there


def only(files: Files, name: str | None, patterns: Sequence[str]) -> Path:
    """Return the one file to load: the named one, else the only one that fits.

    Raises:
        NotFound: There is none.
        InvalidValue: Several fit.
    """
    found = matching(files, [name] if name is not None else patterns)
    if len(found) > 1:
        names = ", ".join(path.relative_to(files.path).as_posix() for path in found[:10])
        raise InvalidValue(
            "several files could be loaded", where=files.record.ref, found=names, hint="Name the file."
        )
    return found[0]


def library(name: str, package: str) -> ModuleType:
    """Import a library that not everybody has.

    Raises:
        InvalidValue: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InvalidValue(
            "a library for this model is not installed",
            where=name,
            found=error,
            hint=f"Install it: pip install {package}",
        ) from None
