"""Where the caller says that something is: a local path, or an address elsewhere."""

import os
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import urlsplit

from modelver.errors import InvalidValue, NotFound, StoreError
from modelver.storage.remote_source import is_url

SourceLike: TypeAlias = str | os.PathLike[str] | bytes


def checked_source(source: object) -> SourceLike:
    """Return a source, if it is one.

    Raises:
        InvalidValue: It is neither text, a path nor bytes.
    """
    if not isinstance(source, str | os.PathLike | bytes):
        raise InvalidValue(
            "not a source",
            where=repr(source)[:80],
            expected="a path, an fsspec URL or bytes",
            found=type(source).__name__,
        )
    return cast("SourceLike", source)


def local_place(place: str | os.PathLike[str]) -> Path | None:
    """Return a place in the local file system: a path (``~`` is the home folder) or a ``file:///`` URL (RFC 8089).

    Returns:
        None where it is an address elsewhere.

    Raises:
        InvalidValue: It can't be a path, or the URL names another host.
    """
    text = os.fspath(place)
    if not text or "\0" in text or not _is_encodable(text):
        raise InvalidValue("not a path", where=ascii(text)[:80])
    if not is_url(text):
        return Path(os.path.expanduser(text))  # noqa: PTH111 (never raises without a home)
    if not text.lower().startswith("file://"):
        return None
    url = urlsplit(text)
    if url.netloc not in {"", "localhost"}:
        raise InvalidValue("not a file's address", where=text, expected="file:///path")
    from urllib.request import url2pathname  # brings all of http along, and is seldom needed

    return Path(url2pathname(url.path))


def _is_encodable(text: str) -> bool:
    """Tell whether the system can have such a name; on Linux bytes that are no UTF-8 have a form of their own."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def status_of(place: Path, *, what: str = "a source") -> os.stat_result:
    """Return what stat(2) says of a local file or folder.

    Args:
        place: Where it is; links are followed.
        what: What to call it in messages.

    Raises:
        NotFound: It is not there.
        StoreError: It can't be looked at.
    """
    try:
        return place.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{what} is missing", where=place.absolute()) from None
    except OSError as error:
        raise StoreError(f"{what} can't be read", where=place, found=error.strerror or error) from error
