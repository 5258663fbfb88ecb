"""A version as expressions see it."""

from collections.abc import Iterable, Mapping
from typing import cast

from modelver.expressions.expression import Subject
from modelver.history.state import State, VersionEntry, latest_metrics, latest_tags
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.manifest import Manifest
from modelver.values.reading import WINDOW
from modelver.values.record import Metric

_OWN = {"metrics", "params", "tags", "unknown"}
_FOR_FUNCTIONS = {"metric", "ambiguous"}


class Figures:
    """A version's metrics: by name where that is enough, else by dataset and slice too.

    Args:
        metrics: The latest of each.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._all = {metric.key: metric.value for metric in metrics}
        self._datasets: dict[str, list[str]] = {}
        for name, dataset, part in self._all:
            if not part:
                self._datasets.setdefault(name, []).append(dataset)

    def by_name(self) -> dict[str, float]:
        """Return the figures that are of all of a dataset, and of one dataset alone."""
        return {
            name: self._all[name, datasets[0], ""]
            for name, datasets in self._datasets.items()
            if len(datasets) == 1
        }

    def ambiguous(self) -> dict[str, list[str]]:
        """Return the names that were measured on several datasets, with these."""
        return {name: datasets for name, datasets in self._datasets.items() if len(datasets) > 1}

    def slices(self) -> list[dict[str, Json]]:
        """Return a mapping for each part of each dataset: its figures by name, ``slice`` and ``dataset``.

        What a guard read of a window of time is no part of a dataset: a rule for all slices is not about it.
        """
        parts: dict[tuple[str, str], dict[str, Json]] = {}
        for (name, dataset, part), value in self._all.items():
            if part and not part.startswith(WINDOW):
                parts.setdefault((dataset, part), {})[name] = value
        return [{**figures, "slice": part, "dataset": dataset} for (dataset, part), figures in parts.items()]

    def metric(self, name: str, dataset: str | None = None, slice: str = "") -> float | None:  # noqa: A002 (the field's name)
        """Return one figure; None where there is none, or where the dataset has to be named.

        Args:
            name: The metric's name.
            dataset: What it was measured on; empty for the figure without a dataset, None for whatever it was.
            slice: The part of the dataset; empty for all of it.
        """
        if dataset is not None:
            return self._all.get((name, dataset, slice))
        datasets = {key[1] for key in self._all if (key[0], key[2]) == (name, slice)}
        return self._all[name, datasets.pop(), slice] if len(datasets) == 1 else None


def subject(
    manifest: Manifest,
    entry: VersionEntry | None,
    state: State,
    *,
    roles: Iterable[str] = (),
    current: Subject | None = None,
) -> dict[str, object]:
    """Return the variables that expressions have of a version, and the function ``metric``.

    Args:
        manifest: What it states.
        entry: What the log says of it; None before registration.
        state: The log.
        roles: Whose approvals count.
        current: What the alias serves, as this function gives it.
    """
    figures = Figures(latest_metrics(manifest.metadata.metrics, entry.evaluations if entry else ()))
    stated = cast("Mapping[str, Json]", wire.to_json(manifest.metadata))
    return {
        "name": str(manifest.model),
        "version": entry.version if entry else manifest.version,
        "metrics": figures.by_name(),
        "ambiguous": figures.ambiguous(),
        "slices": figures.slices(),
        "metric": figures.metric,
        "params": dict(manifest.metadata.params),
        "tags": tags(manifest, entry),
        "aliases": [str(change.alias) for change in state.naming(entry)] if entry else [],
        "approvals": list(roles),
        "metadata": {key: value for key, value in stated.items() if key not in _OWN},
        "created_at": entry.registered.at if entry else None,
        "created_by": entry.registered.by if entry else "",
        "current": {key: value for key, value in current.items() if key not in _FOR_FUNCTIONS}
        if current is not None
        else None,
    }


def tags(manifest: Manifest, entry: VersionEntry | None) -> dict[str, str]:
    """Return a version's tags, those that were added or taken away later too."""
    return latest_tags(manifest.metadata.tags, entry.annotations if entry else ())
