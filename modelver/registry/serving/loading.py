"""A version as a folder of verified files."""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import normalize

import attrs

from modelver.content.check import Checking, check_verify
from modelver.content.fetch import Wanted, choose, held_folder, own_folder
from modelver.content.keeping.holding import Hold
from modelver.errors import Corrupt, InvalidValue, LimitExceeded, NotFound, Offline
from modelver.history.state import VersionEntry
from modelver.registry.base.finding import caller_level
from modelver.registry.base.progress import Callback, Progress
from modelver.registry.base.reading import read_maps
from modelver.registry.base.session import Session
from modelver.values import html
from modelver.values.file import Role, prompt_name
from modelver.values.filemap import FileMap
from modelver.values.model_version import ModelVersion
from modelver.values.version import Version

MAX_CONFIG = 16 * 2**20


@attrs.frozen
class LoadedModel:
    """A version's files in a local folder, verified when it was handed out.

    ``m / "model.onnx"`` is a file's path, and ``os.fspath(m)`` the folder's.

    Attributes:
        path: The folder. It is read-only and shared by all who load the version, unless it was loaded ``to`` a place.
        record: The version.
    """

    path: Path
    record: ModelVersion
    # While this object lives, the folder isn't removed to make room.
    _hold: Hold | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def version(self) -> Version:
        """The version's number."""
        return self.record.version

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        """Return a file's path; only files of the version that were loaded are handed out.

        Raises:
            NotFound: The version has no such file or folder, or it was not included.
        """
        inside = PurePosixPath(normalize("NFC", Path(os.path.normpath(name)).as_posix()))
        known = any(inside == path or inside in path.parents for path in map(PurePosixPath, self._paths))
        place = self.path / inside
        if not known or inside == PurePosixPath() or not place.exists():
            raise NotFound(
                "no such file in the loaded version",
                where=f"{self.record.ref}/{os.fspath(name)}",
                hint=f"It has {', '.join(self._paths[:10])}.",
            )
        return place

    @property
    def _paths(self) -> list[str]:
        return [entry.path for entry in self.record.files]

    def prompt(self, name: str) -> str:
        """Return a prompt's text, by its name (``system``) or its path (``prompts/system.txt``).

        Raises:
            NotFound: The version has no such prompt.
            InvalidValue: Several prompts have the name: give the path. Or it is no text.
        """
        prompts = [entry.path for entry in self.record.files if entry.role is Role.PROMPT]
        found = [path for path in prompts if path == name] or [
            path for path in prompts if prompt_name(path) == name
        ]
        if not found:
            names = ", ".join(prompt_name(path) for path in prompts) or "none"
            raise NotFound(
                "the version has no such prompt", where=f"{self.record.ref}, prompt {name!r}", found=names
            )
        if len(found) > 1:
            raise InvalidValue(
                "several prompts have this name", where=name, found=", ".join(found), hint="Give the path."
            )
        try:
            return (self / found[0]).read_bytes().decode()
        except UnicodeDecodeError as error:
            raise InvalidValue("a prompt is not text in UTF-8", where=found[0], found=error) from None

    @property
    def config(self) -> Mapping[str, Any]:
        """The content of ``config.json``.

        Raises:
            NotFound: The version has none.
            InvalidValue: It is no JSON object.
        """
        file = self / "config.json"
        if file.stat().st_size > MAX_CONFIG:
            raise LimitExceeded(
                "config.json is too large", where=file, expected=f"at most {MAX_CONFIG} bytes"
            )
        try:
            config = json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise InvalidValue("config.json is not JSON", where=file, found=error) from None
        if not isinstance(config, dict):
            raise InvalidValue("config.json holds no object", where=file, found=type(config).__name__)
        return config

    def _repr_html_(self) -> str:
        return html.heading(f"loaded from {self.path}") + self.record._repr_html_()


def load(
    session: Session,
    record: ModelVersion,
    entry: VersionEntry,
    *,
    verify: str,
    include: Sequence[str] | str | None,
    to: str | os.PathLike[str] | None,
    callback: Callback | None,
) -> LoadedModel:
    """Bring a version's files to this machine, verified; see `Registry.load`."""
    mode = check_verify(verify)
    entries = choose(record.files, include)
    progress = Progress(callback, sum(file.size for file in entries))
    chosen = None if include is None else tuple(file.path for file in entries)
    wanted = Wanted(session.store, entry.digest, entries, chosen, progress, session.blobs)
    if to is None:
        checking = Checking(mode, session.stamps, lambda: _maps(session, record, entry), progress)
        folder, held = held_folder(wanted, session.keeper, checking)
        session.blobs.keep(entry.digest, record.manifest.to_bytes)
    else:
        folder = own_folder(wanted, Path(os.path.expanduser(to)).absolute())  # noqa: PTH111 (never raises)
        held = None
    progress.finish()
    return LoadedModel(folder, record, held)


def warn_if_yanked(record: ModelVersion, entry: VersionEntry) -> None:
    """Warn where a version is not to be used any more."""
    if entry.yanked:
        warnings.warn(
            f"{record.ref} was yanked: {entry.yanked.message or 'no reason given'}", stacklevel=caller_level()
        )


def _maps(session: Session, record: ModelVersion, entry: VersionEntry) -> Mapping[str, FileMap]:
    """Return the file maps; none where one is missing, damaged or out of reach: they only save time."""
    try:
        return read_maps(session, record.name, entry)
    except (Corrupt, InvalidValue, NotFound, Offline):
        return {}
