"""A length of time that figures are of."""

from datetime import datetime, timedelta
from typing import TypeAlias

import attrs

from modelver.errors import InvalidValue
from modelver.gates.reading import parse_age, write_age

Length: TypeAlias = str | float | timedelta
"""A length of time: ``5m``, seconds, or a timedelta."""

_LONGEST = timedelta(days=366)
_DIGITS = 9  # of seconds


def parse_length(value: Length, what: str, *, least: timedelta = timedelta(0)) -> timedelta:
    """Return a length of time.

    Args:
        value: Such as ``5m``, ``1h`` or ``7d``; seconds, also as text; or a timedelta.
        what: Whose it is, for errors.
        least: The shortest that makes sense.

    Raises:
        InvalidValue: It is none, or too short or too long.
    """
    if isinstance(value, str) and len(value) <= _DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    found: timedelta | None = None
    if isinstance(value, timedelta):
        found = value
    elif isinstance(value, str):
        found = parse_age(value)
    elif (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 <= value <= _LONGEST.total_seconds()
    ):
        found = timedelta(seconds=value)
    if found is None or not least <= found <= _LONGEST or found.microseconds:
        raise InvalidValue(
            "not a length of time",
            where=what,
            expected=f"such as 30s, 5m, 1h or 7d, whole seconds, at least {int(least.total_seconds())}s",
            found=repr(value)[:80],
        )
    return found


@attrs.frozen
class Window:
    """A span of time that a reader is asked about; one that began before the version was served is cut there.

    Attributes:
        length: How long it is when it is whole.
        begin: Its begin.
        end: Its end.
    """

    length: timedelta
    begin: datetime
    end: datetime

    @property
    def name(self) -> str:
        """Its length as rules write it: ``5m``."""
        return write_age(self.length)

    @property
    def seconds(self) -> int:
        """How long it is, cut as it is: whole seconds, at least one."""
        return max(1, int((self.end - self.begin).total_seconds()))

    def __str__(self) -> str:
        return self.name


def window_before(end: datetime, length: timedelta, since: datetime) -> Window:
    """Return the window that ends at a time, cut where a version's service began."""
    return Window(length, max(end - length, min(since, end)), end)
