"""Remembered values in SQLite files: shared by threads and processes, and never a reason to fail.

Each call opens the file, works and closes it again, which takes about a tenth of a millisecond. So there is no
connection to inherit over a fork, to share between threads or to forget to close, and nothing is touched before the
first use. A process makes one call at a time, and isn't forked meanwhile; whoever has much to ask does so in one call.

Rollback journals, not write-ahead logging: home folders of clusters are shared over the network, where WAL is not
allowed (https://www.sqlite.org/wal.html, "Disadvantages"). Nothing is synced: a power cut may lose what was remembered,
or spoil the file, which is then set aside and begun again. Every row carries a checksum, so that damage which SQLite
doesn't notice is taken for absence.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import xxhash

from modelver.cache.place import is_private, make_private
from modelver.errors import StoreError

if TYPE_CHECKING:
    from sqlite3 import Connection

BUSY_SECONDS = 5.0
"""How long to wait for another process that is writing; each holds the lock for well under a millisecond."""

REST_SECONDS = 30.0
"""How long the file is left alone after it failed, so that a stuck lock delays a caller once and not at every call."""

_BATCH = 500  # Variables in one statement: SQLite before 3.32 allows 999.
_TABLE = (
    "CREATE TABLE IF NOT EXISTS remembered"
    " (key BLOB PRIMARY KEY, value BLOB NOT NULL, checksum BLOB NOT NULL, used INTEGER NOT NULL)"
)
_PUT = (
    "INSERT INTO remembered VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE"
    " SET value = excluded.value, checksum = excluded.checksum, used = excluded.used"
)

_T = TypeVar("_T")

# SQLite and its import have locks of their own: a child forked while another thread holds one would wait for ever.
_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class Database:
    """Values under keys in one file of the cache folder.

    Where the folder is not private, or the file can't be used (read-only, full, locked for long, no SQLite), nothing
    is found and nothing is kept. A file that is no database any more is renamed to `<name>.corrupt` and begun again.

    Args:
        folder: The cache folder; made when something is put.
        name: The file's name without its ending.
        rows: How many values are kept; the least recently used are dropped, by the day.
        size: About how many bytes the file may take, likewise.
    """

    def __init__(self, folder: Path, name: str, *, rows: int, size: int) -> None:
        self._folder = folder
        self._file = folder / f"{name}.sqlite3"
        self._rows = rows
        self._size = size
        self._rest_until = {True: 0.0, False: 0.0}

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are known."""
        wanted = list(dict.fromkeys(keys))
        rows = self._run(lambda connection: _select(connection, wanted), write=False) or []
        today = _today()
        if stale := [key for key, _, used in rows if used != today]:
            # By the day, so that reading mostly needs no write.
            self._run(lambda connection: _touch(connection, stale, today), write=True)
        return {key: value for key, value, _ in rows}

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values, all in one transaction, in the place of older ones."""
        if values:
            self._run(lambda connection: self._put(connection, values), write=True)

    def change(self, key: bytes, decide: Callable[[bytes | None], bytes]) -> bytes | None:
        """Replace a value by what `decide` makes of it; no other process comes between.

        Args:
            key: The value's key.
            decide: Takes the present value or None; gives the new one. It may be called twice.

        Returns:
            What is kept now; None where nothing could be.
        """

        def decide_and_put(connection: "Connection") -> bytes:
            known = [value for _, value, _ in _select(connection, [key])]
            new = decide(known[0] if known else None)
            if [new] != known:
                self._put(connection, {key: new})
            return new

        return self._run(decide_and_put, write=True)

    def delete(self, keys: Iterable[bytes]) -> None:
        """Forget values."""
        rows = [(key,) for key in keys]
        if self._file.exists():
            self._run(lambda c: c.executemany("DELETE FROM remembered WHERE key = ?", rows), write=True)

    def prune(self, rows: int) -> None:
        """Forget all values but the most recently used ones.

        Args:
            rows: How many to keep.
        """
        if self._file.exists():
            self._run(lambda connection: _drop_oldest(connection, _count(connection) - rows), write=True)

    def _put(self, connection: "Connection", values: Mapping[bytes, bytes]) -> None:
        today = _today()
        connection.executemany(
            _PUT, ((key, value, _checksum(key, value), today) for key, value in values.items())
        )
        _drop_oldest(connection, _excess(connection, self._rows, self._size))

    def _run(self, work: Callable[["Connection"], _T], *, write: bool) -> _T | None:
        """Do work in a transaction of its own; None where the file can't be used."""
        with _LOCK:
            return self._try(work, write=write)

    def _try(self, work: Callable[["Connection"], _T], *, write: bool) -> _T | None:
        if time.monotonic() < self._rest_until[write]:
            return None
        try:
            import sqlite3  # 5 ms that only users of the cache pay; some builds of Python lack it.
        except ImportError:
            return None
        for _ in range(2):
            if not self._is_usable(write=write):
                return None
            inode = _inode(self._file)
            try:
                return self._transact(work, write=write)
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
            if code == sqlite3.SQLITE_ERROR and not write:
                return None  # Another process is about to make the table.
            # In a write, SQLITE_ERROR means that the table is not ours, and a damaged header can forbid writing.
            damaged = code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
            if not damaged and not (code == sqlite3.SQLITE_READONLY and _may_write(self._file)):
                break
            self._set_aside(inode)
        self._rest_until[write] = time.monotonic() + REST_SECONDS
        return None

    def _is_usable(self, *, write: bool) -> bool:
        if write:
            with suppress(StoreError):
                make_private(self._folder)
        if not is_private(self._folder):
            return False
        return write if _inode(self._file) is None else is_private(self._file)

    def _transact(self, work: Callable[["Connection"], _T], *, write: bool) -> _T:
        import sqlite3

        # Without an isolation level the module begins no transactions by itself.
        with closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            connection.execute("PRAGMA synchronous = OFF")
            # Immediate: two readers that become writers half-way would wait for each other.
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            if write:
                connection.execute(_TABLE)
            result = work(connection)
            connection.execute("COMMIT")
            return result

    def _set_aside(self, inode: int | None) -> None:
        """Rename the damaged file away, unless another process has already begun a new one."""
        with suppress(OSError):
            if _inode(self._file) == inode:
                self._file.with_name(f"{self._file.name}-journal").unlink(missing_ok=True)
                self._file.replace(self._file.with_suffix(".corrupt"))


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None


def _may_write(file: Path) -> bool:
    return os.access(file, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _today() -> int:
    return int(time.time() // 86400)


def _checksum(key: bytes, value: bytes) -> bytes:
    return xxhash.xxh3_64_digest(key + b"\0" + value)


def _select(connection: "Connection", keys: list[bytes]) -> list[tuple[bytes, bytes, int]]:
    """Return key, value and day of last use of each undamaged row."""
    rows: list[tuple[bytes, bytes, bytes, int]] = []
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        marks = ",".join("?" * len(batch))
        query = f"SELECT key, value, checksum, used FROM remembered WHERE key IN ({marks})"  # noqa: S608 (only marks)
        rows += connection.execute(query, batch).fetchall()
    return [
        (key, value, used)
        for key, value, checksum, used in rows
        if isinstance(value, bytes) and checksum == _checksum(key, value)
    ]


def _touch(connection: "Connection", keys: list[bytes], today: int) -> None:
    connection.executemany("UPDATE remembered SET used = ? WHERE key = ?", [(today, key) for key in keys])


def _number(connection: "Connection", query: str) -> int:
    row: tuple[int | None] = connection.execute(query).fetchone()
    return row[0] or 0


def _count(connection: "Connection") -> int:
    return _number(connection, "SELECT count(*) FROM remembered")


def _excess(connection: "Connection", rows: int, size: int) -> int:
    """Return how many rows to drop: some more than needed, so that most calls drop none."""
    pages = _number(connection, "PRAGMA page_count") - _number(connection, "PRAGMA freelist_count")
    if pages * _number(connection, "PRAGMA page_size") > size:
        return _count(connection) // 4
    # Row ids only grow, so their span is at least the count, and needs no walk over the table.
    span = _number(
        connection, "SELECT (SELECT max(rowid) FROM remembered) - (SELECT min(rowid) FROM remembered) + 1"
    )
    if span <= rows or (count := _count(connection)) <= rows:
        return 0
    return count - rows * 7 // 8


def _drop_oldest(connection: "Connection", number: int) -> None:
    if number > 0:
        connection.execute(
            "DELETE FROM remembered WHERE rowid IN (SELECT rowid FROM remembered ORDER BY used, rowid LIMIT ?)",
            (number,),
        )
