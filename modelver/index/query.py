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
from modelver.index.ordering import Order, sorted_by
from modelver.index.pushdown import Condition, Pushed, push_down
from modelver.index.row import path_of
from modelver.index.schema import has_texts
from modelver.index.stored import COLUMNS, Stored

if TYPE_CHECKING:
    from sqlite3 import Connection

_BATCH = 500  # Variables in one statement: SQLite before 3.32 allows 999.
_COUNTED = 4_000
"""How far conditions are counted to find the one that fewest versions meet."""

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
    numbers = _candidates(connection, query, pushed.conditions)
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


def _candidates(connection: "Connection", query: Query, pushed: Sequence[Condition]) -> list[int]:
    """Return the numbers of the rows that meet the conditions, in order."""
    placed = [(_path_id(connection, condition.path), condition) for condition in pushed]
    if any(path is None for path, _ in placed):
        return []
    known = [(path or 0, condition) for path, condition in placed]
    sql, values = _statement(connection, query, known)
    if query.folders is None:
        return [row[0] for row in connection.execute(sql, values)]
    return [number for number, folder in connection.execute(sql, values) if folder in query.folders]


def _path_id(connection: "Connection", path: str) -> int | None:
    row = connection.execute("SELECT id FROM paths WHERE text = ?", [path]).fetchone()
    return row[0] if row else None


def _statement(
    connection: "Connection", query: Query, known: list[tuple[int, Condition]]
) -> tuple[str, list[object]]:
    """Return the statement that finds the candidates: from the rarest condition on, the others checked row by row."""
    tables, where, values = "versions v", [], list[object]()
    rest = known
    if query.text:
        if not has_texts(connection):
            raise InvalidValue(
                "text search is not there: this Python's SQLite was built without FTS5",
                hint="Search by an expression, or use a Python whose SQLite has FTS5.",
            )
        tables = "texts t CROSS JOIN versions v ON v.id = t.rowid"
        where, values = ["texts MATCH ?"], [query.text]
    elif known and query.folders is None:
        first = min(known, key=lambda each: _count(connection, *each))
        rest = [each for each in known if each != first]
        tables = "facts f INDEXED BY by_value CROSS JOIN versions v ON v.id = f.version"
        where, values = [f"f.path = ? AND {_of(first[1], 'f')}"], [first[0], first[1].parameter]
    if query.folders is not None and len(query.folders) <= _BATCH // 2:
        where.append(f"v.folder IN ({','.join('?' * len(query.folders))})")
        values += sorted(query.folders)
    for path, condition in rest:
        checked = f"e.version = v.id AND e.path = ? AND {_of(condition, 'e')}"
        where.append(f"EXISTS (SELECT 1 FROM facts e WHERE {checked})")  # noqa: S608 (marks)
        values += [path, condition.parameter]
    order, joined, ordered = _order(connection, query)
    filtered = f"WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT v.id, v.folder FROM {tables} {joined} {filtered} ORDER BY {order}", [*ordered, *values]  # noqa: S608 (marks)


def _of(condition: Condition, table: str) -> str:
    return condition.sql.replace("value", f"{table}.value")


def _count(connection: "Connection", path: int, condition: Condition) -> int:
    """Return how many facts meet a condition, as far as that is counted."""
    some = f"SELECT 1 FROM facts WHERE path = ? AND {condition.sql} LIMIT {_COUNTED}"  # noqa: S608 (marks)
    found = connection.execute(f"SELECT count(*) FROM ({some})", [path, condition.parameter])  # noqa: S608 (as above)
    row: tuple[int] = found.fetchone()
    return row[0]


def _order(connection: "Connection", query: Query) -> tuple[str, str, list[object]]:
    """Return what is sorted by, what is joined for it, and that join's values."""
    column = query.order.column
    if not column:
        return (f"t.rank, {_IN_ORDER}" if query.text and not query.order.path else _IN_ORDER), "", []
    direction = "DESC" if query.order.descending else "ASC"
    order = f"{column} IS NULL, {column} {direction}, {_IN_ORDER}"
    if column != "o.value":
        return order, "", []
    path = _path_id(connection, path_of(*query.order.path))
    return order, "LEFT JOIN facts o ON o.version = v.id AND o.path = ?", [path or 0]
