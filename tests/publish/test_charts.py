"""Plots are well-formed, inert, say in words what they show, and draw any finite figure."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.publish.charts import Chart, Point, drawable
from modelver.publish.drawing import COLOURS
from modelver.publish.facts import Measured
from modelver.publish.plots import MAX_CHARTS, MAX_POINTS, charts
from modelver.values.record import Metric
from tests.publish.cards import NASTY

NAMESPACE = "{http://www.w3.org/2000/svg}"
SHAPES = {"svg", "title", "desc", "style", "rect", "text", "line", "circle", "polyline"}
VALUES = st.floats(-1e299, 1e299, allow_nan=False)
POINTS = st.lists(
    st.builds(Point, NASTY, VALUES, st.none() | st.tuples(VALUES, VALUES)), min_size=1, max_size=MAX_POINTS
)


def chart(*values: float, kind: str = "slices", **more: object) -> Chart:
    """Return a plot of some figures."""
    points = tuple(Point(f"p{index}", value) for index, value in enumerate(values))
    return Chart("key", "f1 by slice", kind, points, **more)  # type: ignore[arg-type] # as given


def parts(svg: str) -> list[ET.Element]:
    """Return a drawing's elements; one that is not well-formed raises."""
    return list(ET.fromstring(svg).iter())  # noqa: S314 (our own XML; expat refuses nothing that we need)


@given(st.sampled_from(("slices", "versions")), NASTY, POINTS, st.none() | VALUES, st.booleans())
def test_any_plot_is_well_formed_and_inert(
    kind: str, title: str, points: list[Point], threshold: float | None, adaptive: bool
) -> None:
    """Whatever the labels and figures: XML of our own elements, and every place on it is a number."""
    svg = Chart("key", title, kind, tuple(points), threshold).svg(adaptive=adaptive)  # type: ignore[arg-type] # drawn
    for part in parts(svg):
        assert part.tag.removeprefix(NAMESPACE) in SHAPES
        assert not [name for name in part.attrib if name.startswith("on") or "href" in name]
        for name in ("x", "y", "cx", "cy", "x1", "x2", "y1", "y2"):
            assert re.fullmatch(r"-?\d+(\.\d)?", part.attrib.get(name, "0"))
    assert "url(" not in svg
    assert "nan" not in re.sub(r"<(title|desc|text)[ >].*?</\1>", "", svg)


@given(POINTS)
def test_points_are_within_the_drawing(points: list[Point]) -> None:
    """No dot leaves the drawing, whatever its figure."""
    svg = Chart("key", "t", "slices", tuple(points)).svg()
    for part in parts(svg):
        if part.tag == f"{NAMESPACE}circle":
            assert 0 <= float(part.attrib["cx"]) <= 640


def test_a_plot_says_what_it_shows() -> None:
    """Title and description are what a screen reader gets."""
    svg = chart(0.9, 0.8, threshold=0.85, direction="higher").svg()
    root = ET.fromstring(svg)  # noqa: S314 (our own)
    named = {part.attrib.get("id"): part.text for part in root.iter()}
    assert root.attrib["role"] == "img"
    assert [named[each] for each in root.attrib["aria-labelledby"].split()] == [
        "f1 by slice",
        "p0: 0.9; p1: 0.8. The threshold is 0.85. Higher is better.",
    ]


def test_a_plot_on_its_own_follows_the_readers_scheme() -> None:
    """In dark it turns dark; within a page, which is light, it does not."""
    assert "prefers-color-scheme: dark" in chart(1.0).svg()
    assert "<style" not in chart(1.0).svg(adaptive=False)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_can_be_read_in_light_and_in_dark(scheme: int) -> None:
    """Text has a contrast of 4.5 to its background (WCAG 2.2, 1.4.3), and marks one of 3 (1.4.11)."""
    paper = _luminance(COLOURS["paper"][scheme])
    for name, least in (("ink", 4.5), ("quiet", 4.5), ("mark", 3), ("limit", 3)):
        found = _luminance(COLOURS[name][scheme])
        assert (max(paper, found) + 0.05) / (min(paper, found) + 0.05) >= least


def _luminance(colour: str) -> float:
    """Return a colour's relative luminance, as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    "values", [(0.0,), (5.0, 5.0), (1e-320, 2e-320), (-1e299, 1e299), (0.9, 0.9 + 1e-16), (-3e8, 0.0)]
)
@pytest.mark.parametrize("kind", ["slices", "versions"])
def test_figures_at_the_edges_are_drawn(values: tuple[float, ...], kind: str) -> None:
    """One figure, equal ones, the smallest and the largest."""
    assert len([part for part in parts(chart(*values, kind=kind).svg()) if "circle" in part.tag]) == len(
        values
    )


def test_what_can_not_be_drawn_is_no_plot() -> None:
    """Figures whose difference is no number are in the tables alone."""
    assert not drawable([1e308])
    assert charts([Metric("f1", 1e308, slice="a")], []) == ()


def test_only_slices_and_several_versions_are_plotted() -> None:
    """One figure is no plot."""
    one = Metric("f1", 0.9)
    assert charts([one], [Measured("1.0.0", (one,))]) == ()
    assert [each.kind for each in charts([one], [Measured("1.0.0", (one,)), Measured("1.1.0", (one,))])] == [
        "versions"
    ]


def test_the_threshold_of_the_slices_is_drawn_beside_them() -> None:
    """That of the whole dataset is another one."""
    metrics = [Metric("f1", 0.9, threshold=0.9), Metric("f1", 0.8, slice="a", threshold=0.7)]
    assert charts(metrics, [])[0].threshold == 0.7


def test_plots_are_not_without_number() -> None:
    """Hundreds of metrics, slices and versions make some plots of some points."""
    metrics = [Metric(f"m{index}", 1.0, slice=part) for index in range(50) for part in ("", "a", "b")]
    past = [Measured(f"1.{index}.0", tuple(metrics)) for index in range(100)]
    found = charts(metrics, past)
    assert len(found) == 2 * MAX_CHARTS
    assert len({each.key for each in found}) == len(found)
    assert max(len(each.points) for each in found) == MAX_POINTS
    assert found[-1].points[-1].label == "1.99.0"


def test_names_of_plots_are_words_of_ascii() -> None:
    """They are names of files."""
    metrics = [
        Metric("../../etc/passwd", 1.0, slice="a"),
        Metric("日本", 1.0, slice="a"),
        Metric("中国", 1.0, slice="a"),
    ]
    keys = [each.key for each in charts(metrics, [])]
    assert len(set(keys)) == 3
    assert all(re.fullmatch("[a-z0-9-]+", key) for key in keys)
