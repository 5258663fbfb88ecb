"""Paths of files in a version: relative, portable, and never out of their folder."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from modelver.errors import LimitExceeded, UnsafePath
from modelver.values.name import WINDOWS_DEVICES

MAX_PATH = 1024
MAX_PART = 255

# Control characters; those that turn the direction of text, which disguise names; and what Windows forbids.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069<>:"|?*\\]')
# Windows takes superscript digits for digits here ("Naming Files, Paths, and Namespaces", Microsoft Learn).
_DEVICES = WINDOWS_DEVICES | {
    "conin$",
    "conout$",
    *(f"{device}{digit}" for device in ("com", "lpt") for digit in "¹²³"),
}


def version_path(text: str) -> str:
    """Check a file's path in a version and return it NFC-normalised, with ``/`` between its parts.

    The same rule holds when a version is registered and when it is read, on every platform.

    Raises:
        UnsafePath: It is absolute, leaves its folder, or could not exist on Linux, macOS and Windows alike.
        LimitExceeded: It is longer than 1024 bytes, or a part is longer than 255.
    """
    # Before it is normalised, which takes quadratic time for long runs of combining characters.
    if len(text) > 4 * MAX_PATH:
        raise _too_long(text)
    path = unicodedata.normalize("NFC", text)
    if not path or path.startswith("/") or _FORBIDDEN.search(path):
        raise UnsafePath(
            "not a portable relative path",
            where=repr(text),
            hint='Leave out \\ : < > " | ? * and control characters.',
        )
    if len(path.encode(errors="replace")) > MAX_PATH:
        raise _too_long(text)
    for part in path.split("/"):
        _check_part(part, text)
    return path


def _check_part(part: str, text: str) -> None:
    if part in {"", ".", ".."}:
        raise UnsafePath("a path must not have empty, '.' or '..' parts", where=repr(text))
    if part[-1] in ". ":
        raise UnsafePath("a path's part can't end with a dot or a space on Windows", where=repr(text))
    if part.split(".", maxsplit=1)[0].rstrip().lower() in _DEVICES:
        raise UnsafePath("a path's part is a device on Windows", where=repr(text), found=repr(part))
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        raise UnsafePath("a path is not valid Unicode", where=repr(text)) from None
    if size > MAX_PART:
        raise LimitExceeded(
            "a path's part is too long", where=repr(text[:80]), expected=f"at most {MAX_PART} bytes"
        )


def _too_long(text: str) -> LimitExceeded:
    return LimitExceeded("a path is too long", where=repr(text[:80]), expected=f"at most {MAX_PATH} bytes")


def check_together(paths: Iterable[str]) -> None:
    """Refuse paths that are one on a file system without case, or a file and a folder at once.

    Two spellings of one folder are refused too: such a file system would keep only the first.

    Raises:
        UnsafePath: Two of the paths can't live together; both are named.
    """
    files: dict[str, str] = {}
    for path in paths:
        if (key := _caseless(path)) in files:
            raise _clash("two files would be one on Windows or macOS", files[key], path)
        files[key] = path
    folders: dict[str, str] = {}
    for path in files.values():
        for folder in _folders(path):
            key = _caseless(folder)
            if key in files:
                raise _clash("a path is a file and a folder at once", files[key], path)
            if folders.setdefault(key, folder) != folder:
                raise _clash("two folders would be one on Windows or macOS", folders[key], folder)


def _caseless(path: str) -> str:
    """Return the same text for all spellings that differ in case alone (The Unicode Standard, definition D145)."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _folders(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, the innermost first."""
    while folder := path.rpartition("/")[0]:
        yield folder
        path = folder


def _clash(what: str, one: str, other: str) -> UnsafePath:
    return UnsafePath(what, where=f"{one} and {other}", hint="Rename one of them.")
