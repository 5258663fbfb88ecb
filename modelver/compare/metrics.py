"""Metrics of two versions, and which way is better."""

import math
import re

import attrs

from modelver.compare.side import Side
from modelver.values.canonical import Json
from modelver.values.record import Direction, Metric

HIGHER = frozenset(
    "acc accuracy ap auc auprc auroc bleu chrf dice f1 f2 iou jaccard kappa map mcc meteor miou mrr ndcg precision psnr "
    "r2 recall rouge rouge1 rouge2 rougel sensitivity specificity ssim throughput".split()
)
"""Words in a metric's name that say that higher is better."""

LOWER = frozenset(
    "brier cer cost duration ece eer err error fid fnr fpr latency loss lpips mae mape mse nll perplexity ppl rmse "
    "runtime smape wer".split()
)
"""Words in a metric's name that say that lower is better."""


@attrs.frozen
class MetricRow:
    """One metric in two versions.

    Attributes:
        name: Its name.
        dataset: The dataset it was measured on.
        slice: The part of the dataset; empty is all of it.
        a: Its value in the first version; None where there is none.
        b: Its value in the second version; None where there is none.
        direction: Which way is better, see `direction`; empty where that is not known.
    """

    name: str
    dataset: str
    slice: str
    a: float | None
    b: float | None
    direction: Direction = ""

    @property
    def delta(self) -> float | None:
        """``b - a``; None where a value is missing, or the difference is too large for a float."""
        if self.a is None or self.b is None:
            return None
        delta = self.b - self.a
        return delta if math.isfinite(delta) else None

    @property
    def better(self) -> bool | None:
        """Whether the second version is better; None where they are equal, or it is not known."""
        if self.a is None or self.b is None or self.a == self.b or not self.direction:
            return None
        return (self.b > self.a) == (self.direction == "higher")

    def to_dict(self) -> dict[str, Json]:
        """Return the row as plain JSON data."""
        return {
            "name": self.name,
            "dataset": self.dataset,
            "slice": self.slice,
            "a": self.a,
            "b": self.b,
            "delta": self.delta,
            "better": self.better,
        }


def compare_metrics(a: Side, b: Side) -> tuple[MetricRow, ...]:
    """Pair metrics by name, dataset and slice, sorted; equal ones and those of one version alone are listed too."""
    first, second = a.metrics, b.metrics
    return tuple(_row(key, first.get(key), second.get(key)) for key in sorted(first.keys() | second.keys()))


def _row(key: tuple[str, str, str], a: Metric | None, b: Metric | None) -> MetricRow:
    return MetricRow(*key, a.value if a else None, b.value if b else None, _direction(key[0], a, b))


def _direction(name: str, a: Metric | None, b: Metric | None) -> Direction:
    """Return the direction that is stated, none where the versions contradict each other, else what the name tells."""
    one: Direction = a.direction if a else ""
    other: Direction = b.direction if b else ""
    if one and other and one != other:
        return ""
    return one or other or direction(name)


def metric_label(name: str, dataset: str, part: str) -> str:
    """Return a metric's name for people: ``f1 (eval-v3, region=EU)``."""
    inside = ", ".join(filter(None, (dataset, part)))
    return f"{name} ({inside})" if inside else name


def direction(name: str) -> Direction:
    """Tell from a metric's name which way is better, by the words in its last path segment.

    ``eval/val_loss`` is ``lower`` for `LOWER` has its word ``loss``. A name with words of both tables, or of none, tells
    nothing.
    """
    words = set(re.split("[^a-z0-9]+", name.rpartition("/")[2].lower()))
    higher, lower = bool(words & HIGHER), bool(words & LOWER)
    if higher == lower:
        return ""
    return "higher" if higher else "lower"
