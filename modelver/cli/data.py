"""Values as JSON data for ``--json``; docs/cli.md documents the keys, which stay as they are."""

from collections.abc import Mapping
from typing import cast

from modelver.history.state import Mark
from modelver.registry import HistoryEntry
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.file import FileEntry
from modelver.values.model_version import ModelVersion
from modelver.values.record import Metric


def version_data(version: ModelVersion) -> dict[str, Json]:
    """Return what names a version, and when and by whom it was registered."""
    return {
        "ref": version.ref,
        "model": str(version.name),
        "version": str(version.version),
        "digest": str(version.digest),
        "created_at": wire.format_time(version.created_at),
        "created_by": version.created_by,
    }


def file_data(entry: FileEntry) -> dict[str, Json]:
    """Return what a manifest says of a file."""
    return {
        "path": entry.path,
        "size": entry.size,
        "sha256": entry.sha256,
        "role": entry.role.value,
        "media_type": entry.media_type,
    }


def metric_data(metric: Metric) -> dict[str, Json]:
    """Return a measured figure."""
    return {
        "name": metric.name,
        "value": metric.value,
        "dataset": metric.dataset,
        "slice": metric.slice,
        "count": metric.count,
        "interval": list(metric.interval) if metric.interval else None,
        "direction": metric.direction,
        "threshold": metric.threshold,
    }


def mark_data(mark: Mark | None) -> Json:
    """Return when, by whom and why something was done; null where it was not."""
    if mark is None:
        return None
    return {"at": wire.format_time(mark.at), "by": mark.by, "reason": mark.message}


def entry_data(entry: HistoryEntry) -> dict[str, Json]:
    """Return one thing that happened."""
    return {
        "at": wire.format_time(entry.at),
        "by": entry.by,
        "action": entry.action,
        "version": entry.version,
        "alias": entry.alias,
        "previous": entry.previous,
        "reason": entry.reason,
        "generation": entry.generation,
        "clock": wire.format_time(entry.clock),
        "override": entry.override,
        "breach": None if entry.breach is None else wire.to_json(entry.breach),
    }


def stated(value: object) -> Mapping[str, Json]:
    """Return a value as the format has it: what was not stated is left out."""
    return cast("Mapping[str, Json]", wire.to_json(value))
