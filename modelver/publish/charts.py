"""Plots of metrics as SVG 1.1: a dot for each slice, or a line over the versions.

Each says in words what it shows (``title`` and ``desc``, as WAI-ARIA Graphics has it), brings its own background, and
has nothing that runs or is fetched. On its own it follows the reader's light or dark scheme; within a page it is light.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

import attrs

from modelver.publish.drawing import cut, dark_style, label, letters, line, polyline, said, shape
from modelver.publish.markdown import visible
from modelver.values.record import Direction

Kind: TypeAlias = Literal["slices", "versions"]

_WIDTH = 640
_TOP = 44
_ROW = 24
_PLOT = 180
_LABELS = 190
_VALUES = 78
_TITLE_LENGTH = 40
_LABEL_LENGTH = 23
_VERSION_LENGTH = 14
_SIGN = 8
_SHORTEST = 6
_LEFT = 64
_RIGHT = 24
_TICKS = 5
_HUGE = 1e300
_TINY = 1e-290


@attrs.frozen
class Point:
    """One figure of a plot.

    Attributes:
        label: The slice, or the version.
        value: The figure.
        interval: Its confidence interval.
    """

    label: str
    value: float
    interval: tuple[float, float] | None = None


@attrs.frozen
class Chart:
    """A plot of one metric.

    Attributes:
        key: A word of ASCII letters, digits and dashes that names the plot among others.
        title: What it shows.
        kind: Whether its points are slices or versions.
        points: In the order in which they are shown.
        threshold: The value that the metric must reach.
        direction: Which way is better.
    """

    key: str
    title: str
    kind: Kind
    points: tuple[Point, ...]
    threshold: float | None = None
    direction: Direction = ""

    @property
    def description(self) -> str:
        """What the plot shows, in words."""
        figures = "; ".join(f"{visible(point.label)}: {figure(point.value)}" for point in self.points)
        parts = [figures + "."]
        if self.threshold is not None:
            parts.append(f"The threshold is {figure(self.threshold)}.")
        if self.direction:
            parts.append(f"{self.direction.capitalize()} is better.")
        return " ".join(parts)

    def svg(self, *, adaptive: bool = True) -> str:
        """Return the plot.

        Args:
            adaptive: Whether it turns dark where the reader prefers that; else it is light.
        """
        draw = _slices if self.kind == "slices" else _versions
        height, body = draw(self)
        notes = [
            f"{self.direction} is better" if self.direction else "",
            f"dashed: threshold {figure(self.threshold)}" if self.threshold is not None else "",
        ]
        title, about = f"{self.key}-title", f"{self.key}-desc"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
            f' height="{height}" role="img" aria-labelledby="{title} {about}" font-size="13"'
            " font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif\">"
            f'<title id="{title}">{said(self.title)}</title><desc id="{about}">{said(self.description)}</desc>'
            + (dark_style() if adaptive else "")
            + shape("rect", "fill", "paper", x=0, y=0, width=_WIDTH, height=height, rx=6)
            + label(16, 24, cut(self.title, _TITLE_LENGTH), weight=600)
            + label(_WIDTH - 16, 24, "; ".join(filter(None, notes)), colour="quiet", anchor="end", size=12)
            + "".join(body)
            + "</svg>"
        )


def drawable(values: Iterable[float]) -> bool:
    """Tell whether figures can be drawn: there are some, and none is beyond what a scale can tell apart."""
    found = list(values)
    return bool(found) and all(abs(value) < _HUGE for value in found)


def figure(value: float) -> str:
    """Return a figure as it is shown."""
    return f"{value:.6g}"


@attrs.frozen
class _Scale:
    """Takes values to places on the drawing."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _scale(chart: Chart, start: float, end: float) -> _Scale:
    """Return a scale over all that is drawn, with round ticks."""
    values = [point.value for point in chart.points]
    values += [bound for point in chart.points for bound in point.interval or () if abs(bound) < _HUGE]
    if chart.threshold is not None and abs(chart.threshold) < _HUGE:
        values.append(chart.threshold)
    low, high = min(values), max(values)
    pad = (high - low) * 0.08
    if pad <= max(abs(low), abs(high)) * 1e-9:  # all are equal, or as good as: a scale of their own size
        pad = max(abs(low), abs(high)) * 0.1 or 1.0
    pad = max(pad, _TINY)
    low, high = low - pad, high + pad
    step = _round_step((high - low) / _TICKS)
    ticks = tuple(index * step for index in range(math.ceil(low / step), math.floor(high / step) + 1))
    return _Scale(low, high, start, end, ticks)


def _round_step(step: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, ..."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((factor * power for factor in (1, 2, 5) if factor * power >= step), 10 * power)


def _slices(chart: Chart) -> tuple[int, Iterator[str]]:
    bottom = _TOP + _ROW * len(chart.points)
    return bottom + 34, _draw_slices(chart, bottom)


def _draw_slices(chart: Chart, bottom: int) -> Iterator[str]:
    scale = _scale(chart, _LABELS + 16, _WIDTH - _VALUES)
    for tick in scale.ticks:
        x = scale.place(tick)
        yield line("grid", x, _TOP - 6, x, bottom)
        yield label(x, bottom + 18, _tick(tick), colour="quiet", anchor="middle", size=12)
    if chart.threshold is not None and scale.low <= chart.threshold <= scale.high:
        x = scale.place(chart.threshold)
        yield line("limit", x, _TOP - 6, x, bottom, dashes="4 3")
    for index, point in enumerate(chart.points):
        y = _TOP + _ROW * index + _ROW / 2
        yield label(_LABELS, y + 4, cut(point.label, _LABEL_LENGTH), anchor="end", whole=point.label)
        yield from _whisker(point, scale, y)
        yield shape("circle", "fill", "mark", cx=scale.place(point.value), cy=y, r=5)
        yield label(_WIDTH - 16, y + 4, figure(point.value), anchor="end")


def _whisker(point: Point, scale: _Scale, y: float) -> Iterator[str]:
    """Draw a confidence interval, as far as it is on the drawing."""
    if point.interval is not None:
        low, high = (scale.place(min(max(bound, scale.low), scale.high)) for bound in sorted(point.interval))
        yield line("mark", low, y, high, y, width=2)
        for x in (low, high):
            yield line("mark", x, y - 4, x, y + 4, width=2)


def _versions(chart: Chart) -> tuple[int, Iterator[str]]:
    bottom = _TOP + _PLOT
    return bottom + 34, _draw_versions(chart, bottom)


def _draw_versions(chart: Chart, bottom: int) -> Iterator[str]:
    scale = _scale(chart, bottom - 8, _TOP + 8)
    for tick in scale.ticks:
        y = scale.place(tick)
        yield line("grid", _LEFT, y, _WIDTH - _RIGHT, y)
        yield label(_LEFT - 8, y + 4, _tick(tick), colour="quiet", anchor="end", size=12)
    if chart.threshold is not None and scale.low <= chart.threshold <= scale.high:
        y = scale.place(chart.threshold)
        yield line("limit", _LEFT, y, _WIDTH - _RIGHT, y, dashes="4 3")
    step = (_WIDTH - _RIGHT - _LEFT) / len(chart.points)
    places = [
        (_LEFT + step * (index + 0.5), scale.place(point.value)) for index, point in enumerate(chart.points)
    ]
    yield polyline("mark", places)
    named = _named(chart)
    for index, (point, (x, y)) in enumerate(zip(chart.points, places, strict=True)):
        yield shape("circle", "fill", "mark", cx=x, cy=y, r=4)
        if index in named:
            yield from _names(point, x, y, bottom)


def _names(point: Point, x: float, y: float, bottom: int) -> Iterator[str]:
    """Write a point's version and figure, neither of which may leave the drawing."""
    name = cut(point.label, _VERSION_LENGTH)
    inside = min(x, _WIDTH - 8 - letters(name) * _SIGN / 2)
    yield label(inside, bottom + 18, name, anchor="middle", size=12, whole=point.label)
    beside = y - 9 if y > _TOP + 20 else y + 18
    yield label(min(x, _WIDTH - 36), beside, figure(point.value), anchor="middle", size=12)


def _named(chart: Chart) -> set[int]:
    """Return which points get their names: all, or as many as have room, with the first and the last."""
    count = len(chart.points)
    widest = max(letters(cut(point.label, _VERSION_LENGTH)) for point in chart.points)
    most = int((_WIDTH - _RIGHT - _LEFT) / ((max(widest, _SHORTEST) + 2) * _SIGN))
    if count <= most:
        return set(range(count))
    return {round(index * (count - 1) / (most - 1)) for index in range(most)}


def _tick(value: float) -> str:
    return f"{value:.4g}"
