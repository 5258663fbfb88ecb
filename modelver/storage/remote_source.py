"""Files to read that are elsewhere: sources of a registration, and listings of remote datasets."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from modelver.errors import NotFound, StoreError
from modelver.values.url import without_credentials

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::|://)")
_CHUNK = 4 * 2**20
_VERSION_KEYS = ("version_id", "VersionId", "generation", "versionId")
_ETAG_KEYS = ("ETag", "etag", "e_tag", "md5Hash", "content_md5", "crc32c")


def is_url(text: str) -> bool:
    r"""Tell whether a text is an fsspec URL; ``C:\`` is not, for a drive has one letter."""
    return _URL.match(text) is not None


@attrs.frozen
class RemoteFile:
    """A file in some store that fsspec reaches.

    Attributes:
        url: Where it is, without credentials, for messages.
        name: Its last path segment.
        size: Bytes; None where the store does not say.
        mark: The store's own version id or ETag; empty where it has none.
    """

    url: str
    name: str
    size: int | None
    mark: str
    _filesystem: "AbstractFileSystem" = attrs.field(repr=False, eq=False)
    _path: str = attrs.field(repr=False, eq=False)

    def download(self, target: Path) -> None:
        """Copy the file's bytes to a new local file.

        Raises:
            StoreError: They could not be read.
        """
        try:
            with self._filesystem.open(self._path, "rb") as remote, target.open("xb") as local:
                while chunk := remote.read(_CHUNK):
                    local.write(chunk)
        except OSError as error:
            raise StoreError("a source can't be read", where=self.url, found=error) from None


def list_remote(url: str, storage_options: Mapping[str, object]) -> Iterator[tuple[str, RemoteFile]]:
    """Yield the files under a URL with their paths relative to it, sorted; the path is empty for a single file.

    Raises:
        NotFound: There is nothing there.
        StoreError: The store can't be reached, or its package is not installed.
    """
    shown = without_credentials(url)
    filesystem, path = _open(url, storage_options)
    try:
        listed: dict[str, dict[str, Any]] = filesystem.find(path, detail=True)
    except FileNotFoundError:
        listed = {}
    except Exception as error:  # noqa: BLE001 (every client raises its own)
        raise StoreError("a source can't be listed", where=shown, found=error) from None
    if not listed:
        raise NotFound("a source is missing", where=shown)
    for found, info in sorted(listed.items()):
        inside = found.removeprefix(path).lstrip("/")
        where = f"{shown.rstrip('/')}/{inside}" if inside else shown
        yield (
            inside,
            RemoteFile(where, found.rpartition("/")[2], info.get("size"), _mark(info), filesystem, found),
        )


def _open(url: str, storage_options: Mapping[str, object]) -> "tuple[AbstractFileSystem, str]":
    from fsspec.core import url_to_fs

    try:
        filesystem, path = url_to_fs(
            url, **{"use_listings_cache": False, "skip_instance_cache": True, **storage_options}
        )
    except ImportError as error:
        raise StoreError(
            "a package for this kind of URL is missing", where=without_credentials(url), hint=str(error)
        ) from None
    except Exception as error:  # noqa: BLE001 (every client raises its own)
        raise StoreError("a URL can't be opened", where=without_credentials(url), found=error) from None
    return filesystem, path.rstrip("/")


def _mark(info: Mapping[str, Any]) -> str:
    """Return what the store itself says of a file's content: a version id, else an ETag or checksum."""
    for keys in (_VERSION_KEYS, _ETAG_KEYS):
        for key in keys:
            if (value := info.get(key)) and isinstance(value, str | int):
                return str(value).strip('"')
    return ""
