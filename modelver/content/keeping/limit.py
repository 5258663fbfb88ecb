"""How large the user's cache may become."""

import math
import os
import re
import shutil
from pathlib import Path

from modelver.errors import InvalidValue

VARIABLE = "MODELVER_CACHE_SIZE"

DEFAULT = 50 * 2**30
"""Bytes that a cache may take where nobody says otherwise and the disk has twice as many."""

_UNITS = {"": 1, "b": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("kmgt", 1)
    for kind, base in (("b", 1000), ("ib", 1024))
}
_AMOUNT = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,6})?) ?([a-z]*)", re.ASCII)
_AGES = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def cache_limit(explicit: int | str | None, cache: Path) -> int | None:
    """Return how many bytes the user's cache may take.

    Args:
        explicit: As the caller says: bytes, or a text as `parse_size` reads it; ``none`` sets no limit, and ``0`` keeps
            nothing but what is in use. Else ``$MODELVER_CACHE_SIZE``, likewise; else 50 GiB, or half of the disk where
            that is less.
        cache: The cache folder, which need not exist.

    Returns:
        Bytes; None for no limit.

    Raises:
        InvalidValue: It is no size.
    """
    where = "cache_size"
    if explicit is None and (text := os.environ.get(VARIABLE, "").strip()):
        explicit, where = text, f"${VARIABLE}"
    if explicit is None:
        return _default(cache)
    if isinstance(explicit, str) and explicit.strip().lower() == "none":
        return None
    return parse_size(explicit, where=where)


def parse_size(size: int | str, *, where: str) -> int:
    """Return a number of bytes: as given, or of a text such as ``20GiB``, ``1.5 TB``, ``500MB`` or ``1000000``.

    Args:
        size: ``kB``, ``MB``, ``GB`` and ``TB`` are powers of 1000; ``KiB``, ``MiB``, ``GiB`` and ``TiB`` of 1024.
        where: What the size is called in messages.

    Raises:
        InvalidValue: It is no size.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    match = _AMOUNT.fullmatch(size.strip().lower()) if isinstance(size, str) else None
    if match is None or match[2] not in _UNITS:
        raise InvalidValue(
            "not a size", where=where, expected="such as 20GiB, 500MB or 1000000", found=repr(size)[:40]
        )
    return int(float(match[1]) * _UNITS[match[2]]) if "." in match[1] else int(match[1]) * _UNITS[match[2]]


def parse_age(text: str, *, where: str) -> float:
    """Return the seconds of an age such as ``90m``, ``12h``, ``30d`` or ``2w``.

    Args:
        text: A number and a unit: minutes, hours, days or weeks.
        where: What the age is called in messages.

    Raises:
        InvalidValue: It is no age.
    """
    match = _AMOUNT.fullmatch(text.strip().lower())
    if match is None or match[2] not in _AGES:
        raise InvalidValue(
            "not an age", where=where, expected="such as 30d, 12h or 90m", found=repr(text)[:40]
        )
    return float(match[1]) * _AGES[match[2]]


def _default(cache: Path) -> int:
    for folder in (cache, *cache.parents):
        try:
            return min(DEFAULT, math.floor(shutil.disk_usage(folder).total / 2))
        except OSError:
            continue
    return DEFAULT
