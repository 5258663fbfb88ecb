"""Gathering what changelogs, release notes and audits say, from logs and manifests."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelver.errors import InvalidValue
from modelver.history.state import State, VersionEntry
from modelver.project.file import find_project_file
from modelver.publish.changelog import ModelChangelog, Release
from modelver.registry.base.finding import model_of, scheme_of
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.storage.ahead import work_ahead
from modelver.values.name import ModelName


def changelog(session: Session, name: ModelName) -> ModelChangelog:
    """Return a model's changelog; see `Registry.changelog`."""
    state = session.state(name)
    return ModelChangelog(str(model_of(state)), releases(session, state, state.versions.values()))


def releases(session: Session, state: State, entries: Iterable[VersionEntry]) -> tuple[Release, ...]:
    """Return what versions changed, the highest first."""
    scheme = scheme_of(state)
    ordered = sorted(entries, key=lambda entry: scheme.version(entry.version), reverse=True)

    def read(entry: VersionEntry) -> Release:
        stated = read_manifest(session, model_of(state), entry)
        return Release(
            version=entry.version,
            at=entry.registered.at,
            by=entry.registered.by,
            changelog=stated.changelog,
            yanked=entry.yanked,
            prerelease=scheme.version(entry.version).is_prerelease,
        )

    return tuple(work_ahead(session.store, read, ordered))


def templates_folder(given: str | os.PathLike[str] | None, folder: Path) -> Path | None:
    """Return a team's own templates: as given, else ``[publish] templates`` of the nearest project file upwards.

    Args:
        given: As the caller says.
        folder: Where to look from.

    Raises:
        InvalidValue: The project file is no TOML, or says something that is no folder.
        StoreError: The project file can't be read.
    """
    if given is not None:
        return Path(given)
    file = find_project_file(folder)
    table = file.tables.get("publish", {}) if file else {}
    if file is None or not isinstance(table, Mapping) or "templates" not in table:
        return None
    stated = table["templates"]
    if not isinstance(stated, str) or not stated:
        raise InvalidValue(
            "of the wrong kind",
            where=f"{file.path}, publish.templates",
            expected="a folder",
            found=repr(stated)[:80],
        )
    return file.folder / stated
