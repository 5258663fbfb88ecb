"""S3 and what speaks its protocol, through botocore, on which s3fs stands too (docs/decisions)."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Self

from modelver.storage.failures import told
from modelver.storage.remote.bucket import Fault, TooLarge, Trouble, part_size
from modelver.storage.remote.loop import Dates
from modelver.storage.remote.s3_options import S3Options, make_client
from modelver.storage.remote.s3_upload import S3Upload, crc32c
from modelver.storage.remote.words import check_size
from modelver.storage.store import Entry, Guarantees

GUARANTEES = Guarantees(
    exclusive_create=True, strong_listing=True, durable=True, range_reads=True, server_side_copy=True
)
_CODES = {
    "NoSuchBucket": Fault.NO_PLACE,
    "NoSuchUpload": Fault.ENDED,
    "NoSuchKey": Fault.MISSING,
    "RequestTimeout": Fault.AGAIN,
    "BadDigest": Fault.AGAIN,  # damaged on the way
    **dict.fromkeys(("InvalidAccessKeyId", "ExpiredToken", "InvalidToken"), Fault.DENIED),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "RequestTimeTooSkewed"), Fault.DENIED),
}
_STATUSES: dict[int, Fault] = {
    HTTPStatus.NOT_FOUND: Fault.MISSING,
    HTTPStatus.PRECONDITION_FAILED: Fault.EXISTS,
    HTTPStatus.CONFLICT: Fault.AGAIN,
    HTTPStatus.REQUEST_TIMEOUT: Fault.AGAIN,
    HTTPStatus.TOO_MANY_REQUESTS: Fault.AGAIN,
    HTTPStatus.UNAUTHORIZED: Fault.DENIED,
    HTTPStatus.FORBIDDEN: Fault.DENIED,
}
_LARGEST_COPY = 5 * 2**30


class S3Bucket:
    """A prefix of a bucket.

    Args:
        bucket: Its name.
        prefix: Empty, or with a final slash.
        options: How to reach it.
        timeout: Seconds that one request may wait for an answer.
    """

    guarantees = GUARANTEES
    single = part_size(0)
    names: Mapping[str, str] = {}

    def __init__(self, bucket: str, prefix: str, options: S3Options, timeout: float) -> None:
        self.url = f"s3://{bucket}/{prefix}".rstrip("/")
        self.bucket = bucket
        self.prefix = prefix
        self._client = make_client(options, timeout)
        self._dates = Dates()
        self._client.meta.events.register("after-call.s3", self._note_date)
        self._extra = options.additional
        self.client = options.version
        self.endpoint = str(self._client.meta.endpoint_url)

    def name(self, key: str) -> str:
        """Return an object's whole name in the bucket."""
        return self.prefix + self.names.get(key, key)

    def get(self, key: str, limit: int) -> bytes:
        """Return an object whole."""
        answer = self.call("get_object", key)
        # As a context manager a body is urllib3's own, which neither checks its length nor raises botocore's errors.
        with closing(answer["Body"]) as body:
            size: int = answer["ContentLength"]
            if size > limit:
                raise TooLarge(size)
            data: bytes = body.read()
        return data

    def size(self, key: str) -> int:
        """Return an object's size."""
        size: int = self.call("head_object", key)["ContentLength"]
        return size

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return bytes of an object."""
        answer = self.call("get_object", key, Range=f"bytes={offset}-{offset + length - 1}")
        with closing(answer["Body"]) as body:
            # Without a length the client compares what came with what was announced, and notices a reply that broke off.
            data: bytes = body.read() if answer["ContentLength"] <= length else body.read(length)
        return data

    def list(self, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the objects after a key."""
        for page in self._pages(prefix, StartAfter=self.prefix + after if after else ""):
            for found in page.get("Contents", ()):
                key = found["Key"].removeprefix(self.prefix)
                if key > after and not key.endswith("/"):
                    yield Entry(key, found["Size"])

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names between a prefix and the next slash."""
        for page in self._pages(prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"].removeprefix(self.prefix + prefix).rstrip("/")

    def _pages(self, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
        given = {name: value for name, value in options.items() if value}
        more: dict[str, str] = {}
        while True:
            page = self._client.list_objects_v2(
                Bucket=self.bucket,
                Prefix=self.prefix + prefix,
                **self._extra_for("list_objects_v2"),
                **given,
                **more,
            )
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def create(self, key: str, data: bytes, sha256: str | None) -> None:
        """Create an object; the store checks its digest, or its CRC-32C."""
        checksum = (
            {"ChecksumSHA256": base64.b64encode(bytes.fromhex(sha256)).decode()}
            if sha256
            else {"ChecksumCRC32C": crc32c(data)}
        )
        self.call("put_object", key, Body=data, IfNoneMatch="*", **checksum)

    def replace(self, key: str, data: bytes) -> None:
        """Write an object, whatever is there; the store checks its CRC-32C."""
        self.call("put_object", key, Body=data, ChecksumCRC32C=crc32c(data))

    def upload(self, key: str, size: int) -> S3Upload:
        """Begin an upload in parts, or go on with the newest one that was broken off."""
        return S3Upload(self, key, size)

    def copy_from(self, source: Self, key: str) -> bool:
        """Copy an object within one endpoint; one that is there is kept, since a copy knows no condition."""
        if source.endpoint != self.endpoint or (size := source.size(key)) > _LARGEST_COPY:
            return False
        if (found := self._size_if_there(key)) is not None:
            check_size(f"{self.url}/{key}", size, found)
            return True
        place = {"Bucket": source.bucket, "Key": source.name(key)}
        self.call("copy_object", key, CopySource=place)
        return True

    def _size_if_there(self, key: str) -> int | None:
        try:
            return self.size(key)
        except Exception as error:
            if self.trouble(error).fault is Fault.MISSING:
                return None
            raise

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.call("delete_object", key)

    def clock(self) -> datetime:
        """Return the server's time, by its newest answer."""
        if (now := self._dates.now()) is not None:
            return now
        self._client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix, MaxKeys=1)
        return self._dates.now() or datetime.now(UTC)

    def _note_date(self, http_response: Any, **_: object) -> None:
        self._dates.note(http_response.headers.get("date"))

    def call(self, verb: str, key: str, **options: object) -> dict[str, Any]:
        """Call a method of the client for a key."""
        method: Callable[..., dict[str, Any]] = getattr(self._client, verb)
        return method(Bucket=self.bucket, Key=self.name(key), **self._extra_for(verb), **options)

    def _extra_for(self, verb: str) -> dict[str, object]:
        """Return those of the user's additional arguments that a method takes."""
        if not self._extra:
            return {}
        operation = self._client.meta.method_to_api_mapping[verb]
        takes = self._client.meta.service_model.operation_model(operation).input_shape.members
        return {name: value for name, value in self._extra.items() if name in takes}

    def unfinished(self, key: str) -> tuple[str, ...]:
        """Return the ids of uploads of a key that were begun and not ended, the newest first."""
        name = self.name(key)
        found = self._client.list_multipart_uploads(Bucket=self.bucket, Prefix=name)
        uploads = [each for each in found.get("Uploads", ()) if each["Key"] == name]
        uploads.sort(key=lambda each: str(each.get("Initiated", "")), reverse=True)
        return tuple(each["UploadId"] for each in uploads)

    def trouble(self, error: Exception) -> Trouble:
        """Say what an error of botocore means (Amazon S3 API reference, "Error responses")."""
        from botocore import exceptions

        if isinstance(error, exceptions.ClientError):
            return _answered(error)
        if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
            return Trouble(Fault.NOT_SENT, told(error))
        if isinstance(error, exceptions.HTTPClientError | exceptions.IncompleteReadError):
            return Trouble(Fault.AGAIN, told(error))
        if isinstance(error, exceptions.ResponseStreamingError | exceptions.ReadTimeoutError | OSError):
            return Trouble(Fault.AGAIN, told(error))
        if isinstance(error, exceptions.NoCredentialsError | exceptions.CredentialRetrievalError):
            return Trouble(Fault.DENIED, told(error))
        return Trouble(Fault.OTHER, told(error))


def _answered(error: Any) -> Trouble:
    """Say what the store's answer means."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    # A conflict with another conditional write: nothing was done (Amazon S3 user guide, "Conditional writes").
    return Trouble(_fault(code, status), told(error), nothing_done=status == HTTPStatus.CONFLICT)


def _fault(code: str, status: int) -> Fault:
    if code in _CODES:
        return _CODES[code]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Fault.AGAIN
    return _STATUSES.get(status, Fault.OTHER)
