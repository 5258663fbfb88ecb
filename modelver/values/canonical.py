"""Canonical JSON: one value, one sequence of bytes (docs/format.md, "Canonical JSON")."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias, cast

from modelver.errors import InvalidValue, LimitExceeded

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

MAX_DEPTH = 32
MAX_INTEGER = 2**53
_SHOWN = 120
_MAX_DIGITS = len(str(-MAX_INTEGER))


def encode(value: Json) -> bytes:
    """Return the canonical bytes: UTF-8, keys sorted by code point, no spaces, floats as the shortest round trip.

    Raises:
        InvalidValue: The value holds NaN, an infinity, a lone surrogate, or something that JSON lacks.
        LimitExceeded: An integer is beyond 2**53, or the nesting deeper than 32.
    """
    try:
        _check(value, "", 0)
    except InvalidValue as error:
        where = f"${_path_of(value)}"
        raise type(error)(error.what, where=where, expected=error.expected, found=error.found) from None
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
        check_circular=False,
    ).encode()


def decode(data: bytes, *, what: str) -> Json:
    """Parse JSON from an untrusted source; the caller has capped its size.

    Args:
        data: UTF-8 bytes.
        what: What the bytes are, for messages.

    Raises:
        InvalidValue: Not JSON in UTF-8, a key given twice, NaN or an infinity.
        LimitExceeded: An integer is beyond 2**53, or the nesting deeper than 32.
    """
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_int=_integer
        )
    except InvalidValue as error:
        raise type(error)(error.what, where=what, expected=error.expected, found=error.found) from None
    except RecursionError:
        raise _too_deep(what) from None
    except ValueError as error:
        raise InvalidValue("not JSON in UTF-8", where=what, found=str(error)) from None
    _check(value, what, 0)
    return cast("Json", value)


def decode_object(data: bytes, *, what: str) -> Mapping[str, Json]:
    """Parse JSON whose top level must be an object; see `decode`."""
    value = decode(data, what=what)
    if not isinstance(value, dict):
        raise InvalidValue("not a JSON object", where=what, found=type(value).__name__)
    return value


def _check(value: object, what: str, depth: int) -> None:
    """Refuse what canonical JSON does not allow."""
    if depth > MAX_DEPTH:
        raise _too_deep(what)
    if isinstance(value, str):
        _check_text(value, what)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidValue("a JSON key must be text", where=what, found=_shown(key))
            _check_text(key, what)
            _check(item, what, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, what, depth + 1)
    else:
        _check_number(value, what)


def _path_of(value: object, depth: int = 0) -> str:
    """Return where a value holds what `_check` refuses: ``.metadata.license``, ``.files[3]``."""
    if isinstance(value, dict):
        items = [
            (f".{ascii(key)[1:-1]}" if isinstance(key, str) else "", item) for key, item in value.items()
        ]
    else:
        items = (
            [(f"[{index}]", item) for index, item in enumerate(value)]
            if isinstance(value, list | tuple)
            else []
        )
    for step, item in items:
        try:
            _check(item, "", 0)
        except InvalidValue:
            deeper = _path_of(item, depth + 1) if depth < MAX_DEPTH else ""
            return (step + deeper)[:_SHOWN]
    return ""


def _check_text(text: str, what: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise InvalidValue("text holds a lone surrogate", where=what, found=ascii(text[:80])) from None


def _check_number(value: object, what: str) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise _too_large(what, hex(value)[:40])
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidValue("not a finite number", where=what, found=value)
    else:
        raise InvalidValue("not a JSON value", where=what, found=_shown(value))


def _too_deep(what: str) -> LimitExceeded:
    return LimitExceeded("JSON is nested too deep", where=what, expected=f"at most {MAX_DEPTH} levels")


def _too_large(what: str, found: str) -> LimitExceeded:
    return LimitExceeded("an integer is too large for JSON", where=what, expected="within 2**53", found=found)


def _shown(value: object) -> str:
    return f"{type(value).__name__} {ascii(value)[:80]}"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidValue("a JSON key is given twice", found=ascii(key[:80]))
            seen.add(key)
    return unique


def _integer(text: str) -> int:
    # Python takes quadratic time for long ones, and refuses very long ones in words of its own.
    if len(text) > _MAX_DIGITS:
        raise _too_large("", f"{len(text)} digits")
    return int(text)


def _refuse_constant(constant: str) -> NoReturn:
    raise InvalidValue("not a finite number", found=constant)
