"""The index's file: opened for each use, shared by processes, and made anew when it is not what it should be.

As with `modelver.cache.database`, a connection lives as long as one piece of work: there is none to inherit over a fork
or to share between threads. Rollback journals, not write-ahead logging, since home folders may be shared over a network.
Nothing is synced: what a power cut spoils is built again from the logs.
"""

import os
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelver.cache.place import is_private, make_private
from modelver.errors import StoreError
from modelver.index.schema import ensure

if TYPE_CHECKING:
    from sqlite3 import Connection

FOLDER = "index"
BUSY_SECONDS = 60.0
_T = TypeVar("_T")

# See modelver.cache.database: a child forked while another thread is inside SQLite would wait for ever.
_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class IndexFile:
    """One registry's index.

    Where the cache folder is not private or can't be written to, or Python has no room for it there, the index is in
    memory, and lives as long as this object.

    Args:
        cache: The user's cache folder.
        name: The file's name without its ending: a digest of the registry's id and place.
    """

    def __init__(self, cache: Path, name: str) -> None:
        self._cache = cache
        self.name = name
        self.path = cache / FOLDER / f"{name}.sqlite3"
        self._memory: Connection | None = None

    def run(self, work: Callable[["Connection"], _T], *, write: bool = False) -> _T:
        """Do work in one transaction.

        Args:
            work: Takes the connection.
            write: Whether it changes anything.

        Raises:
            sqlite3.Error: The file can't be used, or is damaged.
        """
        with _LOCK:
            if self._memory is not None:
                return _transact(self._memory, work, write=write)
            if not self._is_usable():
                self.move_to_memory()
                return self.run(work, write=write)
            with closing(_connect(os.fspath(self.path))) as connection:
                return _transact(connection, work, write=write)

    def discard(self) -> None:
        """Remove the file, whatever is in it."""
        with _LOCK, suppress(OSError):
            self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def move_to_memory(self) -> None:
        """Leave the file alone from now on: the index is in memory, empty at first.

        One that is there already stays: another thread may be in the middle of filling and asking it.
        """
        with _LOCK:
            if self._memory is None:
                self._memory = _connect(":memory:")

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing is kept."""
        return self._memory is not None

    def _is_usable(self) -> bool:
        try:
            make_private(self._cache)
            make_private(self.path.parent)
        except StoreError:
            return False
        there = self.path.exists()
        return (
            is_private(self._cache) and is_private(self.path.parent) and (not there or is_private(self.path))
        )


def _connect(place: str) -> "Connection":
    import sqlite3

    # The lock above keeps threads apart; without an isolation level the module begins no transactions by itself.
    connection = sqlite3.connect(place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "journal_mode = TRUNCATE",
            "synchronous = OFF",
            "cache_size = -65536",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def _transact(connection: "Connection", work: Callable[["Connection"], _T], *, write: bool) -> _T:
    is_new = connection.execute("PRAGMA user_version").fetchone()[0] == 0
    connection.execute("BEGIN IMMEDIATE" if write or is_new else "BEGIN")
    try:
        ensure(connection)
        result = work(connection)
    except BaseException:
        with suppress(Exception):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return result
