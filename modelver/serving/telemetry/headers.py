"""Which versions answered a request, as fields of its response's header."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote

from modelver.errors import InvalidValue
from modelver.serving.listening import LISTENERS
from modelver.serving.served import Served

Telemetry: TypeAlias = Mapping[str, str | bool]

HEADERS: Mapping[str, str] = {
    "model.name": "X-Model-Name",
    "model.version": "X-Model-Version",
    "model.digest": "X-Model-Digest",
    "model.alias": "X-Model-Alias",
}
"""What a response says, and in which field; whether people outside meet the output is nobody's business there."""

_KEYS = (*HEADERS, "model.external_facing")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SAFE = "/:@+"
_NONE = "-"

_USED: ContextVar[list[Telemetry] | None] = ContextVar("modelver_used", default=None)


def _note(served: Served[object]) -> None:
    """Note which version answers. The list came down with the context, so a thread's use is seen by the request too."""
    used = _USED.get()
    # What is kept is no model: a long request must not hold those that were swapped out.
    if used is not None and served.telemetry not in used:
        used.append(served.telemetry)


@contextmanager
def noting(used: list[Telemetry]) -> Iterator[None]:
    """Note in a list what answers in this thread or task, and in what it starts with its own context."""
    token = _USED.set(used)
    try:
        yield
    finally:
        _USED.reset(token)


class Fields:
    """The fields that a middleware adds.

    Args:
        names: Per key of `ModelVersion.telemetry` the field's name.

    Raises:
        InvalidValue: A key or a name is none.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        for key, name in names.items():
            if key not in _KEYS:
                raise InvalidValue("telemetry has no such key", where=key, expected=", ".join(_KEYS))
            if not _TOKEN.fullmatch(name):
                raise InvalidValue(
                    "not the name of a header", where=repr(name), expected="such as X-Model-Version"
                )
        self._names = dict(names)
        self._ours = frozenset(name.lower() for name in names.values())
        LISTENERS.add(_note)

    def added(self, headers: Sequence[tuple[str, str]], used: Sequence[Telemetry]) -> list[tuple[str, str]]:
        """Return a header that names the versions which were used, in the order of their first use.

        Fields of these names that the header has already are replaced, unless no version was used.
        """
        if not used:
            return list(headers)
        kept = [(name, value) for name, value in headers if name.lower() not in self._ours]
        for key, name in self._names.items():
            values = [_text(each.get(key, "")) for each in used]
            if any(values):
                kept.append((name, ", ".join(value or _NONE for value in values)))
        return kept


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else _escaped(value)


@lru_cache(maxsize=1024)
def _escaped(value: str) -> str:
    """Return a value as it may stand in a header: names and versions as they are, anything else escaped."""
    return quote(value, safe=_SAFE)
