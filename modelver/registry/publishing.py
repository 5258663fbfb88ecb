"""Gathering what changelogs, release notes and audits say, from logs and manifests."""

import os
import tomllib
import warnings
from collections.abc import Iterable
from pathlib import Path

from modelver.errors import InvalidValue
from modelver.history.state import State, VersionEntry
from modelver.project.file import PROJECT_FILE
from modelver.publish.changelog import ModelChangelog, Release
from modelver.registry.finding import caller_level, model_of, scheme_of
from modelver.registry.reading import read_manifest
from modelver.registry.session import Session
from modelver.storage.ahead import work_ahead
from modelver.values.name import ModelName
from modelver.values.record import Changelog

_MAX_PROJECT_FILE = 2**20


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


def warn_without_changelog(name: ModelName, stated: Changelog) -> None:
    """Warn whoever registers a version without saying what changed."""
    if not stated:
        warnings.warn(
            f"a version of {name} is registered without a changelog: nobody will know what changed."
            " Say it with changelog=; a policy can require it.",
            stacklevel=caller_level(),
        )


def templates_folder(given: str | os.PathLike[str] | None, folder: Path) -> Path | None:
    """Return a team's own templates: as given, else ``[publish] templates`` of the nearest ``modelver.toml`` upwards.

    Args:
        given: As the caller says.
        folder: Where to look from.

    Raises:
        InvalidValue: The project file can't be read, or says something that is no path.
    """
    if given is not None:
        return Path(given)
    for place in (folder, *folder.parents):
        file = place / PROJECT_FILE
        if file.is_file():
            return _stated_templates(file)
    return None


def _stated_templates(file: Path) -> Path | None:
    try:
        with file.open("rb") as opened:
            table = tomllib.loads(opened.read(_MAX_PROJECT_FILE).decode()).get("publish", {})
    except (OSError, ValueError) as error:
        raise InvalidValue("a project file can't be read", where=file, found=str(error)[:200]) from None
    stated = table.get("templates") if isinstance(table, dict) else None
    if stated is None:
        return None
    if not isinstance(stated, str) or not stated:
        raise InvalidValue(
            "of the wrong kind",
            where=f"{file}, publish.templates",
            expected="a folder",
            found=repr(stated)[:80],
        )
    return file.parent / stated
