"""How far each recipient was told what logs say, kept twice: where one file is damaged, nothing is lost."""

from pathlib import Path

from modelver.cache.database import Database

_ROWS = 100_000
_SIZE = 64 * 2**20


class Cursors:
    """Numbers under keys, shared by all processes of the user.

    Each is kept in two files. Where they differ, the lower number counts: who asks tells twice rather than never. Where the
    cache can't be used, nothing is known.

    Args:
        cache_dir: The cache folder; not touched before the first use.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._copies = [
            Database(cache_dir, name, rows=_ROWS, size=_SIZE) for name in ("notified", "notified-copy")
        ]

    def get(self, key: str) -> int | None:
        """Return a number; None where it is not known."""
        name = key.encode()
        found = [copy.get([name]).get(name) for copy in self._copies]
        known = [number for each in found if (number := _decode(each)) is not None]
        return min(known, default=None)

    def put(self, key: str, number: int) -> None:
        """Keep a number in the place of any other."""
        for copy in self._copies:
            copy.put({key.encode(): str(number).encode()})

    def begin(self, key: str, number: int) -> int | None:
        """Keep a number unless one is known; return what is kept now, None where nothing can be."""
        known = self.get(key)
        if known is not None:
            return known
        for copy in self._copies:
            copy.change(key.encode(), lambda before: before or str(number).encode())
        return self.get(key)

    def advance(self, key: str, number: int) -> None:
        """Keep a number unless a higher one is known; no other process comes between."""
        for copy in self._copies:
            copy.change(key.encode(), lambda before: _higher(before, number))

    def forget(self, key: str) -> None:
        """Forget a number."""
        for copy in self._copies:
            copy.delete([key.encode()])


def _higher(before: bytes | None, number: int) -> bytes:
    known = _decode(before)
    return str(number if known is None else max(known, number)).encode()


def _decode(value: bytes | None) -> int | None:
    return int(value) if value and value.isdigit() else None
