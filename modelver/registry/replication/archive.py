"""A ZIP archive on its way to its name: complete and durable, or not there."""

import filecmp
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelver.errors import AlreadyExists
from modelver.storage.failures import failing_as
from modelver.storage.folders import name_new, sync_folder

_DAWN = (1980, 1, 1, 0, 0, 0)
"""The earliest time that the format knows: a bundle's bytes depend on nothing but its content."""

_UNIX = 3
_MODE = 0o100444 << 16


class Archive:
    """Takes objects, in the order in which they will lie."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, key: str, data: bytes) -> None:
        """Add an object."""
        self.add_parts(key, len(data), [data])

    def add_parts(self, key: str, size: int, parts: Iterable[bytes]) -> None:
        """Add an object of so many bytes, part by part."""
        info = zipfile.ZipInfo(key, _DAWN)
        info.create_system, info.external_attr, info.file_size = _UNIX, _MODE, size
        with self._archive.open(info, "w") as entry:
            for part in parts:
                entry.write(part)


@contextmanager
def new_archive(path: Path, *, overwrite: bool) -> Iterator[Archive]:
    """Write an archive beside its place; it gets its name when the block has ended well.

    Args:
        path: Its place; the folder is made where it is missing.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        AlreadyExists: A file of other bytes is there.
        StoreError: It can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.tmp")
    with failing_as("could not write a bundle", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                    yield Archive(archive)
                file.flush()
                os.fsync(file.fileno())
            _name(temporary, path, overwrite=overwrite)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _name(temporary: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        temporary.replace(path)
    else:
        try:
            name_new(temporary, path)
        except FileExistsError:
            if not path.is_file() or not filecmp.cmp(temporary, path, shallow=False):
                raise AlreadyExists(
                    "another file is there",
                    where=path,
                    hint="Choose another name, or allow it to be replaced: overwrite=True, --overwrite.",
                ) from None
    sync_folder(path.parent)
