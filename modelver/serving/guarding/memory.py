"""A guard's streak in the user's cache, so that one that runs from cron counts on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from modelver.cache.database import Database
from modelver.errors import InvalidValue
from modelver.serving.guarding.judging import Streak
from modelver.values import wire
from modelver.values.canonical import Json, decode_object, encode

_ROWS = 10_000
_SIZE = 16 * 2**20
_MOST = 10**6


class StreakMemory:
    """The streak of one guard, shared by all processes of the user; another generation of the alias has a new one.

    Args:
        cache: The user's cache folder.
        key: What tells the guard apart: registry, model, alias, rules.
    """

    def __init__(self, cache: Path, key: str) -> None:
        self._database = Database(cache, "guards", rows=_ROWS, size=_SIZE)
        self._key = key.encode()
        self._known: tuple[int, Streak] = (0, Streak())

    def advance(self, generation: int, step: Callable[[Streak], Streak]) -> tuple[Streak, bool]:
        """Replace the streak by what `step` makes of it; no other process comes between.

        Args:
            generation: The alias's.
            step: Takes the streak, gives the next one; it may be called twice.

        Returns:
            The streak, and whether it was kept. Where the cache can't be used it lasts as long as this object.
        """
        kept = self._database.change(
            self._key, lambda data: _encode(generation, step(_decode(data, generation)))
        )
        if kept is not None:
            return _decode(kept, generation), True
        streak = step(self._known[1] if self._known[0] == generation else Streak())
        self._known = (generation, streak)
        return streak, False


def _encode(generation: int, streak: Streak) -> bytes:
    times = {
        name: wire.format_time(time)
        for name, time in (("since", streak.since), ("last", streak.last))
        if time is not None
    }
    counts: Mapping[str, Json] = {"breached": streak.breached, "good": streak.good, "generation": generation}
    return encode({**counts, **times})


def _decode(data: bytes | None, generation: int) -> Streak:
    """Read a streak; what is damaged, or of another generation, is none."""
    if data is None:
        return Streak()
    try:
        found = decode_object(data, what="a guard's streak")
        if found.get("generation") != generation:
            return Streak()
        return Streak(
            _count(found.get("breached")),
            _count(found.get("good")),
            _time(found.get("since")),
            _time(found.get("last")),
        )
    except InvalidValue:
        return Streak()


def _count(value: Json) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise InvalidValue("not a count", where=repr(value)[:80])
    return value


def _time(value: Json) -> datetime | None:
    if value is None:
        return None
    return wire.parse_time(value if isinstance(value, str) else "")
