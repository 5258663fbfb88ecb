"""Files to read that are elsewhere: sources of a registration, and listings of remote datasets."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs

from modelver.errors import NotFound, SourceChanged, StoreError
from modelver.storage.failures import told
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
            SourceChanged: They are not as many as the store said.
            StoreError: They could not be read.
        """
        size = 0
        try:
            with self._filesystem.open(self._path, "rb") as remote, target.open("xb") as local:
                while chunk := cast("bytes", remote.read(_CHUNK)):
                    size += local.write(chunk)
        except Exception as error:  # noqa: BLE001 (every client raises its own)
            raise StoreError("a source can't be read", where=self.url, found=told(error)) from None
        if self.size not in {None, size}:
            raise SourceChanged(
                "a source changed while it was read",
                where=self.url,
                expected=f"{self.size} bytes",
                found=f"{size} bytes",
                hint="Wait until nothing writes to it, then try again.",
            )


def list_remote(
    url: str, storage_options: Mapping[str, Mapping[str, object]]
) -> Iterator[tuple[str, RemoteFile]]:
    """Yield the files under a URL with their paths relative to it, sorted; the path is empty for a single file.

    Raises:
        NotFound: There is nothing there.
        StoreError: The store can't be reached, or its package is not installed.
    """
    shown = without_credentials(url)
    filesystem, path = _open(url, storage_options)
    try:
        listed = _listed(filesystem, path)
    except FileNotFoundError:
        listed = {}
    except Exception as error:  # noqa: BLE001 (every client raises its own)
        raise StoreError("a source can't be listed", where=shown, found=told(error)) from None
    if not listed:
        raise NotFound("a source is missing", where=shown)
    for found, info in sorted(listed.items()):
        inside = found.removeprefix(path).lstrip("/")
        where = f"{shown.rstrip('/')}/{inside}" if inside else shown
        name = where.rpartition("/")[2]
        yield inside, RemoteFile(where, name, info.get("size"), _mark(info), filesystem, found)


def _listed(filesystem: "AbstractFileSystem", path: str) -> dict[str, dict[str, Any]]:
    """Return the files at a path with what is known of them; a single file is not searched for others."""
    info: dict[str, Any] = filesystem.info(path)
    if info.get("type") == "file":
        return {path: info}
    return cast("dict[str, dict[str, Any]]", filesystem.find(path, detail=True))


def _open(url: str, storage_options: Mapping[str, Mapping[str, object]]) -> "tuple[AbstractFileSystem, str]":
    from fsspec.core import url_to_fs

    options = storage_options.get(url.partition("://")[0].lower(), {})

    try:
        filesystem, path = url_to_fs(
            url, **{**options, "use_listings_cache": False, "skip_instance_cache": True}
        )
    except ImportError as error:
        raise StoreError(
            "a package for this kind of URL is missing", where=without_credentials(url), hint=str(error)
        ) from None
    except Exception as error:  # noqa: BLE001 (every client raises its own)
        raise StoreError("a URL can't be opened", where=without_credentials(url), found=told(error)) from None
    return filesystem, path.rstrip("/")


def _mark(info: Mapping[str, Any]) -> str:
    """Return what the store itself says of a file's content: a version id, else an ETag or checksum."""
    for keys in (_VERSION_KEYS, _ETAG_KEYS):
        for key in keys:
            if (value := info.get(key)) and isinstance(value, str | int):
                return str(value).strip('"')
    return ""
