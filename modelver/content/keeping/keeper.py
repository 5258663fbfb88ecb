"""The user's cache is kept below a limit: by whoever adds to it, and by hand."""

from contextlib import suppress
from pathlib import Path

from modelver.cache.stamps import StampCache
from modelver.content.keeping.cleaning import Cleaning, Pruned, Wish
from modelver.errors import Conflict
from modelver.storage.lock import advisory_lock

_PATIENCE = 10.0
_SHORT_PATIENCE = 1.0


class Keeper:
    """Keeps the user's cache below a limit.

    Args:
        cache: The cache folder.
        limit: Bytes that it may take; None for any number.
        stamps: What is known of its files.
    """

    def __init__(self, cache: Path, limit: int | None, stamps: StampCache) -> None:
        self.cache = cache
        self.limit = limit
        self.stamps = stamps

    def enforce(self, keep: Path) -> None:
        """Bring the cache below its limit after something was added; what can't be done now, the next one will do.

        Args:
            keep: The version that was added. It stays, even where it alone is beyond the limit.
        """
        if self.limit is not None:
            with suppress(Conflict, OSError):
                self._prune(Wish(limit=self.limit, keep=keep), _SHORT_PATIENCE)

    def prune(self, wish: Wish) -> Pruned:
        """Remove what is wished; one process at a time does that, as far as there are locks.

        Raises:
            Conflict: Another process has been at it for long.
        """
        return self._prune(wish, _PATIENCE)

    def _prune(self, wish: Wish, patience: float) -> Pruned:
        if not self.cache.is_dir():
            return Pruned((), (), 0)
        with advisory_lock(self.cache / "locks" / "keeper", timeout=patience) as alone:
            if alone is False:
                raise Conflict(
                    "another process is cleaning the cache",
                    where=self.cache,
                    hint="Try again when it is done.",
                )
            return Cleaning(self.cache, self.stamps, wish).run()
