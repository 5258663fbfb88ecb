"""Gathering what a model card says, from log, manifests and file maps."""

from datetime import UTC, datetime

from modelver.errors import InvalidValue
from modelver.gates.subject import tags
from modelver.history.state import State, VersionEntry, latest_metrics
from modelver.publish.card import Card
from modelver.publish.facts import CardFacts, Measured
from modelver.publish.judged import Bench
from modelver.registry.base.finding import find, model_of, parse_ref, scheme_of
from modelver.registry.base.insides import told_architecture
from modelver.registry.base.reading import model_version, read_manifest, read_maps, weights_of
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import governed
from modelver.storage.ahead import work_ahead
from modelver.values.manifest import Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.record import Metric

MAX_PAST = 40
"""Versions whose figures a card compares: the last ones up to its own."""


def card(session: Session, ref: str | ModelVersion) -> Card:
    """Return a version's card; see `Registry.card`."""
    wanted = parse_ref(ref)
    state = session.state(wanted.model)
    entry = find(state, wanted)
    version = model_version(session, state, entry)
    manifest = version.manifest
    naming = state.naming(entry)
    maps = read_maps(session, version.name, entry)
    weights = weights_of(manifest)
    return Card(
        CardFacts(
            registry=session.identity.registry,
            manifest=manifest,
            digest=entry.digest,
            created_at=version.created_at,
            created_by=version.created_by,
            at=max(mark.at for mark in (*entry.marks(), *(change.mark for change in naming))),
            metrics=_figures(manifest, entry),
            tags=tags(manifest, entry),
            notes=tuple(each.note for each in entry.annotations if each.note),
            aliases=tuple(sorted(str(change.alias) for change in naming)),
            judged=_bench(session, state, manifest, entry).judged(),
            yanked=entry.yanked,
            provenance=version.provenance,
            architecture=told_architecture(
                session, manifest, {path: maps[path] for path in maps if path in weights}
            ),
            prompts=version.prompts,
            tensors=sum(len(filemap.tensors) for filemap in maps.values()),
            formats=tuple(sorted({filemap.format for filemap in maps.values() if filemap.format})),
            past=_past(session, state, entry),
        )
    )


def _figures(manifest: Manifest, entry: VersionEntry) -> tuple[Metric, ...]:
    """Return the latest figure of each metric, sorted."""
    return tuple(
        sorted(latest_metrics(manifest.metadata.metrics, entry.evaluations), key=lambda each: each.key)
    )


def _bench(session: Session, state: State, manifest: Manifest, entry: VersionEntry) -> Bench:
    """Return what weighs approvals; under policies that this release can't read, all of them are claims."""
    try:
        policies = governed(session, state).policies
    except InvalidValue:
        policies = ()
    return Bench(session.identity.registry, state, manifest, entry, policies, datetime.now(UTC))


def _past(session: Session, state: State, entry: VersionEntry) -> tuple[Measured, ...]:
    """Return the figures of the versions up to this one, the lowest first."""
    scheme = scheme_of(state)
    own = scheme.version(entry.version)
    lower = [each for each in state.versions.values() if each is entry or scheme.version(each.version) < own]
    lower.sort(key=lambda each: scheme.version(each.version))

    def measured(each: VersionEntry) -> Measured:
        return Measured(each.version, _figures(read_manifest(session, model_of(state), each), each))

    return tuple(work_ahead(session.store, measured, lower[-MAX_PAST:]))
