"""Gathering what changelogs, release notes and audits say, from logs and manifests."""

import warnings
from collections.abc import Iterable

from modelver.history.state import State, VersionEntry
from modelver.publish.changelog import ModelChangelog, Release
from modelver.registry.finding import caller_level, model_of, scheme_of
from modelver.registry.reading import read_manifest
from modelver.registry.session import Session
from modelver.storage.ahead import work_ahead
from modelver.values.name import ModelName
from modelver.values.record import Changelog


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
