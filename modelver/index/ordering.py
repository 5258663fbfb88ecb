"""How what was found is ordered: by a variable, absent values last, then by model and precedence."""

import difflib
from collections.abc import Iterable

import attrs

from modelver.errors import InvalidValue
from modelver.expressions.expression import Subject
from modelver.expressions.scan import Word, scan
from modelver.index.stored import value_at

_COLUMNS = {
    "name": "v.folder",
    "version": "v.precedence",
    "created_at": "v.created_at",
    "created_by": "v.created_by",
}
_NESTED = ("metrics", "params", "tags", "metadata")
_SHOWN = 80


@attrs.frozen
class Order:
    """By what, and whether the greatest comes first.

    Attributes:
        path: The variable, and the keys behind it; empty for the usual order.
        descending: Whether the greatest comes first.
    """

    path: tuple[str, ...] = ()
    descending: bool = False

    @property
    def column(self) -> str:
        """The column that SQL sorts by, ``o.value`` for a metric, or empty where SQL can't."""
        if self.path[:1] == ("metrics",):
            return "o.value"
        return _COLUMNS.get(self.path[0], "") if len(self.path) == 1 else ""

    @property
    def is_pythons(self) -> bool:
        """Whether `sorted_by` is needed, since the index lacks some of the values."""
        return bool(self.path) and not self.column


def parse_order(text: str | None) -> Order:
    """Read by what to order.

    Args:
        text: Such as ``version``, ``-created_at``, ``-metrics.f1`` or ``params["lr"]``; ``-`` puts the greatest first.

    Raises:
        InvalidValue: It is no variable with an order.
    """
    if text is None:
        return Order()
    if not isinstance(text, str):
        raise InvalidValue(
            "not something to order by", where=repr(text)[:_SHOWN], expected="text such as -metrics.f1"
        )
    words = scan(text, what="order_by")
    descending = bool(words) and words[0].text == "-"
    path = _path(words[descending:])
    nested = bool(path) and path[0] in _NESTED
    if (
        not path
        or (path[0] not in _COLUMNS and not nested)
        or nested == (len(path) == 1)
        or (path[0] == "metrics" and len(path) > len(("metrics", "f1")))
    ):
        raise _unknown(text, path)
    return Order(path, descending)


def _path(words: Iterable[Word]) -> tuple[str, ...]:
    """Return a variable with the keys behind it, or nothing where it is something else."""
    left = list(words)
    keys = [left[0].text] if left and left[0].kind == "name" else []
    left = left[1:]
    while left and keys:
        signs = [word.text for word in left[:3:2]]
        if left[0].text == "." and len(left) > 1 and left[1].kind == "name":
            keys.append(left[1].text)
            left = left[2:]
        elif signs == ["[", "]"] and left[1].kind == "text" and "\\" not in left[1].text:
            keys.append(left[1].text.lstrip("rRbB").strip("\"'"))
            left = left[3:]
        else:
            return ()
    return tuple(keys)


def _unknown(text: str, path: tuple[str, ...]) -> InvalidValue:
    known = [*_COLUMNS, *_NESTED]
    similar = difflib.get_close_matches(path[0], known, n=1) if path else []
    return InvalidValue(
        "not something to order by",
        where=repr(text)[:_SHOWN],
        expected="name, version, created_at, created_by, or such as metrics.f1, params.lr, tags.team, metadata.license",
        hint=f"Did you mean {similar[0]}?" if similar and similar[0] != path[0] else "",
    )


def sorted_by(order: Order, found: Iterable[tuple[Subject, int]]) -> list[int]:
    """Return numbers of rows, ordered by what their variables have: numbers, then texts, then what has neither."""
    keyed = [(_key(value_at(variables, order.path)), number) for variables, number in found]
    there = sorted(
        ((key, number) for key, number in keyed if key), key=lambda each: each[0], reverse=order.descending
    )
    return [number for _, number in there] + [number for key, number in keyed if not key]


def _key(value: object) -> tuple[int, float, str] | tuple[()]:
    if isinstance(value, bool | int | float):
        return (0, float(value), "")
    return (1, 0.0, value) if isinstance(value, str) else ()
