"""Requests of the JSON API of Google Cloud Storage: gcsfs brings credentials, addresses and connections, and no more.

gcsfs's own verbs repeat each request up to six times without a word, so that nobody knew what had happened, and ask the
Storage Control API about the kind of bucket first. Here each verb is one request.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import attrs

from modelver.storage.failures import told
from modelver.storage.remote.bucket import Fault, TooLarge, Trouble
from modelver.storage.remote.loop import Dates, Loop

_AT_ONCE = 16
_PIECE = 2**20
_BOUNDARY = "modelver-f4d8a1c5b7e24f0e"
_STATUSES: dict[int, Fault] = {
    HTTPStatus.NOT_FOUND: Fault.MISSING,
    HTTPStatus.PRECONDITION_FAILED: Fault.EXISTS,
    HTTPStatus.REQUEST_TIMEOUT: Fault.AGAIN,
    HTTPStatus.CONFLICT: Fault.AGAIN,
    HTTPStatus.TOO_MANY_REQUESTS: Fault.AGAIN,
    HTTPStatus.UNAUTHORIZED: Fault.DENIED,
    HTTPStatus.FORBIDDEN: Fault.DENIED,
}


class Refusal(Exception):
    """An answer that says no.

    Args:
        status: Its HTTP status.
        text: What the service says.
        of_bucket: Whether the bucket was asked, and no object in it.
    """

    def __init__(self, status: int, text: str, *, of_bucket: bool = False) -> None:
        super().__init__(f"{text.strip()} (HTTP {status})")
        self.status = status
        self.of_bucket = of_bucket or text.startswith("The specified bucket does not exist")


class Ended(Exception):
    """Parts of an upload are gone."""


@attrs.frozen
class Request:
    """What is asked.

    Attributes:
        method: Of HTTP.
        path: After the address of the service, quoted.
        params: The query; what is None is left out.
        headers: Besides the credentials.
        body: In pieces.
        limit: Bytes of the answer at most.
    """

    method: str
    path: str
    params: Mapping[str, str | None] = {}
    headers: Mapping[str, str] = {}
    body: Sequence[bytes | memoryview] = ()
    limit: int | None = None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(len(piece) for piece in self.body)


class GcsHttp:
    """Sends requests, from any thread.

    Args:
        filesystem: A `gcsfs.GCSFileSystem` of our own, made in this process.
        timeout: Seconds that one request may wait for an answer.
    """

    def __init__(self, filesystem: Any, timeout: float) -> None:
        self._filesystem = filesystem
        self._loop = Loop(filesystem, timeout)
        self._timeout = timeout
        self.dates = Dates()
        self.location = str(filesystem._location)  # noqa: SLF001 (nothing else tells; it may come from the environment)

    def ask(self, request: Request) -> bytes:
        """Return the body of the answer.

        Raises:
            Refusal: It was no.
            TooLarge: It is larger than the request allows; nothing of it was read.
        """
        login = self._login()
        return self._loop.run(lambda: self._answer(request, login), request.size + (request.limit or 0))

    def ask_json(self, method: str, path: str, body: object = None, **params: str | None) -> Any:
        """Return an answer of the API, understood.

        Args:
            method: Of HTTP.
            path: After ``storage/v1/``.
            body: What is sent, as JSON.
            **params: The query.
        """
        request = Request(method, f"storage/v1/{path}", params, *_as_json(body))
        answer = self.ask(request)
        return json.loads(answer) if answer else None

    def ask_all(self, requests: Iterable[Request]) -> tuple[bytes | BaseException, ...]:
        """Return the answers to small requests, which are sent several at once, and the errors."""
        login, gate = self._login(), asyncio.Semaphore(_AT_ONCE)
        asked = tuple(requests)

        async def ask(request: Request) -> bytes:
            async with gate:
                return await self._answer(request, login)

        async def all_of_them() -> tuple[bytes | BaseException, ...]:
            return tuple(await asyncio.gather(*map(ask, asked), return_exceptions=True))

        return self._loop.run(all_of_them, requests=max(1, -(-len(asked) // _AT_ONCE)))

    def _login(self) -> dict[str, str]:
        """Return the headers that say who asks; a token that is old is renewed here, not on the loop of all stores."""
        headers: dict[str, str] = {}
        self._filesystem.credentials.apply(headers)
        return headers

    async def _answer(self, request: Request, login: Mapping[str, str]) -> bytes:
        from aiohttp import ClientTimeout

        session = await self._filesystem._set_session()  # noqa: SLF001 (it may present a certificate)
        length = {"Content-Length": str(request.size)} if request.body else {}
        async with session.request(
            request.method,
            f"{self.location}/{request.path}",
            params=self._filesystem._get_params(request.params),  # noqa: SLF001 (who pays, where the requester does)
            headers={"Accept-Encoding": "identity", **length, **request.headers, **login},
            data=_pieces(request.body) if request.body else None,
            timeout=ClientTimeout(None, sock_connect=min(5.0, self._timeout), sock_read=self._timeout),
        ) as answer:
            self.dates.note(answer.headers.get("Date"))
            if answer.status >= HTTPStatus.BAD_REQUEST:
                reason = _reason(await answer.read())
                raise Refusal(answer.status, reason, of_bucket="/o/" not in request.path)
            size = answer.content_length
            if request.limit is not None and (size is None or size > request.limit):
                raise TooLarge("an unknown number of" if size is None else size)
            data: bytes = await answer.read()
            return data


def object_path(bucket: str, name: str) -> str:
    """Return the path of an object, after ``storage/v1/``."""
    return f"b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


def insertion(bucket: str, name: str, data: bytes, *, new: bool) -> Request:
    """Return what uploads an object in one request; the service compares its CRC-32C.

    The rule is that of the API's reference, "Objects: insert", with ``uploadType=multipart``.

    Args:
        bucket: Where.
        name: The object's.
        data: Its bytes.
        new: Whether it is refused where an object is there.
    """
    from modelver.storage.remote.s3_upload import crc32c

    about = {"name": name, "contentType": "application/octet-stream", "crc32c": crc32c(data)}
    head = (
        f"--{_BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(about)}\r\n"
        f"--{_BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    return Request(
        "POST",
        f"upload/storage/v1/b/{quote(bucket, safe='')}/o",
        {"uploadType": "multipart", "ifGenerationMatch": "0" if new else None, "fields": "size"},
        {"Content-Type": f'multipart/related; boundary="{_BOUNDARY}"'},
        (head.encode(), data, f"\r\n--{_BOUNDARY}--\r\n".encode()),
    )


def _as_json(body: object) -> tuple[Mapping[str, str], Sequence[bytes]]:
    """Return headers and body."""
    if body is None:
        return {}, ()
    return {"Content-Type": "application/json"}, (json.dumps(body).encode(),)


async def _pieces(body: Sequence[bytes | memoryview]) -> AsyncIterator[memoryview]:
    """Yield a body in pieces that don't keep the loop from its other work."""
    for part in body:
        view = memoryview(part)
        for start in range(0, len(view), _PIECE):
            yield view[start : start + _PIECE]


def _reason(body: bytes) -> str:
    """Return what the service says about a refusal."""
    text = body.decode(errors="replace")
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text or "no reason given"


def trouble(error: Exception) -> Trouble:
    """Say what an error of a request means (Cloud Storage JSON API, "HTTP status and error codes")."""
    from aiohttp import ClientConnectorError, ClientError
    from gcsfs.retry import HttpError
    from google.auth.exceptions import TransportError

    text = told(error)
    if isinstance(error, Refusal):
        return Trouble(_fault(error), text)
    if isinstance(error, Ended):
        return Trouble(Fault.ENDED, text)
    if isinstance(error, ClientConnectorError | TransportError):
        return Trouble(Fault.NOT_SENT, text)
    if isinstance(error, HttpError):  # a token could not be renewed
        again = getattr(error.__cause__, "retryable", False)
        return Trouble(Fault.NOT_SENT if again else Fault.DENIED, text)
    return Trouble(Fault.AGAIN if isinstance(error, ClientError | OSError) else Fault.OTHER, text)


def _fault(error: Refusal) -> Fault:
    if error.status == HTTPStatus.NOT_FOUND and error.of_bucket:
        return Fault.NO_PLACE
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Fault.AGAIN
    return _STATUSES.get(error.status, Fault.OTHER)
