"""Asking the index: SQL narrows down, the expression decides."""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import attrs

from modelver.errors import InvalidValue, LimitExceeded
from modelver.expressions import Expression
from modelver.expressions.checks import VARIABLES
from modelver.expressions.expression import Subject
from modelver.index.narrowing import check_of, path_id, rows_of
from modelver.index.ordering import Order, sorted_by
from modelver.index.pushdown import Node, Pushed, push_down
from modelver.index.row import path_of
from modelver.index.schema import has_texts
from modelver.index.stored import COLUMNS, Stored

if TYPE_CHECKING:
    from sqlite3 import Connection

_BATCH = 500  # Variables in one statement: SQLite before 3.32 allows 999.
_FEW = 250
"""Models so few are gone through one by one; of more, the conditions come first."""

_ALL = -1  # SQLite's word for no limit

_MAX_WORDS = 32
_MAX_TEXT = 1_000
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_IN_ORDER = "v.folder, v.precedence, v.version"


@attrs.frozen
class Query:
    """What is asked.

    Attributes:
        expression: What must be true; None for everything.
        text: Words that must all be there, as FTS5 takes them; empty for any.
        order: How what is found is ordered.
        limit: The most that is returned; None for all.
        folders: The models to look at; None for all.
        at: The time, as `format_time` writes it.
        narrow: Whether SQL may narrow down; without, the expression is asked of every version.
    """

    expression: Expression | None = None
    text: str = ""
    order: Order = attrs.field(factory=Order)
    limit: int | None = None
    folders: frozenset[str] | None = None
    at: str = ""
    narrow: bool = True


def words_of(text: str | None) -> str:
    """Return a search for words as FTS5 takes it: all must be there; ``"..."`` is a phrase, ``fra*`` a beginning.

    Args:
        text: As people write it; nothing in it is an operator.

    Raises:
        InvalidValue: There is no word in it.
        LimitExceeded: It is too long.
    """
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InvalidValue("not a text to search for", where=repr(text)[:80])
    found = [(phrase or word, word.endswith("*")) for phrase, word in _WORD.findall(text.replace("\0", " "))]
    words = [(word, begins) for word, begins in found if any(map(str.isalnum, word))]
    if len(text) > _MAX_TEXT or len(words) > _MAX_WORDS:
        raise LimitExceeded(
            "a text search is too long", expected=f"at most {_MAX_WORDS} words, {_MAX_TEXT:,} characters"
        )
    if not words:
        raise InvalidValue(
            "a text search without words", where=repr(text)[:80], hint="Write such as card fraud."
        )
    marked = (word.replace('"', " ").encode("utf-8", "replace").decode() for word, _ in words)
    return " ".join(f'"{word}"{"*" * begins}' for word, (_, begins) in zip(marked, words, strict=True))


def find(connection: "Connection", query: Query) -> list[Stored]:
    """Return the rows that a query finds, in order.

    Raises:
        InvalidValue: The expression is neither true nor false of some version, or there is no text search.
    """
    with closing(_matching(connection, query)) as found:
        if query.order.is_pythons:
            return _in_pythons_order(found, query)
        rows: list[Stored] = []
        for row in found:
            if query.limit is not None and len(rows) >= query.limit:
                break
            rows.append(row)
        return rows


def _in_pythons_order(found: Iterator[Stored], query: Query) -> list[Stored]:
    rows = list(found)
    numbers = sorted_by(query.order, ((row.subject(query.at), index) for index, row in enumerate(rows)))
    return [rows[number] for number in numbers[: query.limit]]


def _matching(connection: "Connection", query: Query) -> Generator[Stored, None, None]:
    """Yield the rows of which the expression is true, as SQL orders them."""
    pushed = push_down(query.expression) if query.expression and query.narrow else Pushed()
    numbers = _candidates(connection, query, pushed)
    expression = None if pushed.whole else query.expression
    named = _named(expression)
    for start in range(0, len(numbers), _BATCH):
        for row in _rows(connection, numbers[start : start + _BATCH]):
            if expression is None or expression.evaluate(_part(row, query, named)) is True:
                yield row


def _named(expression: Expression | None) -> frozenset[str]:
    """Return the variables that an expression speaks of: handing CEL all of them takes most of the time."""
    return frozenset(filter(expression.names, VARIABLES)) if expression else frozenset()


def _part(row: Stored, query: Query, named: frozenset[str]) -> Subject:
    variables = row.subject(query.at)
    return {key: value for key, value in variables.items() if key in named or key in {"metric", "ambiguous"}}


def _rows(connection: "Connection", numbers: Sequence[int]) -> list[Stored]:
    marks = ",".join("?" * len(numbers))
    found = connection.execute(f"SELECT {COLUMNS} WHERE v.id IN ({marks})", numbers)
    rows = {row[0]: Stored(*row) for row in found}
    return [rows[number] for number in numbers]


def _candidates(connection: "Connection", query: Query, pushed: Pushed) -> list[int]:
    """Return the numbers of the rows that meet the conditions, in order."""
    tables, where, values = _source(connection, query, pushed.node)
    order, joined, ordered = _order(connection, query)
    filtered = f"WHERE {' AND '.join(where)}" if where else ""
    decided = query.expression is None or pushed.whole
    limit = query.limit if decided and _are_few(query.folders) and not query.order.is_pythons else None
    sql = f"SELECT v.id, v.folder FROM {tables} {joined} {filtered} ORDER BY {order} LIMIT ?"  # noqa: S608 (marks)
    found = connection.execute(sql, [*values[0], *ordered, *values[1], _ALL if limit is None else limit])
    folders = query.folders
    return [number for number, folder in found if folders is None or folder in folders]


def _are_few(folders: frozenset[str] | None) -> bool:
    """Tell whether SQL alone keeps to the models that are meant."""
    return folders is None or len(folders) <= _FEW


def _source(
    connection: "Connection", query: Query, node: Node | None
) -> tuple[str, list[str], tuple[list[object], list[object]]]:
    """Return the tables, the conditions, and the values of both: from what gives fewest rows on."""
    where, values = list[str](), list[object]()
    few = query.folders is not None and _are_few(query.folders)
    if query.folders is not None and few:
        where.append(f"v.folder IN ({','.join('?' * len(query.folders))})")
        values += sorted(query.folders)
    if node is not None and not query.text and not few:
        rows = rows_of(connection, node)
        return f"({rows.text}) r CROSS JOIN versions v ON v.id = r.version", where, ([*rows.values], values)
    if node is not None:
        check = check_of(connection, node, "v.id")
        where.append(check.text)
        values += check.values
    if not query.text:
        return "versions v", where, ([], values)
    if not has_texts(connection):
        raise InvalidValue(
            "text search is not there: this Python's SQLite was built without FTS5",
            hint="Search by an expression, or use a Python whose SQLite has FTS5.",
        )
    tables = "texts t CROSS JOIN versions v ON v.id = t.rowid"
    return tables, ["texts MATCH ?", *where], ([], [query.text, *values])


def _order(connection: "Connection", query: Query) -> tuple[str, str, list[object]]:
    """Return what is sorted by, what is joined for it, and that join's values."""
    column = query.order.column
    if not column:
        return (f"t.rank, {_IN_ORDER}" if query.text and not query.order.path else _IN_ORDER), "", []
    direction = "DESC" if query.order.descending else "ASC"
    order = f"{column} IS NULL, {column} {direction}, {_IN_ORDER}"
    if column != "o.value":
        return order, "", []
    path = path_id(connection, path_of(*query.order.path))
    return order, "LEFT JOIN facts o ON o.version = v.id AND o.path = ?", [path]
