"""From options and the project file to a guard."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from modelver.project.guards import COUNTS, LENGTHS, TEXTS, GuardSettings

if TYPE_CHECKING:
    from modelver.serving.guarding.guard import Guard
    from modelver.serving.kpis.taking import Reader
    from modelver.serving.watched import GuardedRegistry

TOKEN = "MODELVER_PROMETHEUS_TOKEN"  # noqa: S105 (the variable's name)
"""Holds a bearer token for Prometheus: others on the machine can see command lines."""

_SOURCES = ("prometheus", "csv", "parquet")


def given_settings(arguments: Mapping[str, object]) -> GuardSettings:
    """Return what the command line says."""
    queries, rules = arguments["query"], arguments["rule"]
    return GuardSettings(
        rules=rules if isinstance(rules, tuple) else (),
        queries=queries if isinstance(queries, dict) else {},
        texts={key: str(arguments[key]) for key in TEXTS if arguments.get(key) is not None},
        lengths={key: str(arguments[key]) for key in LENGTHS if arguments.get(key) is not None},
        counts={key: int(str(arguments[key])) for key in COUNTS if arguments.get(key) is not None},
        record=arguments.get("record") is not False,
    )


def project_settings(model: str, alias: str) -> GuardSettings:
    """Return what the project around the current folder says of an alias, with the paths of files as they are from here."""
    from modelver.errors import NotFound
    from modelver.project.settings import read_project

    try:
        project = read_project(Path.cwd())
    except NotFound:
        return GuardSettings()
    found = project.guards.get(alias)
    if found is None or project.model.folder != model.lower().replace("/", "--"):
        return GuardSettings()
    files = {key: str(project.folder / found.texts[key]) for key in ("csv", "parquet") if key in found.texts}
    return attrs.evolve(found, texts={**found.texts, **files})


def merged(under: GuardSettings, over: GuardSettings) -> GuardSettings:
    """Return the project's settings with the command line's over them; a source takes the place of the other ones."""
    texts, queries = dict(under.texts), dict(under.queries)
    if any(source in over.texts for source in _SOURCES):
        texts = {key: text for key, text in texts.items() if key not in {*_SOURCES, "samples"}}
        queries = {}
    return GuardSettings(
        over.rules or under.rules,
        {**queries, **over.queries},
        {**texts, **over.texts},
        {**under.lengths, **over.lengths},
        {**under.counts, **over.counts},
        under.record and over.record,
    )


def make_guard(
    registry: "GuardedRegistry", model: str, alias: str, settings: GuardSettings, *, dry_run: bool
) -> "Guard":
    """Return the guard that is meant."""
    from modelver.serving.guarding.guard import Guard

    if not settings.rules:
        raise click.UsageError("Give a --rule, or rules in the table [guard.ALIAS] of modelver.toml.")
    plain = {key: text for key, text in settings.texts.items() if key in {"baseline", "dataset"}}
    options = {**plain, **settings.lengths, **settings.counts}
    return Guard(
        registry,
        model,
        alias,
        rules=settings.rules,
        read=_reader(settings),
        record=settings.record,
        dry_run=dry_run,
        **options,  # type: ignore[arg-type] # texts and counts under the names that Guard has
    )


def _reader(settings: GuardSettings) -> "Reader":
    from modelver.serving.kpis.csv_file import CsvReader
    from modelver.serving.kpis.parquet_file import ParquetReader
    from modelver.serving.kpis.prometheus import PrometheusReader

    named = [source for source in _SOURCES if source in settings.texts]
    if len(named) != 1:
        raise click.UsageError("Say where figures are: one of --prometheus, --csv and --parquet.")
    place = settings.texts[named[0]]
    if named[0] != "prometheus":
        return CsvReader(place) if named[0] == "csv" else ParquetReader(place)
    if not settings.queries:
        raise click.UsageError("Give a --query NAME=PROMQL for each figure.")
    token = os.environ.get(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return PrometheusReader(place, settings.queries, samples=settings.texts.get("samples"), headers=headers)
