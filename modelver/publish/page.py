"""One HTML page that stands alone: no scripts, nothing from elsewhere, readable on paper and on a phone."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Literal, TypeAlias

from modelver.publish.markdown import MAX_BLOCK, has_long_word, prose, visible

Tone: TypeAlias = Literal["", "good", "bad", "warn", "quiet"]

# Even if some text got through unescaped, a browser would run and fetch nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_TAG = re.compile("<[^>]*>")

_STYLE = """
:root { color-scheme: light; --ink: #1d2125; --quiet: #59636e; --line: #d4d9df; --soft: #f4f6f8;
  --good: #11632f; --bad: #a4161a; --warn: #7a4b00; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 3rem; background: #fff; color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
header { border-bottom: 2px solid var(--ink); margin-bottom: 1.25rem; padding-bottom: .5rem; }
header p { color: var(--quiet); margin: .25rem 0; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .4rem; }
p, ul, ol { margin: .4rem 0; }
ul, ol { padding-left: 1.4rem; }
code, pre { font: .875em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
pre { background: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: .6rem .75rem; white-space: pre-wrap; }
table { border-collapse: collapse; margin: .5rem 0 1rem; width: 100%; font-size: .925rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top; }
thead th, tbody td { overflow-wrap: normal; }
.facts td, td.long { min-width: 6.5rem; overflow-wrap: anywhere; }
thead th { color: var(--quiet); font-weight: 600; }
th.label { color: var(--quiet); font-weight: 400; white-space: nowrap; width: 1%; }
svg { height: auto; max-width: 100%; }
.notice { border-left: 4px solid var(--line); background: var(--soft); padding: .5rem .75rem; margin: .75rem 0; }
.notice.good { border-color: var(--good); } .notice.bad { border-color: var(--bad); } .notice.warn { border-color: var(--warn); }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .warn { color: var(--warn); } .quiet { color: var(--quiet); }
.notice.good, .notice.warn { color: inherit; }
@media screen and (max-width: 40rem) {
  body { padding: 1rem .9rem 2rem; }
  table, tbody, tr, td, th { display: block; width: auto; }
  thead { display: none; }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  th, tbody td, th.label { border: 0; min-width: 0; padding: .1rem 0; white-space: normal; width: auto; }
  td[data-label]::before { color: var(--quiet); content: attr(data-label) ": "; font-size: .85em; }
  td:empty { display: none; }
}
@media print {
  @page { margin: 18mm 16mm; }
  body { font-size: 10pt; max-width: none; padding: 0; }
  h1, h2, h3 { break-after: avoid; }
  tr, pre, .notice, svg { break-inside: avoid; }
  thead { display: table-header-group; }
  pre, .notice { background: none; }
}
"""


def page(title: object, body: str, *, note: object = "", header: bool = True) -> str:
    """Return a whole page.

    Args:
        title: Its title, which is escaped here.
        body: HTML, made by this module's functions or by others that escape.
        note: A line below the title, which is escaped here.
        header: Whether the page begins with title and note; else the body has a heading of its own.
    """
    name = text(title)
    below = f"<p>{text(note)}</p>" if note else ""
    head = f"<header><h1>{name}</h1>{below}</header>\n" if header else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="modelver">\n'
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{head}<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(value: object, tone: Tone = "") -> str:
    """Return a text as HTML, escaped, every character of it visible; coloured where it has a tone."""
    shown = escape(visible(value))
    return f'<span class="{tone}">{shown}</span>' if tone and shown else shown


def code(value: object) -> str:
    """Return a text as code."""
    return f"<code>{text(value)}</code>" if str(value) else ""


def heading(value: object, level: int = 2) -> str:
    """Return a heading."""
    return f"<h{level}>{text(value)}</h{level}>"


def paragraph(value: object, tone: Tone = "") -> str:
    """Return a text; its lines, lists and titles stay (see `modelver.publish.markdown.prose`)."""
    start = f'<p class="{tone}">' if tone else "<p>"
    parts = []
    for kind, lines in groupby(prose(value), key=lambda each: each[0]):
        texts = [escape(line) for _, line in lines]
        if kind == "item":
            parts.append(bullets(texts))
        elif kind == "title":
            parts += [f"{start}<strong>{title}</strong></p>" for title in texts]
        elif kind == "line":
            parts.append(f"{start}{'<br>'.join(texts)}</p>")
    return "".join(parts)


def notice(value: object, tone: Tone = "") -> str:
    """Return a line that is to be seen first."""
    return f'<p class="notice {tone}">{text(value)}</p>'


def block(value: object) -> str:
    """Return a text whose lines stay as they are, as code."""
    return f"<pre>{escape(visible(value, lines=True, most=MAX_BLOCK))}</pre>"


def bullets(items: Iterable[str]) -> str:
    """Return a list of items that are HTML."""
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def table(header: Sequence[object], rows: Iterable[Sequence[str]]) -> str:
    """Return a table: titles are escaped here, cells are HTML. On a phone each row becomes a list."""
    names = [text(title) for title in header]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(_cell(name, cell) for name, cell in zip(names, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, cell: str) -> str:
    label = f' data-label="{name}"' if name else ""
    long = ' class="long"' if has_long_word(_TAG.sub("", cell)) else ""
    return f"<td{label}{long}>{cell}</td>"


def facts(pairs: Iterable[tuple[object, str]]) -> str:
    """Return labels, escaped here, and values that are HTML, as far as there are values."""
    rows = "".join(
        f'<tr><th scope="row" class="label">{text(label)}</th><td>{value}</td></tr>'
        for label, value in pairs
        if value
    )
    return f'<table class="facts"><tbody>{rows}</tbody></table>' if rows else ""
