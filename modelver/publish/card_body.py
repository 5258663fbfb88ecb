"""The sections of a model card's body that say what metadata says: intended use, limitations, and so on."""

import re
from collections.abc import Iterator, Mapping

MAX_ITEMS = 100
"""Items of one field."""

MAX_ITEM = 4_000
"""Characters of one item."""

_FIELDS: Mapping[str, str] = {
    **dict.fromkeys(("description", "model description", "model summary", "overview"), "description"),
    **dict.fromkeys(
        (
            "intended use",
            "intended uses",
            "intended use cases",
            "primary intended uses",
            "intended uses and limitations",
            "uses",
            "direct use",
            "downstream use",
        ),
        "intended_use",
    ),
    **dict.fromkeys(
        (
            "limitations",
            "known limitations",
            "limitations and bias",
            "limitations and biases",
            "bias and limitations",
            "bias risks and limitations",
            "risks and limitations",
            "out of scope use",
            "out of scope uses",
            "caveats and recommendations",
        ),
        "limitations",
    ),
    **dict.fromkeys(
        (
            "ethical considerations",
            "ethics",
            "ethical considerations and limitations",
            "ethical considerations and risks",
        ),
        "ethical_considerations",
    ),
}
"""Titles as the Hub's template, its older ones and Mitchell et al. (2019) have them, to fields."""

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(.*)")
_BESIDE = re.compile(r"\s*\(optional\)|\[optional\]|[^\w\s]")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_PLACEHOLDERS = ("more information needed", "not stated", "todo", "tbd")
_PLACEHOLDER_LENGTH = 60
_TITLE_LENGTH = 200


def body_sections(body: str) -> dict[str, tuple[str, ...]]:
    """Return what a card's body says, by the field of metadata; an item of a list and a paragraph are one text each.

    Tables, images, code and comments are left out, and what a template left to be filled in.
    """
    found: dict[str, list[str]] = {}
    field = ""
    block: list[str] = []

    def end() -> None:
        text = " ".join(block).strip()
        block.clear()
        if field and text and not _is_placeholder(text):
            items = found.setdefault(field, [])
            if len(items) < MAX_ITEMS:
                items.append(_ESCAPED.sub(r"\1", text)[:MAX_ITEM].strip())

    for line in _lines(body):
        if heading := _HEADING.fullmatch(line):
            end()
            field = _FIELDS.get(_title(heading[2]), "")
        elif item := _ITEM.fullmatch(line):
            end()
            block.append(item[1].strip())
        elif not line.strip():
            end()
        elif not line.lstrip().startswith(("|", ">", "![", "<")):
            block.append(line.strip())
    end()
    return {name: tuple(items) for name, items in found.items()}


def _title(text: str) -> str:
    """Return a heading's words: without emphasis, numbers, signs and capitals; none of a long one."""
    if len(text) > _TITLE_LENGTH:
        return ""
    words = _BESIDE.sub(" ", text.lower().replace("&", " and ")).split()
    return " ".join(word for word in words if not word.isdigit())


def _is_placeholder(text: str) -> bool:
    return len(text) < _PLACEHOLDER_LENGTH and text.lower().strip("[]().*_ ").startswith(_PLACEHOLDERS)


def _lines(body: str) -> Iterator[str]:
    """Yield the lines that are neither code nor comments."""
    fence = ""
    for line in _without_comments(body).splitlines():
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        elif not fence:
            yield line


def _without_comments(text: str) -> str:
    """Return a text without HTML comments; one that does not end goes on to the end."""
    kept = []
    place = 0
    while (start := text.find("<!--", place)) >= 0:
        kept.append(text[place:start])
        end = text.find("-->", start)
        place = len(text) if end < 0 else end + len("-->")
    return "".join([*kept, text[place:]])
