"""What plots are drawn of: shapes and texts as SVG, in colours for light and for dark; all text is escaped here."""

import unicodedata
from collections.abc import Iterable
from html import escape

from modelver.publish.markdown import visible

COLOURS = {
    "paper": ("#ffffff", "#161b22"),
    "ink": ("#1d2125", "#e6edf3"),
    "quiet": ("#59636e", "#9aa4af"),
    "grid": ("#d4d9df", "#3a424b"),
    "mark": ("#0b5cad", "#6cb6ff"),
    "limit": ("#a4161a", "#ff9492"),
}
"""What is drawn in which colour, in light and in dark; text has a contrast of 4.5 or more (WCAG 2.2, 1.4.3)."""


def dark_style() -> str:
    """Return the style of a drawing that turns dark where its reader prefers that."""
    rules = "".join(
        f".{kind}-{name}{{{kind}:{dark}}}"
        for name, (_, dark) in COLOURS.items()
        for kind in ("fill", "stroke")
    )
    return f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"


def _paint(kind: str, colour: str) -> str:
    """Return a colour as an attribute, which a style in dark overrides."""
    return f'class="{kind}-{colour}" {kind}="{COLOURS[colour][0]}"'


def shape(tag: str, kind: str, colour: str, **places: float) -> str:
    """Return a shape; `kind` says whether its ``fill`` or its ``stroke`` is coloured."""
    attributes = " ".join(f'{name}="{_number(place)}"' for name, place in places.items())
    return f"<{tag} {attributes} {_paint(kind, colour)}/>"


def line(
    colour: str, x1: float, y1: float, x2: float, y2: float, *, width: float = 1, dashes: str = ""
) -> str:
    """Return a straight line."""
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    ends = " ".join(
        f'{name}="{_number(at)}"' for name, at in zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    )
    return f'<line {ends} {_paint("stroke", colour)} stroke-width="{width}"{dashed}/>'


def polyline(colour: str, places: Iterable[tuple[float, float]]) -> str:
    """Return a line through some places."""
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in places)
    return f'<polyline points="{points}" fill="none" {_paint("stroke", colour)} stroke-width="2"/>'


def label(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = "ink",
    anchor: str = "start",
    size: int = 13,
    weight: int = 400,
    whole: str = "",
) -> str:
    """Return a text; where it was cut, a pointer on it shows the whole."""
    if not text:
        return ""
    shown = f"<title>{said(whole)}</title>" if whole and visible(whole) != text else ""
    return (
        f'<text x="{_number(x)}" y="{_number(y)}" text-anchor="{anchor}" font-size="{size}"'
        f' font-weight="{weight}" direction="ltr" {_paint("fill", colour)}>{shown}{escape(text)}</text>'
    )


def said(text: str) -> str:
    """Return a text with every character of it visible, escaped."""
    return escape(visible(text))


def cut(text: str, length: int) -> str:
    """Return a text that is not wider than a number of Latin letters."""
    shown = visible(text)
    if letters(shown) <= length:
        return shown
    kept = 0
    for sign in shown:
        length -= letters(sign)
        if length < 1:
            break
        kept += 1
    return f"{shown[:kept]}…"


def letters(text: str) -> int:
    """Return how many Latin letters are as wide as a text (Unicode Standard Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1 for sign in text)


def _number(value: float) -> str:
    """Return a place on the drawing, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")
