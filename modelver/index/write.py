"""Folding what logs say into the index: each model's rows together with the commit up to which they are true."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import attrs

from modelver.history.state import State
from modelver.index.row import Fact, Row
from modelver.index.schema import has_texts

if TYPE_CHECKING:
    from sqlite3 import Connection

_INSERT = """
INSERT INTO versions (model, folder, name, version, precedence, digest, seq, commit_digest, created_at, created_by, yanked)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


@attrs.frozen
class Head:
    """Up to where a model's log is in the index.

    Attributes:
        seq: The commit's number; 0 where nothing is to be relied on.
        head: The commit's digest.
        stamp: What the log's folder looked like before it was read; 0 where it may have changed since.
    """

    seq: int = 0
    head: str = ""
    stamp: int = 0


@attrs.frozen
class Change:
    """What is new of a model.

    Attributes:
        folder: The model's folder.
        name: Its name as its maker spelled it.
        scheme: Its scheme.
        before: What the index had when the log was read.
        after: What it has with these rows.
        rows: The versions that are new or changed.
        keeps: Whether the index's other rows of the model stay.
    """

    folder: str
    name: str
    scheme: str
    before: Head
    after: Head
    rows: tuple[Row, ...]
    keeps: bool


def touched(state: State, since: int) -> list[str]:
    """Return the versions of which commits after a number say something, in the order of registration."""
    moved = set()
    for change in state.alias_history:
        if change.mark.seq > since:
            moved |= {change.version, change.previous.version if change.previous else ""}
    return [
        entry.version
        for entry in state.versions.values()
        if entry.version in moved or any(mark.seq > since for mark in entry.marks())
    ]


def heads(connection: "Connection") -> dict[str, Head]:
    """Return up to where each model is in the index, by folder."""
    rows = connection.execute("SELECT folder, seq, head, stamp FROM models")
    return {folder: Head(seq, head, stamp) for folder, seq, head, stamp in rows}


def stamps(connection: "Connection") -> dict[str, int]:
    """Return the stamp of each model's log, by folder."""
    return dict(connection.execute("SELECT folder, stamp FROM models"))


def restamp(connection: "Connection", stamps: Iterable[tuple[str, Head]]) -> None:
    """Note what the folders of logs look like that have not changed after all."""
    connection.executemany(
        "UPDATE models SET stamp = ? WHERE folder = ? AND seq = ? AND head = ?",
        [(head.stamp, folder, head.seq, head.head) for folder, head in stamps],
    )


def forget(connection: "Connection", folders: Iterable[str]) -> None:
    """Drop models with all of their rows."""
    for folder in folders:
        row = connection.execute("SELECT id FROM models WHERE folder = ?", [folder]).fetchone()
        if row is not None:
            _drop(connection, row[0], None)
            connection.execute("DELETE FROM models WHERE id = ?", row)


def apply(connection: "Connection", changes: Iterable[Change]) -> None:
    """Take changes in. One that another process was faster with is left out: its next search looks again."""
    writer = _Writer(connection)
    for change in changes:
        writer.apply(change)


class _Writer:
    """Writes rows within one transaction."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._has_texts = has_texts(connection)
        self._paths: dict[str, int] = {}

    def apply(self, change: Change) -> None:
        execute = self._connection.execute
        found = execute("SELECT id, seq, head FROM models WHERE folder = ?", [change.folder]).fetchone()
        before = (found[1], found[2]) if found else (0, "")
        if before != (change.before.seq, change.before.head):
            return
        values = (change.name, change.scheme, change.after.seq, change.after.head, change.after.stamp)
        if found is None:
            model = execute(
                "INSERT INTO models (name, scheme, seq, head, stamp, folder) VALUES (?, ?, ?, ?, ?, ?)",
                (*values, change.folder),
            ).lastrowid
        else:
            model = found[0]
            execute(
                "UPDATE models SET name = ?, scheme = ?, seq = ?, head = ?, stamp = ? WHERE id = ?",
                (*values, model),
            )
            _drop(self._connection, model, [row.version for row in change.rows] if change.keeps else None)
        for row in change.rows:
            self._insert(model or 0, change.folder, row)

    def _insert(self, model: int, folder: str, row: Row) -> None:
        values = (row.name, row.version, row.precedence, row.digest, row.seq, row.commit, row.created_at)
        number = self._connection.execute(
            _INSERT, (model, folder, *values, row.created_by, row.yanked)
        ).lastrowid
        self._connection.execute("INSERT INTO bodies VALUES (?, ?)", (number, row.body))
        self._connection.executemany(
            "INSERT INTO facts VALUES (?, ?, ?)",
            [(number, self._path(path), value) for path, value in _unique(row.facts)],
        )
        if self._has_texts and any(row.texts):
            self._connection.execute(
                "INSERT INTO texts (rowid, changelog, notes, description, card) VALUES (?, ?, ?, ?, ?)",
                (number, *row.texts),
            )

    def _path(self, text: str) -> int:
        if text not in self._paths:
            find = "SELECT id FROM paths WHERE text = ?"
            row = self._connection.execute(find, [text]).fetchone()
            self._paths[text] = (
                row[0]
                if row
                else self._connection.execute("INSERT INTO paths (text) VALUES (?)", [text]).lastrowid or 0
            )
        return self._paths[text]


def _unique(facts: Iterable[Fact]) -> Iterable[Fact]:
    """Return facts without those that SQLite takes for the same: 1, 1.0 and true."""
    return {(path, value): (path, value) for path, value in facts}.values()


def _drop(connection: "Connection", model: int, versions: Sequence[str] | None) -> None:
    """Drop rows of a model: of some versions, or all."""
    if versions is None:
        rows = connection.execute("SELECT id FROM versions WHERE model = ?", [model]).fetchall()
    else:
        find = "SELECT id FROM versions WHERE model = ? AND version = ?"
        rows = [row for version in versions for row in connection.execute(find, [model, version])]
    connection.executemany("DELETE FROM facts WHERE version = ?", rows)
    connection.executemany("DELETE FROM bodies WHERE version = ?", rows)
    if has_texts(connection):
        connection.executemany("DELETE FROM texts WHERE rowid = ?", rows)
    connection.executemany("DELETE FROM versions WHERE id = ?", rows)
