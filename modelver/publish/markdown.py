"""Markdown out of untrusted text: CommonMark 0.31.2, and the tables of GitHub's dialect.

What a publisher wrote stays what it says: no markup, links, images, HTML or headings come of it, and a character that is
not shown, or turns the direction of others, is spelled out.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

from modelver.errors import InvalidValue

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_TEXT = 4_000
"""Characters of one text that are shown; its middle is cut out where it is longer."""

MAX_BLOCK = 20_000
"""The same of a block of code."""

_LONG = 16
_ALWAYS = re.compile(r"[\\`*\[\]<|~$]")
_UNDERSCORE = re.compile(r"(?<!\w)_+|_+(?!\w)")  # between letters it is only an underscore (CommonMark 6.2)
_ENTITY = re.compile(r"&(?=#?\w+;)")
_START = (
    re.compile(  # what would begin a heading, quote, list, rule or table (CommonMark 4.1, 4.2, 4.3, 5.1, 5.2)
        r">|#{1,6}(?=\s|$)|[+-](?=\s|$)|[-=:](?=[-=:\s]*$)|\d{1,9}(?=[.)](?:\s|$))"
    )
)
_PROSE = re.compile(r"(?P<mark>[-*+]|#{1,6})\s+(?P<text>\S.*)")
_RUNS = re.compile("`+")


Kind: TypeAlias = Literal["line", "item", "title", "gap"]


class Markdown(str):
    """Text that is Markdown already, and must not be escaped again."""

    __slots__ = ()


def visible(text: object, *, lines: bool = False, most: int = MAX_TEXT) -> str:
    r"""Return a text whose every character shows: ``\x1b`` for an escape, ``\u202e`` for what turns the direction.

    Args:
        text: The text.
        lines: Whether its lines stay lines; else it is one line.
        most: How many characters are shown; the middle is cut out beyond that.
    """
    shown = str(text)
    if len(shown) > most:
        shown = f"{shown[: most // 2]} … {shown[-most // 2 :]}"
    if not lines:
        return "".join(map(_sign, " ".join(shown.split())))
    return "\n".join("".join(map(_sign, line.expandtabs(4).rstrip())) for line in shown.splitlines())


def _sign(sign: str) -> str:
    if sign.isprintable() or unicodedata.category(sign) == "Zs":
        return sign
    return sign.encode("unicode_escape", "surrogatepass").decode()


def escape(text: object) -> Markdown:
    """Return a text as one line of Markdown that says the same and does nothing; Markdown is left as it is."""
    return text if isinstance(text, Markdown) else Markdown(_escaped(visible(text)))


def prose(text: object) -> Iterator[tuple[Kind, str]]:
    """Yield the lines of a text, and what each is: of all markup, lists and titles alone are taken from a publisher."""
    for line in visible(text, lines=True).splitlines():
        found = _PROSE.fullmatch(line.strip())
        if found is None:
            yield ("line" if line.strip() else "gap"), line.strip()
        else:
            yield ("item" if found["mark"] in "-*+" else "title"), found["text"]


def paragraphs(text: object) -> Markdown:
    """Return a text of several lines as Markdown; its lines, lists and titles stay, a title as a bold line."""
    write: Mapping[str, Callable[[str], str]] = {
        "line": _escaped,
        "item": lambda line: f"- {_escaped(line)}",
        "title": lambda line: f"**{_escaped(line)}**\n",
        "gap": str,
    }
    groups = groupby(prose(text), key=lambda each: each[0])
    parts = ["\n".join(write[kind](line) for _, line in lines) for kind, lines in groups if kind != "gap"]
    return Markdown("\n\n".join(part.strip("\n") for part in parts))


def _escaped(line: str) -> str:
    marked = _ALWAYS.sub(r"\\\g<0>", line)
    marked = _UNDERSCORE.sub(lambda run: run[0].replace("_", r"\_"), marked)
    marked = _ENTITY.sub(r"\\&", marked)
    start = _START.match(marked)
    if start is None:
        return marked
    place = start.end() if start[0][0].isdigit() else 0
    return f"{marked[:place]}\\{marked[place:]}"


def code(text: object) -> Markdown:
    """Return a text as a code span; as plain text where it has a ``|``, which no code span in a table can hold."""
    shown = visible(text)
    if "|" in shown:
        return escape(shown)
    ticks = _fence(shown, 1)
    pad = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return Markdown(f"{ticks}{pad}{shown}{pad}{ticks}" if shown else "")


def code_block(text: object, language: str = "") -> Markdown:
    """Return a text as a fenced block.

    Args:
        text: The text.
        language: What to colour it as, such as ``diff``; a word of the program's own.
    """
    shown = visible(text, lines=True, most=MAX_BLOCK)
    fence = _fence(shown, 3)
    return Markdown(f"{fence}{language}\n{shown}\n{fence}")


def _fence(text: str, least: int) -> str:
    """Return a fence of backticks that the text does not have."""
    return "`" * max(least, 1 + max((len(run) for run in _RUNS.findall(text)), default=0))


def bullets(texts: Iterable[object]) -> Markdown:
    """Return a list, an item for each text."""
    return Markdown("\n".join(f"- {escape(text)}" for text in texts))


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Markdown:
    """Return a table; cells are escaped unless they are Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[str(cell) if cell == "---" else escape(cell) or " " for cell in line] for line in lines]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in cells))


def to_html(text: str) -> str:
    """Return Markdown as HTML: raw HTML in it is text, and its links lead to the web or within the page.

    Raises:
        InvalidValue: markdown-it-py is not installed.
    """
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        raise InvalidValue(
            "HTML of Markdown needs the markdown-it-py package",
            hint="Install it: pip install 'modelver[publish]'",
        ) from None
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    _mark_cells(tokens)
    html: str = parser.renderer.render(tokens, parser.options, {})
    return html


def _mark_cells(tokens: "list[Token]") -> None:
    """Give each cell of a table its column's title, which a phone shows beside it."""
    titles: list[str] = []
    column = 0
    for token, inside in pairwise(tokens):
        if token.type == "thead_open":
            titles.clear()
        elif token.type == "th_open":
            titles.append(_plain(inside))
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            if titles[column]:
                token.attrSet("data-label", titles[column])
            if has_long_word(_plain(inside)):
                token.attrSet("class", "long")
            column += 1


def _plain(token: "Token") -> str:
    return "".join(child.content for child in token.children or ())


def has_long_word(text: str) -> bool:
    """Tell whether a text has a word that a table's column can't keep whole."""
    return any(len(word) > _LONG for word in text.split())
