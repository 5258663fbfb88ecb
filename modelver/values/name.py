"""Names of models and aliases: strings that were parsed."""

import re
from typing import Self

from modelver.errors import InvalidName

MAX_SEGMENT = 64
_SHOWN = 160
_SEGMENT = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul"] + [f"{device}{number}" for device in ("com", "lpt") for number in range(10)]
)
_RESERVED_ALIASES = frozenset({"latest", "sha256"})
_RULE = "letters, digits and . _ - between them, 64 characters at most"


def _check_text(text: object, *, what: str) -> None:
    if not isinstance(text, str):
        raise InvalidName(f"a {what} must be text", where=repr(text)[:80], found=type(text).__name__)


def check_segment(segment: str, *, what: str, whole: str) -> None:
    """Refuse a name's segment that can't be a folder on every platform.

    Raises:
        InvalidName: It breaks the grammar of docs/format.md.
    """
    folded, whole = segment.lower(), whole[:_SHOWN]
    if not segment.isascii() or not _SEGMENT.fullmatch(folded) or len(segment) > MAX_SEGMENT:
        raise InvalidName(f"not a {what}", where=repr(whole), expected=_RULE, found=repr(segment[:80]))
    if "--" in segment or ".." in segment:
        raise InvalidName(f"a {what} has no '--' or '..'", where=repr(whole), hint="Use a single - or .")
    if folded.split(".")[0] in WINDOWS_DEVICES:
        raise InvalidName(f"a {what} can't be a Windows device", where=repr(whole), found=repr(segment))


class ModelName(str):
    """A model's name: one or two segments, such as ``fraud-detector`` or ``acme/fraud-detector``.

    It keeps its case for display and is unique without it; `folder` is the same for every spelling.

    Args:
        text: The name. Each segment is, lower-cased, ``[a-z0-9]([a-z0-9._-]*[a-z0-9])?``, at most 64
            characters, without ``--`` or ``..``, and no Windows device name.

    Raises:
        InvalidName: The text breaks the grammar.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Parse the text, strictly."""
        _check_text(text, what="model name")
        segments = text.split("/")
        if len(segments) > 2:  # noqa: PLR2004 (the grammar)
            raise InvalidName(
                "a model name has one or two segments",
                where=repr(text[:_SHOWN]),
                found=f"{len(segments)} segments",
            )
        for segment in segments:
            check_segment(segment, what="model name", whole=text)
        return super().__new__(cls, text)

    @property
    def folder(self) -> str:
        """The folder that holds the model: lower case, ``/`` as ``--``."""
        return self.lower().replace("/", "--")


class Alias(str):
    """A movable name of a version, such as ``production``; lower case.

    Args:
        text: One segment of a model name's grammar. ``latest`` and ``sha256`` mean something else and are taken.

    Raises:
        InvalidName: The text breaks the grammar.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Parse the text, strictly."""
        check_segment(text, what="alias", whole=text)
        if text.lower() in _RESERVED_ALIASES:
            raise InvalidName(
                "this alias has a meaning of its own", where=repr(text), hint="Choose another name."
            )
        return super().__new__(cls, text.lower())
