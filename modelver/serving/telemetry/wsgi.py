"""Response headers that name the version, for WSGI: Flask, Django, Bottle."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Protocol, TypeAlias

from modelver.serving.telemetry.headers import HEADERS, Fields, Telemetry, noting

Environ: TypeAlias = dict[str, object]
Write: TypeAlias = Callable[[bytes], object]
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class StartResponse(Protocol):
    """What an application calls with its status and header."""

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = ..., /
    ) -> Write:
        """Take them; return the old-fashioned way to send the body."""
        ...


App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class WSGIVersionHeaders:
    """Adds headers to each response that name the version which computed it; see `ASGIVersionHeaders`.

    Args:
        app: The application; such as ``app.wsgi_app = mv.WSGIVersionHeaders(app.wsgi_app)``.
        headers: Per key of `ModelVersion.telemetry` the header's name.

    Raises:
        InvalidValue: `headers` names no key of telemetry, or what can't be a header's name.
    """

    def __init__(self, app: App, *, headers: Mapping[str, str] = HEADERS) -> None:
        self._app = app
        self._fields = Fields(headers)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        response = _Response(start_response, self._fields)
        with noting(response.used):
            parts = self._app(environ, response.start_response)
        wrapper = environ.get("wsgi.file_wrapper")
        is_file = isinstance(wrapper, type) and isinstance(parts, wrapper)
        if response.used or is_file or isinstance(parts, list | tuple):
            response.start()
        # A server sends a file, or a body of known length, better than one in parts.
        return parts if response.is_started else _Body(parts, response)


class _Response:
    """A response on its way out: its start waits for the first part of the body, as the server's own does."""

    def __init__(self, start_response: StartResponse, fields: Fields) -> None:
        self.used: list[Telemetry] = []
        self.is_started = False
        self._start_response = start_response
        self._fields = fields
        self._held: tuple[str, list[tuple[str, str]]] | None = None
        self._write: Write | None = None

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Write:
        if self.is_started:
            return self._start_response(status, headers, exc_info)
        self._held = (status, headers)
        return self.write

    def write(self, data: bytes) -> object:
        self.start()
        return self._write(data) if self._write is not None else None

    def start(self) -> None:
        """Tell the server the status and the header, if the application has told them."""
        held, self._held = self._held, None
        if held is not None:
            self.is_started = True
            status, headers = held
            self._write = self._start_response(status, self._fields.added(headers, self.used))


class _Body:
    """The parts of a body, each made where its use of a version is noted."""

    def __init__(self, parts: Iterable[bytes], response: _Response) -> None:
        self._parts = parts
        self._next = iter(parts)
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._response.is_started:
            return next(self._next)
        with noting(self._response.used):
            part = next(self._next, None)
        self._response.start()
        if part is None:
            raise StopIteration
        return part

    def close(self) -> None:
        """Close the application's own body."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            with noting(self._response.used):
                close()
