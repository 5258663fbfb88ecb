"""What SQL can say of an expression: conditions that each version has to meet for which the expression is true.

Only comparisons with constants are taken, joined by ``&&`` and ``||``. Where an expression is nothing else, SQL decides;
else the conditions narrow down the versions that it is asked of. So a condition is true of the very versions of which the
comparison is true: where that can't be had, it is left to the expression.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import attrs

from modelver.expressions import Expression
from modelver.expressions.order import sort_key
from modelver.expressions.scan import Word, closing
from modelver.index.row import LONGEST_FACT, LONGEST_PATH, Value, as_stored, path_of
from modelver.values.canonical import MAX_INTEGER
from modelver.values.wire import format_time

_FLIPPED = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NESTED = {"metrics", "params", "tags", "metadata"}
_LISTS = {"aliases", "approvals"}
_OPEN, _CLOSE = {"(", "[", "{"}, {")", "]", "}"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
_PLAIN = re.compile(r"""'[^'\\\n]*'|"[^"\\\n]*\"""")
_METRIC_ARGUMENTS = 3


@attrs.frozen
class Condition:
    """A fact that a version must have.

    Attributes:
        path: See `modelver.index.row.path_of`.
        operator: ``==``, ``<``, ``<=``, ``>`` or ``>=``.
        value: What the fact's value is compared with.
    """

    path: str
    operator: str
    value: Value

    def sql(self, column: str) -> str:
        """Return the comparison with a column, with one mark; numbers are compared with numbers alone."""
        sign = "=" if self.operator == "==" else self.operator
        numeric = not isinstance(self.value, str) and sign in {">", ">="}
        return f"{column} {sign} ?" + (f" AND {column} < ''" if numeric else "")

    @property
    def parameter(self) -> object:
        """What the mark stands for."""
        return as_stored(self.value)


@attrs.frozen
class Every:
    """All of these."""

    parts: "tuple[Node, ...]"


@attrs.frozen
class Either:
    """At least one of these."""

    parts: "tuple[Node, ...]"


Node: TypeAlias = Condition | Every | Either


@attrs.frozen
class Pushed:
    """What SQL can check of an expression.

    Attributes:
        node: What is necessary; None where SQL can check nothing.
        whole: Whether it says what the expression says, so that the expression need not be asked.
    """

    node: Node | None = None
    whole: bool = False


def push_down(expression: Expression) -> Pushed:
    """Return what SQL can check of an expression."""
    pushed = _push(expression.words)
    # Approvals may have expired; and what speaks of slices is absent where there are none.
    open_ended = expression.names("approvals") or expression.names("slices")
    return attrs.evolve(pushed, whole=pushed.whole and not open_ended)


def _push(words: Sequence[Word]) -> Pushed:
    while len(words) > 1 and words[0].text == "(" and closing(words, 0) == len(words) - 1:
        words = words[1:-1]
    signs = {words[index].text for index in _outside(words)}
    if "?" in signs:
        return Pushed()
    if "||" in signs:  # binds less than &&
        parts = [_push(part) for part in _split(words, "||")]
        nodes = tuple(part.node for part in parts if part.node)
        # Where SQL knows nothing of one of them, it knows nothing of either.
        return (
            Pushed(Either(nodes), all(part.whole for part in parts)) if len(nodes) == len(parts) else Pushed()
        )
    if "&&" in signs:
        parts = [_push(part) for part in _split(words, "&&")]
        nodes = tuple(part.node for part in parts if part.node)
        return Pushed(Every(nodes) if nodes else None, all(part.whole for part in parts))
    condition = _condition(words)
    return Pushed(condition, condition is not None)


def _split(words: Sequence[Word], sign: str) -> Iterator[Sequence[Word]]:
    ends = [index for index in _outside(words) if words[index].text == sign]
    for start, end in zip([-1, *ends], [*ends, len(words)], strict=True):
        yield words[start + 1 : end]


def _outside(words: Sequence[Word]) -> list[int]:
    """Return the places of the signs and names that are in no bracket."""
    depth, found = 0, []
    for index, word in enumerate(words):
        depth += (word.text in _OPEN) - (word.text in _CLOSE)
        if depth == 0 and word.kind in {"sign", "name"}:
            found.append(index)
    return found


def _condition(words: Sequence[Word]) -> Condition | None:
    """Return the condition of one comparison, or None where it is of another form."""
    signs = [index for index in _outside(words) if words[index].text in {*_FLIPPED, "in"}]
    if len(signs) != 1:
        return None
    left, sign, right = words[: signs[0]], words[signs[0]].text, words[signs[0] + 1 :]
    if sign == "in":
        return _membership(left, right)
    for one, other, operator in ((left, right, sign), (right, left, _FLIPPED[sign])):
        path = _path(one)
        value = _value(path[0], other) if path else None
        if path and value is not None and _is_comparable(value, operator, path[0]):
            text = path_of(*path)
            return Condition(text, operator, value) if len(text) <= LONGEST_PATH else None
    return None


def _membership(left: Sequence[Word], right: Sequence[Word]) -> Condition | None:
    value = _text(left)
    if value is None or len(right) != 1 or right[0].text not in _LISTS or len(value) > LONGEST_FACT:
        return None
    return Condition(path_of(right[0].text), "==", value)


def _is_comparable(value: Value, operator: str, variable: str) -> bool:
    """Tell whether the index has all facts that such a comparison may find: of long texts it has none."""
    if isinstance(value, str):
        return variable in {"semver", "created_at"} or (operator == "==" and len(value) <= LONGEST_FACT)
    return operator == "==" or not isinstance(value, bool)


def _path(words: Sequence[Word]) -> tuple[str, ...] | None:
    """Return the path of the facts that an operand stands for."""
    if not words or words[0].kind != "name":
        return None
    head, rest = words[0].text, words[1:]
    if not rest:
        return (head,) if head in {"name", "version", "created_at", "created_by"} else None
    if head in _NESTED:
        return _keys(head, rest)
    arguments = _arguments(rest)
    if head == "metric" and arguments and None not in arguments:
        return _figure([text or "" for text in arguments])
    if head == "semver" and [word.text for word in rest] == ["(", "version", ")"]:
        return ("semver",)
    return None


def _keys(head: str, words: Sequence[Word]) -> tuple[str, ...] | None:
    """Return a variable with the keys behind it: ``.name`` or ``["name"]``."""
    keys, left = [head], list(words)
    while left:
        if left[0].text == "." and len(left) > 1 and left[1].kind == "name":
            keys.append(left[1].text)
            left = left[2:]
            continue
        bracketed = [word.text for word in left[:3:2]] == ["[", "]"]
        key = _text(left[1:2]) if bracketed else None
        if key is None:
            return None
        keys.append(key)
        left = left[3:]
    return tuple(keys)


def _figure(arguments: Sequence[str]) -> tuple[str, ...] | None:
    """Return the path of a figure: by its name alone it is of whatever dataset there is."""
    if len(arguments) == 1:
        return ("metrics", arguments[0])
    if len(arguments) > _METRIC_ARGUMENTS or not arguments[1]:  # figures without a dataset are no facts
        return None
    return ("figure", *arguments, *[""] * (_METRIC_ARGUMENTS - len(arguments)))


def _arguments(words: Sequence[Word]) -> list[str | None] | None:
    """Return the texts between two brackets; None in the place of each that is no constant."""
    if len(words) < 2 or words[0].text != "(" or closing(words, 0) != len(words) - 1:  # noqa: PLR2004 (two brackets)
        return None
    inner = words[1:-1]
    if any(word.text != "," for word in inner[1::2]) or len(inner) % 2 == 0:
        return None
    return [_text([word]) for word in inner[::2]]


def _value(variable: str, words: Sequence[Word]) -> Value | None:
    """Return a constant that facts of a variable can be compared with."""
    if variable in {"semver", "created_at"}:
        wanted = "semver" if variable == "semver" else "timestamp"
        arguments = _arguments(words[1:]) if words and words[0].text == wanted else None
        if not arguments or len(arguments) != 1 or arguments[0] is None:
            return None
        return _order(arguments[0]) if variable == "semver" else _time(arguments[0])
    if len(words) == 1 and words[0].text in {"true", "false"}:
        return words[0].text == "true"
    return _number(words) if _text(words) is None else _text(words)


def _text(words: Sequence[Word]) -> str | None:
    """Return a text that is written without any escapes."""
    if len(words) != 1 or words[0].kind != "text" or not _PLAIN.fullmatch(words[0].text):
        return None
    text = words[0].text[1:-1]
    return text if text.isprintable() else None


def _number(words: Sequence[Word]) -> int | float | None:
    negative = len(words) == 2 and words[0].text == "-"  # noqa: PLR2004 (a sign and a number)
    if len(words) != 1 + negative:
        return None
    word = words[-1]
    if word.kind == "real" and abs(real := float(word.text)) <= MAX_INTEGER:
        return -real if negative else real
    if word.kind == "whole" and word.text.isdigit() and (whole := int(word.text)) <= MAX_INTEGER:
        return -whole if negative else whole
    return None


def _order(text: str) -> str | None:
    order = sort_key(text)
    return order if isinstance(order, str) else None


def _time(text: str) -> str | None:
    try:
        return format_time(datetime.fromisoformat(text)) if _TIME.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None
