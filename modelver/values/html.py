"""HTML for notebooks: tables of escaped text that take the notebook's own colours, light or dark."""

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = "color:inherit;border-collapse:collapse;margin:.3em 0;font-size:90%"
_CELL = "text-align:left;vertical-align:top;padding:.25em .8em .25em 0;border-bottom:1px solid rgba(128,128,128,.3)"


def text(value: object) -> str:
    """Return a value's text, escaped."""
    return escape(str(value))


def code(value: object) -> str:
    """Return a value's text as code, escaped."""
    return f"<code>{escape(str(value))}</code>"


def heading(value: object, note: object = "") -> str:
    """Return a bold line, with a quieter note after it."""
    quiet = f' <span style="opacity:.65">{escape(str(note))}</span>' if note else ""
    return f'<div style="margin:.3em 0"><strong>{escape(str(value))}</strong>{quiet}</div>'


def line(value: object) -> str:
    """Return a line of text, escaped."""
    return f'<div style="margin:.3em 0">{escape(str(value))}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        header: Texts of the first row, which are escaped here; empty for none.
        rows: Cells as HTML: made by `text` or `code`.
    """
    head = "".join(
        f'<th style="{_CELL};opacity:.65;font-weight:normal">{escape(cell)}</th>' for cell in header
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f'<table style="{_STYLE}">{f"<thead><tr>{head}</tr></thead>" if header else ""}<tbody>{body}</tbody></table>'
