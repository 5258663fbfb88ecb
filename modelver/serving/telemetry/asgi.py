"""Response headers that name the version, for ASGI: FastAPI, Starlette, Litestar, Quart, Django."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import TypeAlias, cast

from modelver.serving.telemetry.headers import HEADERS, Fields, Telemetry, noting

Message: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


class ASGIVersionHeaders:
    """Adds headers to each response that name the version which computed it.

    ``X-Model-Name``, ``X-Model-Version``, ``X-Model-Digest`` and ``X-Model-Alias`` name what was used by `Follower.use`
    in the request, in its threads and tasks too. Where it used several versions each field names them all, divided by
    commas, in the order of their first use; where it used none there are no such fields. Websockets pass through.

    Args:
        app: The application; such as ``app.add_middleware(mv.ASGIVersionHeaders)`` gives it.
        headers: Per key of `ModelVersion.telemetry` the header's name.
        wait: Where no version was used yet when the response starts, wait for its first part: what streams its answer
            often begins to use the model only there. A server needs no response to start before its first part.

    Raises:
        InvalidValue: `headers` names no key of telemetry, or what can't be a header's name.
    """

    def __init__(self, app: App, *, headers: Mapping[str, str] = HEADERS, wait: bool = True) -> None:
        self._app = app
        self._fields = Fields(headers)
        self._wait = wait

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response = _Response(send, self._fields, wait=self._wait)
        with noting(response.used):
            await self._app(scope, receive, response.send)
        await response.start()


class _Response:
    """A response on its way out; where it fails before its first part, the server is free to send another."""

    def __init__(self, send: Send, fields: Fields, *, wait: bool) -> None:
        self.used: list[Telemetry] = []
        self._send = send
        self._fields = fields
        self._wait = wait
        self._held: Message | None = None

    async def send(self, message: Message) -> None:
        await self.start()
        if message["type"] != "http.response.start":
            await self._send(message)
            return
        self._held = message
        if self.used or not self._wait:
            await self.start()

    async def start(self) -> None:
        """Send the start, if it was held back."""
        held, self._held = self._held, None
        if held is not None:
            headers = cast("Iterable[tuple[bytes, bytes]]", held.get("headers", ()))
            texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
            added = self._fields.added(texts, self.used)
            named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in added]
            await self._send({**held, "headers": named})
