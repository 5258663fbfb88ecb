"""Azure Blob Storage, through the client of azure-storage-blob that adlfs makes: adlfs knows credentials and addresses.

Each verb is one request: adlfs's own would ask twice for a missing object. Its client would send a request again by
itself, and so would aiohttp below it; then a writer whose reply was lost is told that the name is taken, as was seen with
2 of 40 creates. Both are switched off: the first by ``retry_total=0`` with every request, the second in the session. A
create is one Put Blob with ``If-None-Match: *`` and a Content-MD5, which the service compares (Azure Blob Storage REST
API, "Put Blob").

The service lists at most 5,000 names a page, and can't begin after a name: ``startFrom`` (version 2026-02-06) is offered
by the client, but Azurite ignores it, so what it does is not proved, and names are left out here instead. Accounts with a
hierarchical namespace keep folders as blobs and may list them in another order; that too is known from the documentation
only.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Self, TypeVar

from modelver.storage.remote.azure_faults import NoObject, trouble
from modelver.storage.remote.azure_upload import AzureUpload
from modelver.storage.remote.bucket import TooLarge, Trouble, part_size
from modelver.storage.remote.loop import Dates, Loop
from modelver.storage.remote.words import check_size
from modelver.storage.store import Entry, Guarantees

T = TypeVar("T")
GUARANTEES = Guarantees(
    exclusive_create=True, strong_listing=True, durable=True, range_reads=True, server_side_copy=True
)
_FOLDER = "hdi_isfolder"
"""The mark of a folder in an account with a hierarchical namespace, which is a blob of no bytes."""

_MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class AzureContainer:
    """A prefix of a container.

    Args:
        container: Its name.
        prefix: Empty, or with a final slash.
        filesystem: An `adlfs.AzureBlobFileSystem` of our own, made in this process.
        timeout: Seconds that one request may wait for an answer.
    """

    guarantees = GUARANTEES
    single = part_size(0)
    names: Mapping[str, str] = {}

    def __init__(self, container: str, prefix: str, filesystem: Any, timeout: float) -> None:
        self.url = f"az://{container}/{prefix}".rstrip("/")
        self.container = container
        self.prefix = prefix
        self.client = f"adlfs {version('adlfs')}, azure-storage-blob {version('azure-storage-blob')}"
        self._filesystem = filesystem  # it closes its connections when it is dropped
        self._service = filesystem.service_client
        self._loop = Loop(filesystem, timeout)
        self._dates = Dates()
        self.options: dict[str, Any] = {
            "retry_total": 0,
            "connection_timeout": min(5.0, timeout),
            "read_timeout": timeout,
            "raw_response_hook": self._note,
        }
        self.run(self._sends_once)

    async def _sends_once(self) -> None:
        """Keep aiohttp from sending a PUT again where a kept connection breaks (RFC 9110, section 9.2.2, allows it)."""
        transport = self._service._pipeline._transport  # noqa: SLF001 (neither client has a public way)
        await transport.open()
        if hasattr(transport.session, "_retry_connection"):  # which older releases lack, with the habit
            transport.session._retry_connection = False  # noqa: SLF001 (as above)

    def blob(self, key: str) -> Any:
        """Return the client of a blob."""
        return self._service.get_blob_client(self.container, self.prefix + self.names.get(key, key))

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], size: int = 0) -> T:
        """Return what a coroutine returns that sends or receives so many bytes."""
        return self._loop.run(work, size)

    def _note(self, response: Any) -> None:
        self._dates.note(response.http_response.headers.get("Date"))

    def get(self, key: str, limit: int) -> bytes:
        """Return an object whole; of one that is too large, not more than `limit` bytes are on their way."""
        return self.run(lambda: self._whole(key, limit), limit)

    async def _whole(self, key: str, limit: int) -> bytes:
        from azure.core.exceptions import HttpResponseError

        try:
            stream = await self._stream(key, 0, max(1, limit))
        except HttpResponseError as error:
            if error.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""  # only an empty object has no first byte
            raise
        size = int(stream.properties.content_range.rpartition("/")[2])
        if size > limit:
            raise TooLarge(size)
        data: bytes = await stream.readall()
        return data

    async def _stream(self, key: str, offset: int, length: int) -> Any:
        """Ask for a range; its first 32 MiB come with the answer."""
        stream = await self.blob(key).download_blob(offset, length, **self.options)
        _check_whole(stream.properties)
        return stream

    def size(self, key: str) -> int:
        """Return an object's size."""
        return self.run(lambda: self._size(key))

    async def _size(self, key: str) -> int:
        properties = await self.blob(key).get_blob_properties(**self.options)
        _check_whole(properties)
        size: int = properties.size
        return size

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Return bytes of an object."""

        async def read() -> bytes:
            stream = await self._stream(key, offset, length)
            data: bytes = await stream.readall()
            return data

        return self.run(read, length)

    def list(self, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the objects after a key.

        Where folders are blobs, they come before what is in them, and after what sorts before them; so from the first
        one on, and not before, the order of whole keys may be broken, and is made here.
        """
        pages = self._client().list_blobs(self.prefix + prefix, include=["metadata"], **self.options)
        folders, late = False, list[Entry]()
        for page in self._pages(pages):
            for found in page:
                if _is_folder(found):
                    folders = True
                    continue
                entry = Entry(found.name.removeprefix(self.prefix), found.size)
                if entry.key > after and folders:
                    late.append(entry)
                elif entry.key > after:
                    yield entry
        yield from sorted(late, key=lambda entry: entry.key)

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names between a prefix and the next slash."""
        from azure.storage.blob.aio import BlobPrefix

        found = self._client().walk_blobs(self.prefix + prefix, delimiter="/", **self.options)
        for page in self._pages(found):
            for each in page:
                if isinstance(each, BlobPrefix):
                    yield each.name.removeprefix(self.prefix + prefix).rstrip("/")

    def _client(self) -> Any:
        return self._service.get_container_client(self.container)

    def _pages(self, found: Any) -> Iterator[Sequence[Any]]:
        """Yield the pages of a listing, each with one request."""
        pages: AsyncIterator[Any] = found.by_page()

        async def following() -> Sequence[Any] | None:
            async for page in pages:
                return [each async for each in page]
            return None

        while (page := self.run(following)) is not None:
            yield page

    def create(self, key: str, data: bytes, sha256: str | None) -> None:  # noqa: ARG002 (the service takes an MD5)
        """Create an object; the service checks its MD5."""
        self.run(
            lambda: self.blob(key).upload_blob(
                data, length=len(data), overwrite=False, validate_content=True, **self.options
            ),
            len(data),
        )

    def replace(self, key: str, data: bytes) -> None:
        """Write an object, whatever is there; the service checks its MD5."""
        self.run(
            lambda: self.blob(key).upload_blob(
                data, length=len(data), overwrite=True, validate_content=True, **self.options
            ),
            len(data),
        )

    def upload(self, key: str, size: int) -> AzureUpload:
        """Begin an upload in parts, or go on with one that was broken off."""
        return AzureUpload(self, key, size)

    def copy_from(self, source: Self, key: str) -> bool:
        """Copy an object within one account."""
        if source.account != self.account:
            return False
        return self.run(lambda: self._copy(source, key), 2**30)

    @property
    def account(self) -> str:
        """The address of the account, with no key to it."""
        return f"{self._service.primary_hostname} {self._service.account_name}"

    async def _copy(self, source: Self, key: str) -> bool:
        import asyncio

        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceExistsError

        size = await source._size(key)
        blob = self.blob(key)
        try:
            answer = await blob.start_copy_from_url(
                source.blob(key).url, match_condition=MatchConditions.IfMissing, **self.options
            )
            status = answer["copy_status"]
            while status == "pending":
                await asyncio.sleep(0.2)
                status = (await blob.get_blob_properties(**self.options)).copy.status
        except ResourceExistsError:
            await self._check_size(key, size)
            return True
        except HttpResponseError as error:
            if error.status_code in _MISSING:
                return False  # the service may not read the source with our credentials
            raise
        if status != "success":
            await blob.delete_blob(**self.options)
        return bool(status == "success")

    async def _check_size(self, key: str, size: int) -> None:
        check_size(f"{self.url}/{key}", size, await self._size(key))

    def delete(self, key: str) -> None:
        """Delete an object, with its snapshots."""
        self.run(lambda: self.blob(key).delete_blob(delete_snapshots="include", **self.options))

    def clock(self) -> datetime:
        """Return the server's time, by its newest answer."""
        if (now := self._dates.now()) is not None:
            return now
        found = self._client().list_blobs(self.prefix, results_per_page=1, **self.options)
        next(self._pages(found), None)
        return self._dates.now() or datetime.now(UTC)

    def trouble(self, error: Exception) -> Trouble:
        """Say what an error of the client means (Azure Blob Storage REST API, "Blob service error codes")."""
        return trouble(error)


def _is_folder(properties: Any) -> bool:
    return (properties.metadata or {}).get(_FOLDER) == "true" or properties.name.endswith("/")


def _check_whole(properties: Any) -> None:
    """Refuse what is no object, or not yet: a folder, and a copy that the service still makes."""
    if (properties.metadata or {}).get(_FOLDER) == "true" or properties.copy.status not in {None, "success"}:
        raise NoObject("no complete object")
