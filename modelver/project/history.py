"""The changelog of the version to come: stated in the project file, or a section of ``CHANGELOG.md``."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import attrs

from modelver.gates.reading import Reader
from modelver.project.file import read_inside
from modelver.project.globs import check_pattern
from modelver.values.record import Changelog

_FIELDS = ("added", "changed", "fixed", "caveats")
_TITLES = {
    "added": ("added", ""),
    "changed": ("changed", ""),
    "fixed": ("fixed", ""),
    "caveats": ("caveats", ""),
    "known issues": ("caveats", ""),
    "deprecated": ("caveats", "Deprecated: "),
    "removed": ("changed", "Removed: "),
    "security": ("fixed", "Security: "),
}
"""Section titles of Keep a Changelog 1.1.0, and where their lines go here."""

_HEADING = re.compile(r"^## +\[?(?P<name>[^\]\s]+)\]?")
_SECTION = re.compile(r"^### +(?P<title>.+?) *#*$")
_ITEM = re.compile(r"^[-*+] +(?P<text>.*)$")


@attrs.frozen
class Story:
    """Where a project's changelog comes from.

    Attributes:
        file: Path of a Keep-a-Changelog file, from the project's folder; empty where there is none.
        stated: What the project file itself states.
    """

    file: str = ""
    stated: Changelog = attrs.field(factory=Changelog)


def read_story(table: Reader) -> Story:
    """Read the table ``changelog``: ``file``, or ``summary`` and sections."""
    table.known(("file", "summary", *_FIELDS))
    file = table.text("file")
    check_pattern(file, table.at("file"))
    return Story(file, _sectioned(table.text("summary"), {name: table.texts(name) for name in _FIELDS}))


def tell(story: Story, folder: Path, version: str = "") -> Changelog:
    """Return the changelog of the version to come.

    What the project file states wins; else the section of this version in the file, else the one of ``Unreleased``.

    Raises:
        NotFound: The file is missing.
        UnsafePath: A link leads out of the project.
    """
    if story.stated or not story.file:
        return story.stated
    data = read_inside(folder, story.file, what="the changelog")
    return parse_changelog(data.decode(errors="replace"), version)


def parse_changelog(text: str, version: str = "") -> Changelog:
    """Return the section of a version in a changelog by Keep a Changelog 1.1.0, else that of ``Unreleased``."""
    sections: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            name = heading["name"].lower().removeprefix("v")
        elif name:
            sections.setdefault(name, []).append(line)
    wanted = [version.lower().removeprefix("v")] if version else []
    lines = next((sections[each] for each in [*wanted, "unreleased"] if each in sections), [])
    return _changelog(lines)


def _changelog(lines: list[str]) -> Changelog:
    found: dict[str, list[str]] = {}
    summary = []
    for title, text in _items(lines):
        field, prefix = _TITLES.get(title.lower(), ("changed", f"{title}: ")) if title else ("", "")
        if field:
            found.setdefault(field, []).append(prefix + text)
        else:
            summary.append(text)
    return _sectioned("\n".join(summary).strip(), found)


def _sectioned(summary: str, sections: Mapping[str, Iterable[str]]) -> Changelog:
    added, changed, fixed, caveats = (tuple(sections.get(name, ())) for name in _FIELDS)
    return Changelog(summary, added, changed, fixed, caveats)


def _items(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the title of a section and the text of each item in it; text before any section has no title."""
    title, item = "", ""
    for line in lines:
        begins = _ITEM.match(line)
        section = _SECTION.match(line)
        if section or begins or not line.strip():
            if item:
                yield title, item
            item = begins["text"].strip() if begins else ""
            title = section["title"] if section else title
        elif item or not title:
            item = f"{item} {line.strip()}".strip()
    if item:
        yield title, item
