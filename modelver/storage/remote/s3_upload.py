"""Objects of S3 in parts: begun once, gone on with after a break (Amazon S3 user guide, "Multipart upload")."""

import binascii
import hashlib
from typing import Any, Protocol

import attrs

from modelver.storage.remote.bucket import Fault, Trouble, part_size, parts_at_once


class Caller(Protocol):
    """What an upload needs of its bucket."""

    def call(self, verb: str, key: str, **options: object) -> dict[str, Any]:
        """Call a method of the client for a key."""
        ...

    def unfinished(self, key: str) -> tuple[str, ...]:
        """Return the ids of uploads of a key that were begun and not ended, the newest first."""
        ...

    def trouble(self, error: Exception) -> Trouble:
        """Say what an error of the client means."""
        ...


@attrs.frozen
class _Part:
    """A part that the store has."""

    etag: str
    checksum: str


class S3Upload:
    """An upload in parts; its steps raise botocore's errors. See `Upload`."""

    def __init__(self, bucket: Caller, key: str, size: int) -> None:
        self._bucket = bucket
        self._key = key
        self._size = size
        self.part_size = part_size(size)
        self.at_once = parts_at_once(self.part_size)
        self._parts: dict[int, _Part] = {}
        self._id = self._resumed() or self._begun()

    def _resumed(self) -> str | None:
        """Return the newest upload that was broken off, if there is one and we may see it; take note of its parts."""
        from botocore.exceptions import ClientError

        try:
            for upload in self._bucket.unfinished(self._key):
                parts = self._listed(upload)
                if parts is not None:
                    self._parts = parts
                    return upload
        except ClientError as error:  # an optional right, and some look-alikes lack the verb
            if self._bucket.trouble(error).fault is Fault.AGAIN:
                raise
        return None

    def _begun(self) -> str:
        answer = self._bucket.call("create_multipart_upload", self._key, ChecksumAlgorithm="CRC32C")
        return str(answer["UploadId"])

    def _listed(self, upload: str) -> dict[int, _Part] | None:
        """Return the parts of an upload; None where they are cut otherwise."""
        found: dict[int, _Part] = {}
        more: dict[str, object] = {}
        while True:
            page = self._bucket.call("list_parts", self._key, UploadId=upload, **more)
            for part in page.get("Parts", ()):
                number = part["PartNumber"] - 1
                length = min(self.part_size, self._size - number * self.part_size)
                if part["Size"] != length:
                    return None
                found[number] = _Part(part["ETag"], part.get("ChecksumCRC32C", ""))
            if not page.get("IsTruncated"):
                return found
            more = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def send(self, number: int, data: bytes) -> bool:
        """Send a part, unless the store has it; the store checks its CRC-32C."""
        checksum = crc32c(data)
        there = self._parts.get(number)
        if there and _is(there, data, checksum):
            self._parts[number] = _Part(there.etag, checksum)
            return False
        answer = self._bucket.call(
            "upload_part",
            self._key,
            UploadId=self._id,
            PartNumber=number + 1,
            Body=data,
            ChecksumCRC32C=checksum,
        )
        self._parts[number] = _Part(answer["ETag"], checksum)
        return True

    def finish(self) -> None:
        """Make an object of the parts, unless there is one."""
        parts = [
            {"PartNumber": number + 1, "ETag": part.etag, "ChecksumCRC32C": part.checksum}
            for number, part in sorted(self._parts.items())
        ]
        self._bucket.call(
            "complete_multipart_upload",
            self._key,
            UploadId=self._id,
            MultipartUpload={"Parts": parts},
            IfNoneMatch="*",
        )

    def abort(self) -> None:
        """Give the upload up."""
        self._bucket.call("abort_multipart_upload", self._key, UploadId=self._id)

    def close(self) -> None:
        """Nothing of it is on this machine."""


def _is(part: _Part, data: bytes, checksum: str) -> bool:
    """Tell whether a part has these bytes, by its CRC-32C where that is listed, else by its ETag, mostly an MD5."""
    if part.checksum:
        return part.checksum == checksum
    return part.etag.strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest()


def crc32c(data: bytes) -> str:
    """Return a CRC-32C (RFC 9260, appendix A) as S3 wants it: base64 of four bytes, big-endian."""
    import google_crc32c

    return binascii.b2a_base64(google_crc32c.value(data).to_bytes(4, "big"), newline=False).decode()
