"""The tables of the index. Another number of `SCHEMA` makes a file be built anew."""

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

SCHEMA = 1

_TABLES = """
CREATE TABLE models (
    id INTEGER PRIMARY KEY, folder TEXT NOT NULL UNIQUE, name TEXT NOT NULL, scheme TEXT NOT NULL,
    seq INTEGER NOT NULL, head TEXT NOT NULL, stamp INTEGER NOT NULL
);
CREATE TABLE versions (
    id INTEGER PRIMARY KEY, model INTEGER NOT NULL, folder TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    precedence TEXT NOT NULL, digest TEXT NOT NULL, seq INTEGER NOT NULL, commit_digest TEXT NOT NULL,
    created_at TEXT NOT NULL, created_by TEXT NOT NULL, yanked INTEGER NOT NULL
);
CREATE TABLE bodies (version INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE INDEX in_order ON versions (folder, precedence, version);
CREATE UNIQUE INDEX of_model ON versions (model, version);
CREATE TABLE paths (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE facts (
    version INTEGER, path INTEGER, value, PRIMARY KEY (version, path, value)
) WITHOUT ROWID;
CREATE INDEX by_value ON facts (path, value);
"""
# Bodies are apart, so that sorting goes through small rows. A fact's value has no type in the schema, and so keeps its own: numbers are less than all texts.

_TEXTS = (
    "CREATE VIRTUAL TABLE texts USING fts5 (changelog, notes, description, card,"
    " tokenize = 'porter unicode61 remove_diacritics 2')"
)


def ensure(connection: "Connection") -> None:
    """Make the tables in an empty file, within the transaction that is under way.

    Raises:
        sqlite3.DatabaseError: The file is another schema's.
    """
    import sqlite3

    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == SCHEMA:
        return
    if found or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise sqlite3.DatabaseError("another schema")
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    with suppress(sqlite3.OperationalError):  # some builds of SQLite lack FTS5: everything else works without
        connection.execute(_TEXTS)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def has_texts(connection: "Connection") -> bool:
    """Tell whether text search is there."""
    return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'texts'").fetchone()[0])
