"""JSON data as YAML 1.1 and 1.2 read it alike: enough for front matter, and nothing to install for it.

Texts must be printable, as `modelver.publish.markdown.visible` makes them: then JSON's escapes are YAML's. Keys must have
fewer than 1,024 characters.
"""

import json
import re
from collections.abc import Iterator, Mapping

from modelver.values.canonical import Json

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.+/-]*", re.ASCII)
_RESERVED = frozenset("y n yes no on off true false null nan inf".split())


def to_yaml(data: Mapping[str, Json]) -> str:
    """Return a mapping as lines of YAML, blocks without anchors, tags and long lines broken."""
    return "".join(f"{line}\n" for line in _lines(data))


def _lines(value: Json) -> Iterator[str]:
    """Yield the lines of a mapping or of a list that is not empty."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _after(f"{_scalar(key)}:", item, "  ")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _after("-", item, "  ")


def _after(start: str, value: Json, indent: str) -> Iterator[str]:
    """Yield what stands after a key or a dash: on its line where it is a scalar, or a mapping after a dash."""
    if not isinstance(value, Mapping | list | tuple) or not value:
        yield f"{start} {_scalar(value)}"
        return
    lines = _lines(value)
    if start == "-":
        yield f"- {next(lines)}"
    else:
        yield start
    for line in lines:
        yield f"{indent}{line}"


def _scalar(value: Json) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes 1e-05 for a text
    return text
