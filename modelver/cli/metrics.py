"""A table of metrics: told by `show` and by `status`."""

from collections.abc import Sequence

from modelver.cli.render import Screen
from modelver.values.record import Metric


def show_metrics(screen: Screen, metrics: Sequence[Metric]) -> None:
    """Show metrics, if there are any."""
    if metrics:
        header = ("metric", "value", "dataset", "slice", "count")
        screen.table(header, [_row(metric) for metric in metrics], title="metrics")


def _row(metric: Metric) -> tuple[str, ...]:
    count = "" if metric.count is None else f"{metric.count:,}"
    return metric.name, f"{metric.value:.6g}", metric.dataset, metric.slice, count
