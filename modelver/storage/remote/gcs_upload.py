"""Objects of Google Cloud Storage in parts: temporary objects that the service puts together (JSON API, "compose").

A resumable session takes its bytes one after another only, and parts of the XML API need keys of another kind; so each
part is an object ``tmp/<the key's last segment>/<part size>-<number>-<digest of its bytes>``, and their list tells which
bytes are there. Up to 32 of them are put together at once, in levels. Then they are deleted, as far as we may: where
deleting is forbidden, or the bucket keeps old versions, they stay until a rule of the bucket for ``tmp/`` removes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

from modelver.storage.keys import TEMPORARY
from modelver.storage.remote.bucket import part_size, parts_at_once
from modelver.storage.remote.gcs_http import Ended, GcsHttp, Refusal, Request, insertion, object_path

MOST = 32
"""Objects that are put together at once at most (JSON API, "Objects: compose")."""


class Place(Protocol):
    """What an upload needs of its bucket."""

    bucket: str
    prefix: str
    http: GcsHttp

    def pages(self, prefix: str, after: str = "", **options: str) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a listing of the keys that begin with a text, from a key on."""
        ...

    def name(self, key: str) -> str:
        """Return an object's whole name in the bucket."""
        ...

    def size(self, key: str) -> int:
        """Return an object's size."""
        ...


class GcsUpload:
    """An upload in temporary objects; its steps raise what requests raise. See `Upload`."""

    def __init__(self, place: Place, key: str, size: int) -> None:
        self._place = place
        self._key = key
        self._folder = f"{TEMPORARY}/{key.rpartition('/')[2]}/"
        self.part_size = part_size(size)
        self.at_once = parts_at_once(self.part_size)
        self._there = self._listed()
        self._parts: dict[int, str] = {}

    def _listed(self) -> dict[str, int]:
        """Return the keys and sizes of the parts that are there."""
        pages = self._place.pages(f"{self._folder}{self.part_size}-", fields="nextPageToken,items(name,size)")
        items = [item for page in pages for item in page.get("items", ())]
        return {item["name"].removeprefix(self._place.prefix): int(item["size"]) for item in items}

    def send(self, number: int, data: bytes) -> bool:
        """Send a part, unless the service has it; the service checks its CRC-32C."""
        import xxhash

        key = f"{self._folder}{self.part_size}-{number:05d}-{xxhash.xxh3_128_hexdigest(data)}"
        self._parts[number] = key
        if self._there.get(key) == len(data):
            return False
        place = self._place
        place.http.ask(insertion(place.bucket, place.prefix + key, data, new=False))
        return True

    def finish(self) -> None:
        """Put the parts together, unless there is an object, and delete them.

        Raises:
            Refusal: There is an object, or the service could not.
            Ended: Parts are gone.
        """
        try:
            self._place.size(self._key)
        except Refusal as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        else:
            self.abort()
            raise Refusal(HTTPStatus.PRECONDITION_FAILED, "the object is there already")
        parts = [key for _, key in sorted(self._parts.items())]
        self._compose(parts)
        self.abort()

    def _compose(self, parts: Sequence[str]) -> None:
        """Put parts together, in as many levels as it takes."""
        level = 0
        while len(parts) > MOST:
            groups = [parts[start : start + MOST] for start in range(0, len(parts), MOST)]
            parts = [self._joint(level, group) for group in groups]
            self._ask([self._composed(part, group, {}) for part, group in zip(parts, groups, strict=True)])
            level += 1
        self._ask([self._composed(self._key, parts, {"ifGenerationMatch": "0"})])

    def _joint(self, level: int, group: Sequence[str]) -> str:
        """Return the key of what is put together of a group."""
        import xxhash

        digest = xxhash.xxh3_128_hexdigest(" ".join(group).encode())
        return f"{self._folder}{self.part_size}-joint{level}-{digest}"

    def _composed(self, key: str, parts: Sequence[str], condition: Mapping[str, str]) -> Request:
        """Return the request that puts parts together under a key."""
        import json

        place = self._place
        sources = [{"name": place.prefix + part} for part in parts]
        about = {"sourceObjects": sources, "destination": {"contentType": "application/octet-stream"}}
        return Request(
            "POST",
            f"storage/v1/{object_path(place.bucket, place.name(key))}/compose",
            {**condition, "fields": "size"},
            {"Content-Type": "application/json"},
            (json.dumps(about).encode(),),
        )

    def _ask(self, requests: Sequence[Request]) -> None:
        self.answered(self._place.http.ask_all(requests))

    def answered(self, answers: Sequence[bytes | BaseException]) -> None:
        """Look at the answers to requests that put parts together.

        Raises:
            Ended: Parts are gone.
        """
        for answer in answers:
            if isinstance(answer, Refusal) and answer.status == HTTPStatus.NOT_FOUND:
                raise Ended("parts of the upload are gone") from answer
            if isinstance(answer, BaseException):
                raise answer

    def abort(self) -> None:
        """Delete the parts, and what was put together of them; errors are of no use to anybody."""
        place = self._place
        keys = {*self._listed(), *self._parts.values()}
        paths = [f"storage/v1/{object_path(place.bucket, place.prefix + key)}" for key in sorted(keys)]
        place.http.ask_all([Request("DELETE", path) for path in paths])

    def close(self) -> None:
        """Nothing of it is on this machine."""
