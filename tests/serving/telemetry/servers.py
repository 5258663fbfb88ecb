"""Real servers of the tests' applications, each in a thread, and a client."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import attrs
import uvicorn

from tests.serving.conftest import PATIENCE


@attrs.define
class Answer:
    """What a client got."""

    status: int
    header: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def model(self) -> dict[str, str]:
        """What is said of the model, by the end of each field's name; a field that comes twice is an error."""
        fields = [(name, value) for name, value in self.header if name.startswith("x-model-")]
        assert len(dict(fields)) == len(fields)
        return {name.removeprefix("x-model-"): value for name, value in fields}


def get(port: int, path: str) -> Answer:
    """Send a request."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as reply:
            header = [(name.lower(), value) for name, value in reply.getheaders()]
            return Answer(reply.status, header, reply.read())


@contextmanager
def uvicorn_of(app: Any) -> Iterator[int]:
    """Serve an ASGI application; give the port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.002)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        """Print nothing."""


@contextmanager
def wsgiref_of(app: Any, *, checked: bool = True) -> Iterator[int]:
    """Serve a WSGI application, which is checked against the specification too; give the port."""
    server = make_server("127.0.0.1", 0, validator(app) if checked else app, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
