"""Conditions as SQL: the rows that meet them, from the rarest on, and the check of one row."""

from typing import TYPE_CHECKING

import attrs

from modelver.index.pushdown import Condition, Every, Node

if TYPE_CHECKING:
    from sqlite3 import Connection

_COUNTED = (4_000, 40_000)
"""How far conditions are counted to find the one that fewest versions meet; further where that doesn't tell."""

_NO_PATH = -1


@attrs.frozen
class Sql:
    """A piece of a statement.

    Attributes:
        text: With marks.
        values: What they stand for.
        count: About how many rows it gives, for what gives rows.
    """

    text: str
    values: tuple[object, ...]
    count: int = 0


def rows_of(connection: "Connection", node: Node) -> Sql:
    """Return the statement that gives the numbers of the versions that meet conditions, in a column ``version``."""
    if isinstance(node, Condition):
        path = path_id(connection, node.path)
        where = f"f.path = ? AND {node.sql('f.value')}"
        text = f"SELECT f.version FROM facts f INDEXED BY by_value WHERE {where}"  # noqa: S608 (marks)
        return Sql(text, (path, node.parameter), _count(connection, node, _COUNTED[0]))
    parts = [(rows_of(connection, part), part) for part in node.parts]
    if not isinstance(node, Every):
        return Sql(
            " UNION ".join(f"SELECT version FROM ({rows.text})" for rows, _ in parts),  # noqa: S608 (marks)
            tuple(value for rows, _ in parts for value in rows.values),
            sum(rows.count for rows, _ in parts),
        )
    if min(rows.count for rows, _ in parts) >= _COUNTED[0]:
        parts = [
            (attrs.evolve(rows, count=_count(connection, part, _COUNTED[1])), part) for rows, part in parts
        ]
    (first, _), *others = sorted(parts, key=lambda each: each[0].count)
    checks = [check_of(connection, part, "r.version") for _, part in others]
    text = f"SELECT r.version FROM ({first.text}) r"  # noqa: S608 (marks)
    if checks:
        text += f" WHERE {' AND '.join(check.text for check in checks)}"
    return Sql(text, (*first.values, *(value for check in checks for value in check.values)), first.count)


def check_of(connection: "Connection", node: Node, column: str) -> Sql:
    """Return the condition that the version in a column meets conditions."""
    if isinstance(node, Condition):
        where = f"e.version = {column} AND e.path = ? AND {node.sql('e.value')}"
        text = f"EXISTS (SELECT 1 FROM facts e WHERE {where})"  # noqa: S608 (marks)
        return Sql(text, (path_id(connection, node.path), node.parameter))
    checks = [check_of(connection, part, column) for part in node.parts]
    sign = " AND " if isinstance(node, Every) else " OR "
    return Sql(
        f"({sign.join(check.text for check in checks)})",
        tuple(value for check in checks for value in check.values),
    )


def path_id(connection: "Connection", path: str) -> int:
    """Return a path's number, or one that no fact has."""
    row: tuple[int] | None = connection.execute("SELECT id FROM paths WHERE text = ?", [path]).fetchone()
    return row[0] if row else _NO_PATH


def _count(connection: "Connection", node: Node, most: int) -> int:
    """Return about how many versions meet conditions, each comparison counted as far as that."""
    if not isinstance(node, Condition):
        counts = [_count(connection, part, most) for part in node.parts]
        return min(counts) if isinstance(node, Every) else sum(counts)
    some = f"SELECT 1 FROM facts WHERE path = ? AND {node.sql('value')} LIMIT {most}"  # noqa: S608 (marks)
    values = [path_id(connection, node.path), node.parameter]
    row: tuple[int] = connection.execute(f"SELECT count(*) FROM ({some})", values).fetchone()  # noqa: S608 (as above)
    return row[0]
