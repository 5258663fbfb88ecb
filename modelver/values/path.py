"""Paths of files in a version: relative, portable, and never out of their folder."""

import re
import unicodedata
from collections.abc import Iterable

from modelver.errors import LimitExceeded, UnsafePath
from modelver.values.name import WINDOWS_DEVICES

MAX_PATH = 1024
MAX_PART = 255

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def version_path(text: str) -> str:
    """Check a file's path in a version and return it NFC-normalised, with ``/`` between its parts.

    The same rule holds when a version is registered and when it is read, on every platform.

    Raises:
        UnsafePath: It is absolute, leaves its folder, or could not exist on Linux, macOS and Windows alike.
        LimitExceeded: It is longer than 1024 bytes, or a part is longer than 255.
    """
    path = unicodedata.normalize("NFC", text)
    if not path or path.startswith("/") or _FORBIDDEN.search(path):
        raise UnsafePath(
            "not a portable relative path",
            where=ascii(text),
            hint='Leave out \\ : < > " | ? * and control characters.',
        )
    if len(path.encode(errors="replace")) > MAX_PATH:
        raise LimitExceeded(
            "a path is too long", where=ascii(text[:80]), expected=f"at most {MAX_PATH} bytes"
        )
    for part in path.split("/"):
        _check_part(part, text)
    return path


def _check_part(part: str, text: str) -> None:
    if part in {"", ".", ".."}:
        raise UnsafePath("a path must not have empty, '.' or '..' parts", where=ascii(text))
    if part[-1] in ". ":
        raise UnsafePath("a path's part can't end with a dot or a space on Windows", where=ascii(text))
    if part.split(".", maxsplit=1)[0].rstrip().lower() in WINDOWS_DEVICES:
        raise UnsafePath("a path's part is a device on Windows", where=ascii(text), found=part)
    try:
        size = len(part.encode())
    except UnicodeEncodeError:
        raise UnsafePath("a path is not valid Unicode", where=ascii(text)) from None
    if size > MAX_PART:
        raise LimitExceeded(
            "a path's part is too long", where=ascii(text[:80]), expected=f"at most {MAX_PART} bytes"
        )


def check_together(paths: Iterable[str]) -> None:
    """Refuse paths that are one file on a file system without case, or a file and a folder at once.

    Raises:
        UnsafePath: Two of the paths can't live together; both are named.
    """
    files: dict[str, str] = {}
    for path in paths:
        other = files.setdefault(path.casefold(), path)
        if other is not path:
            raise UnsafePath(
                "two files would be one on Windows or macOS",
                where=f"{other} and {path}",
                hint="Rename one of them.",
            )
    for folded, path in files.items():
        parts = folded.split("/")
        for length in range(1, len(parts)):
            if file := files.get("/".join(parts[:length])):
                raise UnsafePath("a path is a file and a folder at once", where=f"{file} and {path}")
