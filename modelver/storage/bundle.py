"""A registry in one file, for reading: a ZIP archive of its objects, each stored as it is under its key.

Nothing in the file is believed before it was checked: `zip_entries` says what is refused. No object is ever written to
a path of the archive's choosing; and whoever reads an object checks its digest, as with every store.
"""

import bisect
import os
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from modelver.errors import IntegrityError, InvalidValue, LimitExceeded, NotFound, UnsupportedStore
from modelver.storage.failures import failing_as
from modelver.storage.files import read_at
from modelver.storage.keys import checked_key, checked_prefix
from modelver.storage.store import Entry, Guarantees, Store, Upload
from modelver.storage.zipped import Place, zip_entries

SUFFIX = ".modelver"
"""How the names of bundles end; a bundle is told by its bytes, whatever its name."""


class BundleStore:
    """The objects of a bundle; threads may share one.

    Args:
        path: The file.

    Attributes:
        close: Lets go of the file, which happens at the latest when nobody holds the store any more.

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is no bundle.
        IntegrityError: It is damaged, or made to deceive.
        UnsafePath: An object in it has a name that is no key.
        LimitExceeded: It has more objects than a reader accepts.
        StoreError: It can't be read.
    """

    folder = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100 (it drops "..", and follows no link)
        if not self._path.exists():
            raise NotFound("there is no such bundle", where=self._path)
        if not self._path.is_file():
            raise InvalidValue("not a bundle", where=self._path, expected="a file")
        with failing_as("could not read a bundle", self._path):
            self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.close = weakref.finalize(self, os.close, self._descriptor)
        self._places = zip_entries(self._descriptor, self._path)
        self._keys = sorted(self._places)

    @property
    def url(self) -> str:
        """The file's path."""
        return str(self._path)

    @property
    def place(self) -> str:
        """The same as `url`."""
        return self.url

    @property
    def guarantees(self) -> Guarantees:
        """Nothing can be written, so little is promised."""
        return Guarantees(
            exclusive_create=False,
            strong_listing=True,
            durable=True,
            range_reads=True,
            server_side_copy=False,
        )

    def get(self, key: str, *, limit: int) -> bytes:
        """Return an object whole; see `Store.get`."""
        place = self._found(key)
        if place.size > limit:
            raise LimitExceeded(
                "too large", where=self._at(key), expected=f"at most {limit} bytes", found=place.size
            )
        return self._read(key, place.offset, place.size)

    def size(self, key: str) -> int:
        """Return an object's size in bytes; see `Store.size`."""
        return self._found(key).size

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return a part of an object; see `Store.read_range`."""
        place = self._found(key)
        return self._read(key, place.offset + offset, max(0, min(length, place.size - offset)))

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield the objects below a folder; see `Store.list`."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        first = max(bisect.bisect_left(self._keys, start), bisect.bisect_right(self._keys, after))
        for index in range(first, len(self._keys)):
            key = self._keys[index]
            if not key.startswith(start):
                return
            yield Entry(key, self._places[key].size)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of folders in a folder; see `Store.folders`."""
        start = f"{checked_prefix(prefix)}/" if prefix else ""
        below = (entry.key.removeprefix(start) for entry in self.list(prefix))
        return iter(sorted({key.partition("/")[0] for key in below if "/" in key}))

    def put_new(self, key: str, data: bytes) -> None:  # noqa: ARG002 (the contract's signature)
        """Refuse."""
        self._refuse(key)

    def put_blob(self, key: str, data: bytes) -> None:  # noqa: ARG002 (as above)
        """Refuse."""
        self._refuse(key)

    def upload(self, key: str, size: int) -> Upload:  # noqa: ARG002 (as above)
        """Refuse."""
        self._refuse(key)

    def copy_from(self, source: Store, key: str) -> bool:  # noqa: ARG002 (as above)
        """Refuse."""
        self._refuse(key)

    def delete(self, key: str) -> None:
        """Refuse."""
        self._refuse(key)

    def local_path(self, key: str) -> Path | None:
        """Return None: objects are no files of their own."""
        checked_key(key)
        return None

    def clock(self) -> datetime:
        """Return this machine's time."""
        return datetime.now(UTC)

    def _refuse(self, key: str) -> NoReturn:
        raise UnsupportedStore(
            "a bundle can't be written to",
            where=self._at(checked_key(key)),
            hint="Import it into a registry first: modelver import.",
        )

    def _found(self, key: str) -> Place:
        place = self._places.get(checked_key(key))
        if place is None:
            raise NotFound("no such object", where=self._at(key))
        return place

    def _read(self, key: str, offset: int, length: int) -> bytes:
        with failing_as("could not read a bundle", self._path):
            data = read_at(self._descriptor, offset, length)
        if len(data) < length:
            raise IntegrityError(
                "a bundle ends inside of an object",
                where=self._at(key),
                found=f"{length - len(data)} bytes fewer",
                hint="It was cut off while it was read: copy it again.",
            )
        return data

    def _at(self, key: str) -> str:
        return f"{self._path}!{key}"
