"""What release notes are made of: all that lies between two versions, as plain data that templates read."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from modelver.compare import Comparison, Side
from modelver.compare.metrics import MetricRow, metric_label
from modelver.compare.sections import number
from modelver.history.state import State, VersionEntry
from modelver.publish.changelog import Release
from modelver.publish.inside import prompt_changes, tensor_summary
from modelver.publish.judged import Judged
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.record import Dataset, Metadata


@attrs.frozen
class Material:
    """All that lies between two versions of a model.

    Attributes:
        a: The earlier version.
        b: The later version.
        comparison: The two side by side.
        state: The log.
        entries: What the log says of the two.
        releases: The versions after `a` up to `b`, the highest first.
        judged: What people said of `b`.
        ways_back: How to roll back.
    """

    a: Side
    b: Side
    comparison: Comparison
    state: State
    entries: tuple[VersionEntry, VersionEntry]
    releases: tuple[Release, ...]
    judged: tuple[Judged, ...]
    ways_back: tuple["WayBack", ...]

    def data(self) -> dict[str, Json]:
        """Return all of it as plain JSON data; docs/how-to/release-notes.md has the keys."""
        one, other = self.a.manifest.metadata, self.b.manifest.metadata
        metrics = [metric_data(row) for row in self.comparison.metrics]
        return {
            "model": str(self.b.name),
            "a": self._version(self.a, self.entries[0]),
            "b": self._version(self.b, self.entries[1]),
            "description": other.description,
            "owners": list(other.owners),
            "changes": [release.to_dict() for release in self.releases],
            "metrics": metrics,
            "headline_metrics": [row for row in metrics if not row["slice"]],
            "worse": [row for row in metrics if row["verdict"] == "worse"],
            **{
                field: _texts(one, other, field)
                for field in ("intended_use", "limitations", "ethical_considerations")
            },
            "license": _sides(one.license, other.license),
            "external_facing": _sides(one.external_facing, other.external_facing),
            "data": _datasets(one.data, other.data),
            "base": [
                {"name": base.name, "digest": base.digest, "new": base not in one.base} for base in other.base
            ],
            "params": [row.to_dict() for row in self.comparison.metadata if row.field.startswith("params")],
            "approvals": [each.to_dict() for each in self.judged],
            "approved_roles": _roles(self.judged),
            "components": self._components(),
            "changed_components": [
                row.component for row in self.comparison.components if row.status not in {"same", "unknown"}
            ],
            "tensors": tensor_summary(self.comparison.tensors),
            "prompts": prompt_changes(self.a, self.b, self.comparison),
            "files": str(self.comparison.files),
            "identical": self.comparison.identical,
            "same_weights": self.comparison.same_weights,
            "rollback": [attrs.asdict(way) for way in self.ways_back],
        }

    def _version(self, side: Side, entry: VersionEntry) -> dict[str, Json]:
        return {
            "ref": side.ref,
            "version": side.manifest.version,
            "digest": str(side.digest),
            "registered_at": wire.format_time(entry.registered.at),
            "registered_by": entry.registered.by,
            "yanked": entry.yanked.message if entry.yanked else None,
            "aliases": sorted(str(change.alias) for change in self.state.naming(entry)),
        }

    def _components(self) -> list[Json]:
        rows = [row for row in self.comparison.components if row.reason != "none"]
        return [{"component": row.component, "status": row.status, "reason": row.reason} for row in rows]


@attrs.frozen
class WayBack:
    """How to make an alias name the earlier version again.

    Attributes:
        alias: The alias.
        call: The call in Python.
        command: The same on the command line.
        later: Whether it holds only once the later version has been promoted there.
    """

    alias: str
    call: str
    command: str
    later: bool = False


def way_back(model: str, alias: str, version: str, *, rollback: bool, later: bool = False) -> WayBack:
    """Return how to make an alias name a version again.

    Args:
        model: The model.
        alias: The alias.
        version: The version to go back to.
        rollback: Whether the alias named it before; else it is set.
        later: See `WayBack`.
    """
    reason = "..."
    if rollback:
        call = f'registry.rollback("{model}", "{alias}", to="{version}", reason="{reason}")'
        command = f'modelver rollback {model} {alias} --to {version} --reason "{reason}"'
    else:
        call = f'registry.set_alias("{model}", "{alias}", "{version}", reason="{reason}")'
        command = f'modelver alias {model} {alias} {version} --reason "{reason}"'
    return WayBack(alias, call, command, later)


def metric_data(row: MetricRow) -> dict[str, Json]:
    """Return a metric of two versions, with texts for people."""
    return {
        "label": metric_label(row.name, row.dataset, row.slice),
        "name": row.name,
        "dataset": row.dataset,
        "slice": row.slice,
        "a": row.a,
        "b": row.b,
        "before": number(row.a),
        "after": number(row.b),
        "change": "" if row.delta is None else f"{row.delta:+.4g}",
        "direction": row.direction,
        "verdict": _verdict(row),
    }


def _verdict(row: MetricRow) -> str:
    if row.a is None or row.b is None:
        return "new" if row.a is None else "not measured any more"
    if row.a == row.b:
        return "same"
    return "changed" if row.better is None else "better" if row.better else "worse"


def _texts(a: Metadata, b: Metadata, field: str) -> dict[str, Json]:
    before: Sequence[str] = getattr(a, field)
    after: Sequence[str] = getattr(b, field)
    return {
        "new": [text for text in after if text not in before],
        "dropped": [text for text in before if text not in after],
        "kept": [text for text in after if text in before],
    }


def _sides(a: Json, b: Json) -> dict[str, Json]:
    return {"a": a, "b": b, "changed": a != b}


def _roles(judged: Iterable[Judged]) -> list[Json]:
    """Return the roles whose approval counts, and what it is worth at best."""
    found: dict[str, bool] = {}
    for each in judged:
        if each.decision == "approved" and not each.against:
            found[each.role] = found.get(each.role, False) or each.proved
    return [
        {"role": role, "worth": "signed" if proved else "claimed, not signed"}
        for role, proved in sorted(found.items())
    ]


def _datasets(a: Sequence[Dataset], b: Sequence[Dataset]) -> list[Json]:
    first, second = ({(each.name, each.split): each for each in side} for side in (a, b))
    keys = dict.fromkeys([*second, *first])
    return [_dataset(first.get(key), second.get(key)) for key in keys]


def _dataset(a: Dataset | None, b: Dataset | None) -> Json:
    shown = b or a
    assert shown is not None  # noqa: S101 (one of the two names it)
    return {
        "name": shown.name,
        "split": shown.split,
        "change": _dataset_change(a, b),
        "uri": shown.uri,
        "digest": shown.digest,
        "method": shown.method,
        "rows": shown.rows,
        "version": shown.version,
        "license": shown.license,
        "license_before": a.license if a else "",
    }


def _dataset_change(a: Dataset | None, b: Dataset | None) -> str:
    if a is None or b is None:
        return "new" if a is None else "no longer used"
    same: Mapping[str, Callable[[Dataset], str]] = {
        "digest": lambda each: each.digest if each.method == b.method else "",
        "version": lambda each: each.version,
    }
    for tell in same.values():
        if tell(a) and tell(b):
            return "same" if tell(a) == tell(b) else "changed"
    return "not known"
