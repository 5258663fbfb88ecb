"""Small facts about the user's machine and stores that are dear to find out, such as whether a store's probe passed."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from modelver.cache.database import Database

MAX_FACT = 2**20
"""The largest value that is kept, in bytes; a larger one is found out again each time."""

_ROWS = 1_000
_SIZE = 32 * 2**20


class Facts:
    """Values under a kind and a key, shared by all processes of the user.

    A fact does not get old: key or value say what it depends on. Where the cache can't be used, nothing is known.

    Args:
        cache_dir: The cache folder; not touched before the first use.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._database = Database(cache_dir, "facts", rows=_ROWS, size=_SIZE)

    def get(self, kind: str, key: str) -> bytes | None:
        """Return a fact, or None where it is not known."""
        name = _key(kind, key)
        return self._database.get([name]).get(name)

    def get_many(self, kind: str, keys: Iterable[str]) -> dict[str, bytes]:
        """Return those facts of a kind that are known, in one go."""
        names = {_key(kind, key): key for key in keys}
        return {names[name]: value for name, value in self._database.get(names).items()}

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Remember a fact of at most `MAX_FACT` bytes, in the place of an older one."""
        self.put_many(kind, {key: value})

    def put_many(self, kind: str, facts: Mapping[str, bytes]) -> None:
        """Remember facts of a kind, in one go; as `put`."""
        self._database.put({_key(kind, key): value for key, value in facts.items() if len(value) <= MAX_FACT})


def _key(kind: str, key: str) -> bytes:
    return f"{kind}\0{key}".encode("utf-8", "surrogatepass")
