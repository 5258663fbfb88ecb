"""A store that is reached as remote ones are, from any process, and counts what is asked of it; and versions in it.

`main` is a process of its own that works with them.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelver.cache.stamps import StampCache
from modelver.content.blob_cache import BlobCache
from modelver.content.check import Checking
from modelver.content.fetch import Wanted, held_folder
from modelver.content.keeping.cleaning import Wish
from modelver.content.keeping.holding import Hold
from modelver.content.keeping.keeper import Keeper
from modelver.errors import Conflict
from modelver.storage.layout import blob_key
from modelver.storage.local import LocalStore
from modelver.values.digest import Digest
from modelver.values.file import FileEntry


class AfarStore:
    """A folder whose objects can't be taken for files of this machine.

    Args:
        root: The folder; what is read is noted beside it.
    """

    folder = None

    def __init__(self, root: Path) -> None:
        self._store = LocalStore(root)
        self._log = root.with_name(f"{root.name}.log")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def local_path(self, key: str) -> None:
        """Return None: it is elsewhere."""

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part of an object, and note that it was asked for."""
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(log, f"{key}\n".encode())
        os.close(log)
        return self._store.read_range(key, offset, length)

    def reads(self) -> Counter[str]:
        """Return how often each object was asked for."""
        return Counter(self._log.read_text().split() if self._log.exists() else ())


class Machine:
    """A user's machine: a cache, and versions of a store to load into it.

    Args:
        store: The store.
        cache: The cache folder.
        limit: Bytes that it may take.
    """

    def __init__(self, store: AfarStore, cache: Path, limit: int | None = None) -> None:
        self.store = store
        self.cache = cache
        self.stamps = StampCache(cache)
        self.blobs = BlobCache(cache, self.stamps)
        self.keeper = Keeper(cache, limit, self.stamps)
        self.read = 0

    def wanted(self, *files: bytes) -> Wanted:
        """Return a version that has these files."""
        entries = tuple(
            FileEntry(f"{number}.bin", len(data), Digest.of(data).hex) for number, data in enumerate(files)
        )
        return Wanted(self.store, Digest.of(b"\0".join(files)), entries, cache=self.blobs)

    def load(self, *files: bytes) -> Path:
        """Store a version that has these files, and load it; nothing holds it afterwards."""
        return self.held(*files)[0]

    def held(self, *files: bytes) -> tuple[Path, Hold | None]:
        """Store a version that has these files, and load it."""
        for data in files:
            self.store.put_blob(blob_key(Digest.of(data)), data)
        self.read = 0
        return held_folder(
            self.wanted(*files), self.keeper, Checking("stamp", self.stamps, dict, self._count)
        )

    def _count(self, count: int) -> None:
        self.read += count


def content(folder: Path) -> list[bytes]:
    """Return the bytes of a loaded version's files."""
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def used(folder: Path, seconds: float) -> None:
    """Make a version's last use so many seconds older."""
    status = folder.stat()
    os.utime(folder, ns=(status.st_atime_ns, status.st_mtime_ns - int(seconds * 1e9)))


def files_of(number: int) -> tuple[bytes, ...]:
    """Return the files of a version that the worker loads: one of its own, and one that all have."""
    return bytes([number]) * 40_000, b"\xff" * 30_000


def main(work: str, store: str, cache: str, arguments: Sequence[str]) -> None:
    """Be a process that works with a cache: `hold` a version until killed, `load` versions for a time, or `prune`."""
    machine = Machine(AfarStore(Path(store)), Path(cache), limit=60_000 if work == "load" else None)
    if work == "hold":
        folder, held = machine.held(*files_of(int(arguments[0])))
        tell(str(folder))
        time.sleep(600 if held else 0)
    deadline = time.monotonic() + float(arguments[0])
    number = 0
    while time.monotonic() < deadline:
        number = (number + 1) % 3
        if work == "load":
            folder, held = machine.held(*files_of(number))
            assert content(folder) == list(files_of(number))
            del held
        else:
            with suppress(Conflict):  # those who load may be faster for as long as it waits
                machine.keeper.prune(Wish(everything=True))
    tell("done")


def tell(text: str) -> None:
    """Tell whoever started this process something."""
    os.write(1, f"{text}\n".encode())
