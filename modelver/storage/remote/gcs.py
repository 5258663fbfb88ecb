"""Google Cloud Storage, by its JSON API and with the credentials that gcsfs finds.

An object is created by one multipart upload with ``ifGenerationMatch=0`` and a CRC-32C, which the service compares
(Cloud Storage, "Request preconditions" and "Data validation"). A listing begins at a name by ``startOffset``.

Zonal buckets (Rapid Storage) take no such condition, have no compose, and gcsfs drops ``mode="create"`` there without a
word, so they are refused before anything is written. fake-gcs-server has no such buckets; it also ignores the condition
of a compose and of a copy, and checks no checksum, so those rest on the documentation.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Self
from urllib.parse import quote

from modelver.errors import ModelverError, UnsupportedStore
from modelver.storage.failures import told
from modelver.storage.keys import TEMPORARY
from modelver.storage.remote.bucket import Fault, Trouble, part_size
from modelver.storage.remote.gcs_http import GcsHttp, Refusal, Request, insertion, object_path, trouble
from modelver.storage.remote.gcs_upload import GcsUpload
from modelver.storage.remote.words import check_size
from modelver.storage.store import Entry, Guarantees

GUARANTEES = Guarantees(
    exclusive_create=True, strong_listing=True, durable=True, range_reads=True, server_side_copy=True
)
_GOOGLE = ".googleapis.com"
_CANT_COPY = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class GcsBucket:
    """A prefix of a bucket.

    Args:
        bucket: Its name.
        prefix: Empty, or with a final slash.
        filesystem: A `gcsfs.GCSFileSystem` of our own, made in this process.
        timeout: Seconds that one request may wait for an answer.
    """

    guarantees = GUARANTEES
    single = part_size(0)
    names: Mapping[str, str] = {}

    def __init__(self, bucket: str, prefix: str, filesystem: Any, timeout: float) -> None:
        self.url = f"gs://{bucket}/{prefix}".rstrip("/")
        self.bucket = bucket
        self.prefix = prefix
        self.client = f"gcsfs {version('gcsfs')}"
        self.http = GcsHttp(filesystem, timeout)
        self.on_google = self.http.location.endswith(_GOOGLE)
        self._is_fit = False

    def name(self, key: str) -> str:
        """Return an object's whole name in the bucket."""
        return self.prefix + self.names.get(key, key)

    def get(self, key: str, limit: int) -> bytes:
        """Return an object whole."""
        return self.http.ask(Request("GET", self._media(key), {"alt": "media"}, limit=limit))

    def size(self, key: str) -> int:
        """Return an object's size."""
        return int(self.http.ask_json("GET", self._object(key), fields="size")["size"])

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return bytes of an object."""
        header = {"Range": f"bytes={offset}-{offset + length - 1}"}
        return self.http.ask(Request("GET", self._media(key), {"alt": "media"}, header, limit=length))

    def _object(self, key: str) -> str:
        return object_path(self.bucket, self.name(key))

    def _media(self, key: str) -> str:
        return f"storage/v1/{self._object(key)}"

    def list(self, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the objects after a key."""
        for page in self.pages(prefix, after, fields="nextPageToken,items(name,size)"):
            for found in page.get("items", ()):
                key = found["name"].removeprefix(self.prefix)
                if key > after and not key.endswith("/") and not key.startswith(f"{TEMPORARY}/"):
                    yield Entry(key, int(found["size"]))

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names between a prefix and the next slash."""
        for page in self.pages(prefix, delimiter="/", fields="nextPageToken,prefixes"):
            for found in page.get("prefixes", ()):
                name = found.removeprefix(self.prefix + prefix).rstrip("/")
                if prefix or name != TEMPORARY:
                    yield name

    def pages(self, prefix: str, after: str = "", **options: str) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a listing of the keys that begin with a text, from a key on."""
        token: str | None = None
        while True:
            page = self.http.ask_json(
                "GET",
                f"b/{quote(self.bucket, safe='')}/o",
                prefix=self.prefix + prefix,
                startOffset=self.prefix + after if after else None,
                pageToken=token,
                **options,
            )
            yield page
            token = page.get("nextPageToken")
            if not token:
                return

    def create(self, key: str, data: bytes, sha256: str | None) -> None:  # noqa: ARG002 (the service takes a CRC-32C)
        """Create an object; the service checks its CRC-32C."""
        self.refuse_zonal()
        self.http.ask(insertion(self.bucket, self.name(key), data, new=True))

    def replace(self, key: str, data: bytes) -> None:
        """Write an object, whatever is there; the service checks its CRC-32C."""
        self.http.ask(insertion(self.bucket, self.name(key), data, new=False))

    def upload(self, key: str, size: int) -> GcsUpload:
        """Begin an upload in parts, or go on with one that was broken off."""
        self.refuse_zonal()
        return GcsUpload(self, key, size)

    def refuse_zonal(self) -> None:
        """Ask once, before the first write, whether the bucket is one where a condition is not kept.

        Raises:
            UnsupportedStore: It is.
        """
        if self._is_fit or not self.on_google:
            return
        try:
            layout = self.http.ask_json("GET", f"b/{quote(self.bucket, safe='')}/storageLayout")
        except Refusal as error:
            if trouble(error).fault is Fault.AGAIN:
                raise
            layout = {}  # we may not ask; then only the probe tells
        if layout.get("locationType") == "zone":
            raise UnsupportedStore(
                "a zonal bucket does not create an object only where there is none",
                where=self.url,
                expected="a bucket in a region, a pair of regions or a multi-region",
                hint="Keep the registry in such a bucket.",
            )
        self._is_fit = True

    def copy_from(self, source: Self, key: str) -> bool:
        """Copy an object within one service."""
        if source.http.location != self.http.location:
            return False
        size = source.size(key)
        self.refuse_zonal()
        try:
            self._rewrite(source, key)
        except Refusal as error:
            if error.status in _CANT_COPY:
                return False  # our credentials may not read the source
            if error.status != HTTPStatus.PRECONDITION_FAILED:
                raise
            self._check_size(key, size)
        return True

    def _rewrite(self, source: Self, key: str) -> None:
        """Copy an object in as many steps as the service wants (JSON API, "Objects: rewrite")."""
        path = f"{object_path(source.bucket, source.name(key))}/rewriteTo/{self._object(key)}"
        token: str | None = None
        while True:
            answer = self.http.ask_json("POST", path, ifGenerationMatch="0", rewriteToken=token)
            if answer["done"]:
                return
            token = answer["rewriteToken"]

    def _check_size(self, key: str, size: int) -> None:
        check_size(f"{self.url}/{key}", size, self.size(key))

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.http.ask(Request("DELETE", self._media(key)))

    def clock(self) -> datetime:
        """Return the server's time, by its newest answer."""
        if self.http.dates.now() is None:
            next(self.pages("", maxResults="1", fields="items(name)"))
        return self.http.dates.now() or datetime.now(UTC)

    def trouble(self, error: Exception) -> Trouble:
        """Say what an error means."""
        if isinstance(error, ModelverError | json.JSONDecodeError):
            return Trouble(Fault.OTHER, told(error))
        return trouble(error)
