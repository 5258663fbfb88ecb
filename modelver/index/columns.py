"""Which variables a search speaks of: what is shown beside the versions that it finds."""

from collections.abc import Sequence

from modelver.expressions import Expression
from modelver.expressions.scan import Word, is_field
from modelver.index.ordering import Order

_NESTED = ("metrics", "params", "tags", "metadata")
_MOST = 8


def columns(expression: Expression | None, order: Order) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the metrics, parameters, tags and metadata that a search names, in its order."""
    found = list(_named(expression.words)) if expression else []
    if order.path[:1] and order.path[0] in _NESTED:
        found.append(order.path)
    return tuple(dict.fromkeys(found))[:_MOST]


def _named(words: Sequence[Word]) -> list[tuple[str, ...]]:
    found = []
    for index, word in enumerate(words):
        if word.kind != "name" or is_field(words, index):
            continue
        if word.text in _NESTED:
            found.append((word.text, *_keys(words[index + 1 :])))
        elif word.text == "metric" and [each.text for each in words[index + 1 : index + 4 : 2]] == ["(", ")"]:
            found.append(("metrics", _plain(words[index + 2])))
    return [path for path in found if len(path) > 1 and all(path)]


def _keys(words: Sequence[Word]) -> list[str]:
    """Return the keys behind a variable, as far as they are constants; a function's name is none."""
    keys, at = [], 0
    while at < len(words):
        rest = words[at : at + 3]
        if words[at].text == "." and len(rest) > 1 and rest[1].kind == "name":
            if len(rest) > 2 and rest[2].text == "(":  # noqa: PLR2004 (a dot, a name, a bracket)
                break
            keys.append(rest[1].text)
            at += 2
        elif [each.text for each in rest[::2]] == ["[", "]"] and rest[1].kind == "text":
            keys.append(_plain(rest[1]))
            at += 3
        else:
            break
    return keys


def _plain(word: Word) -> str:
    return word.text.strip("\"'") if word.kind == "text" and "\\" not in word.text else ""


def title(path: Sequence[str]) -> str:
    """Return a path as expressions write it: ``metrics.f1``, ``metrics["eval/f1"]``."""
    return path[0] + "".join(f".{key}" if key.isidentifier() else f'["{key}"]' for key in path[1:])
