"""The parts of a card with figures: factors, metrics, analyses by slice, thresholds that are not met."""

from collections.abc import Iterator, Sequence

from modelver.compare.metrics import metric_label
from modelver.publish.card_parts import listed, quiet
from modelver.publish.charts import figure
from modelver.publish.document import Block, CellLike, Paragraph, shortened
from modelver.publish.facts import CardFacts, better
from modelver.publish.plots import Plot
from modelver.values.record import Metric

_MISSED = " (missed)"


def factors(facts: CardFacts) -> Iterator[Block]:
    """Yield what the figures were measured by."""
    slices = sorted({metric.slice for metric in facts.metrics if metric.slice})
    if slices:
        yield Paragraph("It was evaluated by these parts of the data:")
        yield from listed(slices)
    else:
        yield quiet("No metric by slice is known.")


def metrics(facts: CardFacts, plots: Sequence[Plot]) -> Iterator[Block]:
    """Yield the figures of whole datasets, and those of the versions before."""
    overall = [metric for metric in facts.metrics if not metric.slice]
    if not overall:
        yield quiet("No metric of a whole dataset is known.")
        return
    header = ("metric", "value", "dataset", "examples", "interval", "better", "threshold")
    yield from shortened(header, [_metric_row(metric) for metric in overall])
    by_version = [plot for plot in plots if plot.chart.kind == "versions"]
    yield from by_version
    yield from _by_version(by_version)


def _metric_row(metric: Metric) -> tuple[CellLike, ...]:
    return (
        metric.name,
        figure(metric.value),
        metric.dataset,
        "" if metric.count is None else f"{metric.count:,}",
        " to ".join(map(figure, metric.interval)) if metric.interval else "",
        better(metric),
        "" if metric.threshold is None else f"{figure(metric.threshold)}{_met(metric)}",
    )


def _met(metric: Metric) -> str:
    """Say whether a threshold was reached, where it is known which way is better."""
    which = better(metric)
    if not which or metric.threshold is None:
        return ""
    sign = 1 if which == "higher" else -1
    return " (met)" if metric.value * sign >= metric.threshold * sign else _MISSED


def _by_version(plots: Sequence[Plot]) -> Iterator[Block]:
    """Yield what plots by version show, as a table."""
    versions = dict.fromkeys(point.label for plot in plots for point in plot.chart.points)
    figures = [{point.label: figure(point.value) for point in plot.chart.points} for plot in plots]
    header = ("version", *(plot.chart.title.removesuffix(" by version") for plot in plots))
    rows = [(version, *(each.get(version, "") for each in figures)) for version in versions]
    yield from shortened(header, rows)


def analyses(facts: CardFacts, plots: Sequence[Plot]) -> Iterator[Block]:
    """Yield the figures by slice."""
    sliced = [metric for metric in facts.metrics if metric.slice]
    if not sliced:
        yield quiet("No metric by slice is known.")
        return
    yield from (plot for plot in plots if plot.chart.kind == "slices")
    header = ("slice", "metric", "value", "dataset", "examples", "interval", "better", "threshold")
    yield from shortened(header, [(metric.slice, *_metric_row(metric)) for metric in sliced])


def missed(facts: CardFacts) -> list[str]:
    """Return what is said of the figures that miss their threshold."""
    return [_missed(metric) for metric in facts.metrics if _met(metric) == _MISSED]


def _missed(metric: Metric) -> str:
    label = metric_label(metric.name, metric.dataset, metric.slice)
    return f"{label} is {figure(metric.value)}; the threshold is {figure(metric.threshold or 0.0)}"
