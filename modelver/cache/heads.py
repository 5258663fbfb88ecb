"""The newest commit seen of each log, so that a log that became shorter, or another, is noticed."""

from pathlib import Path

from modelver.cache.database import Database

_ROWS = 100_000
_SIZE = 64 * 2**20


class HeadMemory:
    """The highest commit seen of each log, shared by all processes of the user.

    It only moves up. Where the cache can't be used, nothing is known, and a rollback goes unnoticed.

    A mirror has its registry's id and may well be behind it, which is no sign of a rollback: so each place has a memory
    of its own.

    Args:
        cache_dir: The cache folder; not touched before the first use.
        place: Where the registry is.
    """

    def __init__(self, cache_dir: Path, place: str = "") -> None:
        self._place = place
        self._database = Database(cache_dir, "heads", rows=_ROWS, size=_SIZE)

    def seen(self, registry_id: str, log_name: str) -> tuple[int, str] | None:
        """Return number and digest of the highest commit seen, or None where none was.

        Args:
            registry_id: The registry's id.
            log_name: The log's name within the registry.
        """
        key = _key(registry_id, log_name, self._place)
        return _decode(self._database.get([key]).get(key))

    def remember(self, registry_id: str, log_name: str, seq: int, digest: str) -> tuple[int, str]:
        """Remember a commit if it is higher than the one remembered; no other process comes between.

        Args:
            registry_id: The registry's id.
            log_name: The log's name within the registry.
            seq: The commit's number.
            digest: The commit's digest.

        Returns:
            Number and digest remembered now. Another digest under the same number, or a higher number, is what was
            seen before: it was not replaced, and it is for the caller to judge.
        """

        def higher(known: bytes | None) -> bytes:
            before = _decode(known)
            return known if known and before and before[0] >= seq else f"{seq} {digest}".encode()

        return _decode(self._database.change(_key(registry_id, log_name, self._place), higher)) or (
            seq,
            digest,
        )


def _key(registry_id: str, log_name: str, place: str) -> bytes:
    return f"{registry_id}\0{log_name}\0{place}".encode("utf-8", "surrogatepass")


def _decode(value: bytes | None) -> tuple[int, str] | None:
    if value is None:
        return None
    seq, _, digest = value.decode().partition(" ")
    return int(seq), digest
