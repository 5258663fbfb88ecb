"""What people see: headings, facts and tables."""

import io
import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeAlias

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modelver.cli.terminal import on_terminal, write
from modelver.values.shown import one_line
from modelver.values.sizes import format_size

GOOD = "green"
BAD = "bold red"
QUIET = "dim"
_ENDLESS = 10_000
"""Columns where nobody looks: each row stays on one line, for grep and awk."""
_GAP = 2
_SHORT = 20
_ENOUGH = 12

Cell: TypeAlias = str | Text


def cell(text: object, style: str = "") -> Text:
    """Return a harmless text in a style; nothing in it is taken for markup."""
    return Text(one_line(text), style=style)


def moment(time: datetime) -> str:
    """Return a time for people, in UTC: ``2026-11-17 15:00:00``."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def amount(count: int, noun: str) -> str:
    """Return a number of things: ``1 file``, ``1,200 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def files_and_size(files: int, size: int) -> str:
    """Return how much there is: ``3 files, 2.3 MB``."""
    return f"{amount(files, 'file')}, {format_size(size)}"


class Screen:
    """Collects what a command shows and writes it to stdout at once, at the end of its ``with`` block.

    Colours, and lines wrapped to the width, are for a terminal only; ``NO_COLOR`` is honoured.
    """

    def __init__(self) -> None:
        self._terminal = on_terminal()
        self._text = io.StringIO()
        self._console = Console(
            file=self._text,
            force_terminal=self._terminal,
            width=shutil.get_terminal_size().columns if self._terminal else _ENDLESS,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            lines = self._text.getvalue().splitlines()
            write("\n".join(line.rstrip() for line in lines), colours=self._terminal)

    def heading(self, text: object, note: object = "") -> None:
        """Show a title, with a quieter note after it."""
        self._console.print(Text.assemble(cell(text, "bold"), "  " if note else "", cell(note, QUIET)))

    def line(self, text: object, style: str = "") -> None:
        """Show a line of text."""
        self._console.print(cell(text, style))

    def space(self) -> None:
        """Show an empty line."""
        self._console.print()

    def facts(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Show labels and values, as far as there are values; the lines of a value stay lines."""
        table = Table.grid(padding=(0, _GAP, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in pairs:
            if value is not None and value != "":
                table.add_row(cell(label, QUIET), _lines(value))
        if table.rows:
            self._console.print(Padding(table, (0, 0, 0, _GAP), expand=False))

    def table(self, header: Sequence[str], rows: Iterable[Sequence[Cell]], *, title: str = "") -> None:
        """Show a table; a title comes after an empty line."""
        if title:
            self.space()
            self.heading(title)
        cells = [[each if isinstance(each, Text) else cell(each) for each in row] for row in rows]
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style=QUIET)
        for column, whole in zip(header, self._whole_columns(header, cells), strict=True):
            table.add_column(cell(column), overflow="fold", no_wrap=whole)
        for row in cells:
            table.add_row(*row)
        self._console.print(Padding(table, (0, 0, 0, _GAP), expand=False))

    def _whole_columns(self, header: Sequence[str], rows: Sequence[Sequence[Text]]) -> list[bool]:
        """Tell which columns stay on one line: short ones, as long as they leave enough for the others."""
        widths = [
            max(len(title), *(row[index].cell_len for row in rows), 0) for index, title in enumerate(header)
        ]
        short = [width <= _SHORT for width in widths]
        room = (
            self._console.width - _GAP * (1 + len(widths)) - sum(width for width in widths if width <= _SHORT)
        )
        return short if room >= _ENOUGH * short.count(False) else [False] * len(short)


def _lines(value: object) -> Text:
    if isinstance(value, Text):
        return value
    return Text("\n").join(cell(line) for line in str(value).splitlines())
