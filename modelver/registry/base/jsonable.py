"""What training scripts have (tuples, numpy scalars, paths) as JSON."""

import math
import os
from collections.abc import Mapping

from modelver.errors import InvalidValue, LimitExceeded
from modelver.values.canonical import MAX_DEPTH, MAX_INTEGER, Json


def json_object(data: Mapping[str, object], where: str) -> dict[str, Json]:
    """Return a mapping as JSON.

    Args:
        data: Its keys are text.
        where: What to call it in messages.

    Raises:
        InvalidValue: It holds what is no JSON; the message says where.
        LimitExceeded: A number is too large, or it is nested too deep.
    """
    return {_key(key, where): _json(item, f"{where}[{key!r}]", 1) for key, item in data.items()}


def _json(value: object, where: str, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise LimitExceeded("nested too deep", where=where[:80], expected=f"at most {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {_key(key, where): _json(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return _number(value, where)
    if callable(item := getattr(value, "item", None)) and getattr(value, "shape", None) == ():
        return _json(item(), where, depth + 1)
    raise InvalidValue(
        "not a JSON value",
        where=where,
        found=type(value).__name__,
        hint="Numbers, texts, lists and dicts can be recorded.",
    )


def _number(value: float, where: str) -> Json:
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            hint = "Give it as text."
            raise LimitExceeded("a number is too large", where=where, expected="within 2**53", hint=hint)
        return int(value)
    if not math.isfinite(value):
        raise InvalidValue(
            "not a finite number", where=where, found=value, hint="Give it as text, or leave it out."
        )
    return float(value)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidValue("a key must be text", where=where, found=repr(key)[:80])
    return key
