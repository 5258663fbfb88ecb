"""Which plots a card has: each metric by slice, and by version."""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence

import attrs

from modelver.compare.metrics import metric_label
from modelver.publish import markdown
from modelver.publish.charts import Chart, Kind, Point, drawable
from modelver.publish.facts import Measured, better
from modelver.values.record import Metric

MAX_CHARTS = 12
"""Plots of one kind; the tables have all figures."""

MAX_POINTS = 40
"""Points of one plot."""

_ALL = "all"
_KEY_LENGTH = 40


@attrs.frozen
class Plot:
    """A plot as a part of a document.

    Attributes:
        chart: The plot.
        target: Where Markdown finds it; empty where it goes without.
    """

    chart: Chart
    target: str = ""

    def markdown(self) -> str:
        """Return an image whose words say what it shows."""
        says = markdown.escape(f"{self.chart.title}: {self.chart.description}")
        return f"![{says}]({self.target})" if self.target else ""

    def html(self) -> str:
        """Return the plot itself, light as the page is."""
        return f"<div>{self.chart.svg(adaptive=False)}</div>"


def embedded(chart: Chart) -> str:
    """Return a plot as a ``data:`` URL (RFC 2397)."""
    return f"data:image/svg+xml;base64,{base64.b64encode(chart.svg().encode()).decode()}"


def charts(metrics: Sequence[Metric], past: Sequence[Measured]) -> tuple[Chart, ...]:
    """Return a card's plots: first those by slice, then those by version.

    Args:
        metrics: The version's figures.
        past: The model's versions with their figures, the lowest first.
    """
    by_slice = [chart for _, chart in zip(range(MAX_CHARTS), _by_slice(metrics), strict=False)]
    by_version = [chart for _, chart in zip(range(MAX_CHARTS), _by_version(metrics, past), strict=False)]
    return _keyed([*by_slice, *by_version])


def _by_slice(metrics: Sequence[Metric]) -> Iterator[Chart]:
    """Yield a plot for each metric and dataset that has slices; the figure of all of it comes first."""
    groups: dict[tuple[str, str], list[Metric]] = {}
    for metric in sorted(metrics, key=lambda metric: metric.key):
        groups.setdefault((metric.name, metric.dataset), []).append(metric)
    for (name, dataset), group in groups.items():
        points = tuple(Point(each.slice or _ALL, each.value, each.interval) for each in group[:MAX_POINTS])
        if any(each.slice for each in group) and drawable(point.value for point in points):
            yield _chart("slices", f"{metric_label(name, dataset, '')} by slice", points, group)


def _by_version(metrics: Sequence[Metric], past: Sequence[Measured]) -> Iterator[Chart]:
    """Yield a plot for each metric of the version, without slices, that two versions or more have."""
    figures = [(each.version, {metric.key: metric for metric in each.metrics}) for each in past]
    for metric in sorted(metrics, key=lambda metric: metric.key):
        if metric.slice:
            continue
        found = [(version, known[metric.key]) for version, known in figures if metric.key in known]
        points = tuple(Point(version, each.value, each.interval) for version, each in found[-MAX_POINTS:])
        if len(points) > 1 and drawable(point.value for point in points):
            label = metric_label(metric.name, metric.dataset, "")
            yield _chart("versions", f"{label} by version", points, [metric])


def _chart(kind: Kind, title: str, points: tuple[Point, ...], metrics: Iterable[Metric]) -> Chart:
    known = list(metrics)
    sliced = [each for each in known if each.slice] or known
    thresholds = {each.threshold for each in sliced if each.threshold is not None}
    threshold = thresholds.pop() if len(thresholds) == 1 else None
    return Chart("", title, kind, points, threshold, better(known[0]))


def _keyed(found: Iterable[Chart]) -> tuple[Chart, ...]:
    """Give each plot a name of its own, of letters, digits and dashes."""
    keyed: dict[str, Chart] = {}
    for chart in found:
        word = re.sub("[^a-z0-9]+", "-", chart.title.lower())[:_KEY_LENGTH].strip("-") or "metric"
        key, number = word, 1
        while key in keyed:
            number += 1
            key = f"{word}-{number}"
        keyed[key] = Chart(key, chart.title, chart.kind, chart.points, chart.threshold, chart.direction)
    return tuple(keyed.values())
