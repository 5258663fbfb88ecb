"""A document as values: what a page says, once, whether it is shown as Markdown or as HTML."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

import attrs

from modelver.publish import markdown, page
from modelver.publish.markdown import Markdown
from modelver.publish.page import Tone


class Block(Protocol):
    """A part of a document; an empty text where it has nothing to show."""

    def markdown(self) -> str:
        """Return it as Markdown."""
        ...

    def html(self) -> str:
        """Return it as HTML."""
        ...


@attrs.frozen
class Cell:
    """A text in a tone, or as code; where the tone matters, the text says the same."""

    text: str
    tone: Tone = ""
    code: bool = False


CellLike: TypeAlias = str | Cell


def _markdown(cell: CellLike) -> Markdown:
    if isinstance(cell, str):
        return markdown.escape(cell)
    return markdown.code(cell.text) if cell.code else markdown.escape(cell.text)


def _html(cell: CellLike) -> str:
    if isinstance(cell, str):
        return page.text(cell)
    return page.code(cell.text) if cell.code else page.text(cell.text, cell.tone)


@attrs.frozen
class Heading:
    """A heading; tags such as ``YANKED`` stand in brackets after it."""

    text: str
    level: int = 2
    tags: tuple[str, ...] = ()

    def markdown(self) -> str:
        """Return it as Markdown."""
        tags = "".join(f" [{markdown.escape(tag)}]" for tag in self.tags)
        return f"{'#' * self.level} {markdown.escape(self.text)}{tags}"

    def html(self) -> str:
        """Return it as HTML."""
        return page.heading(" ".join([self.text, *(f"[{tag}]" for tag in self.tags)]), self.level)


@attrs.frozen
class Paragraph:
    """A text of one or more lines."""

    text: str
    tone: Tone = ""

    def markdown(self) -> str:
        """Return it as Markdown."""
        return markdown.paragraphs(self.text)

    def html(self) -> str:
        """Return it as HTML."""
        return page.paragraph(self.text, self.tone) if self.text.strip() else ""


@attrs.frozen
class Notice:
    """A line that is to be seen first."""

    text: str
    tone: Tone = ""

    def markdown(self) -> str:
        """Return it as Markdown."""
        return f"> {markdown.escape(self.text)}"

    def html(self) -> str:
        """Return it as HTML."""
        return page.notice(self.text, self.tone)


@attrs.frozen
class Bullets:
    """A list."""

    items: tuple[CellLike, ...]

    def markdown(self) -> str:
        """Return it as Markdown."""
        return markdown.bullets(map(_markdown, self.items))

    def html(self) -> str:
        """Return it as HTML."""
        return page.bullets(map(_html, self.items)) if self.items else ""


@attrs.frozen
class Facts:
    """Labels and values; a value that is empty is left out."""

    pairs: tuple[tuple[str, CellLike], ...]

    def markdown(self) -> str:
        """Return it as Markdown."""
        pairs = [(markdown.escape(label), _markdown(value)) for label, value in self.pairs]
        return markdown.bullets(Markdown(f"{label}: {value}") for label, value in pairs if value)

    def html(self) -> str:
        """Return it as HTML."""
        return page.facts((label, _html(value)) for label, value in self.pairs)


@attrs.frozen
class Table:
    """A table, and how many rows were left out."""

    header: tuple[str, ...]
    rows: tuple[tuple[CellLike, ...], ...]
    more: int = 0

    def markdown(self) -> str:
        """Return it as Markdown."""
        table = markdown.table(self.header, (tuple(map(_markdown, row)) for row in self.rows))
        return table + (f"\n\n… and {self.more:,} more" if self.more else "")

    def html(self) -> str:
        """Return it as HTML."""
        table = page.table(self.header, (tuple(map(_html, row)) for row in self.rows))
        return table + (page.paragraph(f"… and {self.more:,} more", "quiet") if self.more else "")


@attrs.frozen
class Code:
    """A text whose lines stay as they are."""

    text: str
    language: str = ""

    def markdown(self) -> str:
        """Return it as Markdown."""
        return markdown.code_block(self.text, self.language)

    def html(self) -> str:
        """Return it as HTML."""
        return page.block(self.text)


def shortened(
    header: Sequence[str], rows: Sequence[tuple[CellLike, ...]], most: int = 200
) -> Iterator[Table]:
    """Yield a table of the first rows, or nothing where there are none."""
    if rows:
        yield Table(tuple(header), tuple(rows[:most]), max(0, len(rows) - most))


def to_markdown(title: str, blocks: Iterable[Block], *, note: str = "") -> str:
    """Return a document as Markdown."""
    head = [f"# {markdown.escape(title)}", *([markdown.escape(note)] if note else [])]
    return "\n\n".join([*head, *filter(None, (block.markdown() for block in blocks))]) + "\n"


def to_html(title: str, blocks: Iterable[Block], *, note: str = "") -> str:
    """Return a document as one page that stands alone."""
    return page.page(title, "\n".join(filter(None, (block.html() for block in blocks))), note=note)
