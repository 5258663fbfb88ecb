"""Reading settings that people wrote: every fault has its path, and what was probably meant."""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta

from modelver.errors import InvalidValue

MAX_DEPTH = 16
MAX_ITEMS = 1000
_SHOWN = 80
_AGE = re.compile(r"(\d{1,6}) ?(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Reader:
    """A table of settings, and where it stands.

    Args:
        table: The table.
        path: Its path, such as ``modelver.toml: require``.
    """

    def __init__(self, table: object, path: str) -> None:
        self.path = path
        if not isinstance(table, Mapping):
            raise self.fault("", "a table", type(table).__name__)
        self._table = table

    def known(self, keys: Iterable[str]) -> None:
        """Refuse keys that mean nothing.

        Raises:
            InvalidValue: There is one; a similar one is suggested.
        """
        expected = tuple(keys)
        for key in self._table:
            if key in expected:
                continue
            similar = difflib.get_close_matches(str(key), expected, n=1)
            hint = f"Did you mean {similar[0]}?" if similar else f"There is {', '.join(expected)}."
            raise InvalidValue("an unknown key", where=self.at(str(key)[:_SHOWN]), hint=hint)

    def at(self, key: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{key}" if key else self.path

    def fault(self, key: str, expected: str, found: object) -> InvalidValue:
        """Return the error for a value of the wrong kind."""
        return InvalidValue(
            "of the wrong kind", where=self.at(key), expected=expected, found=str(found)[:_SHOWN]
        )

    def tables(self, key: str) -> dict[str, "Reader"]:
        """Return the tables in a table, by name; none where it is left out."""
        inner = self.table(key)
        return {str(name): Reader(value, inner.at(str(name)[:_SHOWN])) for name, value in inner.items()}

    def table(self, key: str) -> "Reader":
        """Return a table, an empty one where it is left out."""
        return Reader(self._table.get(key, {}), self.at(key))

    def items(self) -> list[tuple[str, object]]:
        """Return the keys and values."""
        if len(self._table) > MAX_ITEMS:
            raise self.fault("", f"at most {MAX_ITEMS} entries", len(self._table))
        for key in self._table:
            if not isinstance(key, str):
                raise self.fault("", "text as keys", repr(key))
        return list(self._table.items())

    def has(self, key: str) -> bool:
        """Tell whether a key is there."""
        return key in self._table

    def text(self, key: str, default: str = "") -> str:
        """Return a text that is not empty, or the default where it is left out."""
        value = self._table.get(key, default)
        if not isinstance(value, str) or (key in self._table and not value.strip()):
            raise self.fault(key, "text", repr(value) if isinstance(value, str) else type(value).__name__)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._table.get(key, default)
        if not isinstance(value, bool):
            raise self.fault(key, "true or false", repr(value))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, none of them empty or given twice; one text stands for itself."""
        value = self._table.get(key, ())
        listed = (value,) if isinstance(value, str) else value
        if not isinstance(listed, list | tuple):
            raise self.fault(key, "a list of texts", type(value).__name__)
        if len(listed) > MAX_ITEMS:
            raise self.fault(key, f"at most {MAX_ITEMS} texts", len(listed))
        for index, each in enumerate(listed):
            if not isinstance(each, str) or not each.strip():
                raise self.fault(f"{key}[{index}]", "text", repr(each))
            if each in listed[:index]:
                raise self.fault(f"{key}[{index}]", "each text once", repr(each))
        return tuple(listed)

    def chosen(self, key: str, choices: Iterable[str]) -> tuple[str, ...]:
        """Return a list of texts that are among the choices."""
        found, known = self.texts(key), tuple(choices)
        for index, each in enumerate(found):
            if each not in known:
                similar = difflib.get_close_matches(each, known, n=1)
                hint = f"Did you mean {similar[0]}?" if similar else f"There is {', '.join(known)}."
                raise InvalidValue(
                    "not a choice", where=self.at(f"{key}[{index}]"), found=repr(each)[:_SHOWN], hint=hint
                )
        return found

    def age(self, key: str) -> timedelta | None:
        """Return a length of time such as ``36h`` or ``7d``; None where it is left out."""
        if not self.has(key):
            return None
        text = self.text(key)
        age = parse_age(text)
        if age is None:
            raise self.fault(key, "a length of time such as 30m, 36h, 7d or 2w", repr(text))
        return age


def parse_age(text: str) -> timedelta | None:
    """Read a length of time such as ``36h`` or ``7d``; None where the text is none."""
    match = _AGE.fullmatch(text)
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]]) if match else None


def write_age(age: timedelta) -> str:
    """Return a length of time as `Reader.age` reads it."""
    seconds = int(age.total_seconds())
    unit = next(unit for unit in ("w", "d", "h", "m", "s") if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"
