"""Gathering what release notes say, from the log and the two versions."""

import os
from collections.abc import Iterator
from pathlib import Path

from modelver.compare import Side, compare
from modelver.errors import InvalidValue
from modelver.history.state import State, VersionEntry
from modelver.publish.audiences import AUDIENCES, Audience, data_for
from modelver.publish.material import Material, WayBack, way_back
from modelver.publish.notes import Notes
from modelver.publish.templating import render
from modelver.registry.aliases.rolling_back import served_before
from modelver.registry.base import inputs
from modelver.registry.base.finding import find, model_of, parse_ref, scheme_of
from modelver.registry.base.reading import model_version, side
from modelver.registry.base.session import Session
from modelver.registry.documents.publishing import releases, templates_folder
from modelver.registry.governing.speaking import judged_now
from modelver.values.model_version import ModelVersion


def release_notes(
    session: Session,
    a: str | ModelVersion,
    b: str | ModelVersion,
    audience: Audience,
    templates: str | os.PathLike[str] | None,
) -> Notes:
    """Write release notes; see `Registry.release_notes`."""
    inputs.choice(audience, tuple(AUDIENCES), "audience")
    folder = templates_folder(templates, Path.cwd())
    material = gather_material(session, a, b)
    data = data_for(audience, material.data())
    text = render(f"{audience}.md", data, folder)
    return Notes(material.a.ref, material.b.ref, audience, text, data)


def gather_material(session: Session, a: str | ModelVersion, b: str | ModelVersion) -> Material:
    """Gather all that lies between two versions of a model.

    Raises:
        InvalidValue: They are of two models, or the first one is not the earlier one.
    """
    first, second = parse_ref(a), parse_ref(b)
    if first.model.folder != second.model.folder:
        raise InvalidValue(
            "the versions are of two models", where=f"{first} and {second}", hint="Compare them instead."
        )
    state = session.state(second.model)
    one, other = find(state, first), find(state, second)
    between = _between(state, one, other)
    sides = (_side(session, state, one), _side(session, state, other))
    return Material(
        a=sides[0],
        b=sides[1],
        comparison=compare(*sides),
        state=state,
        entries=(one, other),
        releases=releases(session, state, between),
        judged=judged_now(session, state, other),
        ways_back=tuple(_ways_back(state, one, other)),
    )


def _between(state: State, a: VersionEntry, b: VersionEntry) -> list[VersionEntry]:
    """Return the versions after one, up to another, by precedence."""
    scheme = scheme_of(state)
    low, high = scheme.version(a.version), scheme.version(b.version)
    if low >= high:
        raise InvalidValue(
            "nothing lies between the versions",
            where=f"{model_of(state)}, from {low} to {high}",
            expected="the earlier version first",
            hint="Swap them." if low > high else "They are one version.",
        )
    return [entry for entry in state.versions.values() if low < scheme.version(entry.version) <= high]


def _side(session: Session, state: State, entry: VersionEntry) -> Side:
    return side(session, model_version(session, state, entry), entry)


def _ways_back(state: State, a: VersionEntry, b: VersionEntry) -> Iterator[WayBack]:
    """Yield how to go back from one version to the earlier one, for each alias that names one of them."""
    model = str(model_of(state))
    for alias, change in sorted(state.aliases.items()):
        if change.version == b.version:
            yield way_back(model, alias, a.version, rollback=a.version in served_before(state, alias))
        elif change.version == a.version:
            yield way_back(model, alias, a.version, rollback=True, later=True)
