"""A real receiver of webhooks on the loopback, which answers as it is told."""

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from standardwebhooks.webhooks import Webhook

PATIENCE = 60.0
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw=="
OTHER_SECRET = "whsec_" + "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItby0="


class Request(NamedTuple):
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        """The event in it."""
        return json.loads(self.body)

    def verified(self, secret: str = SECRET) -> Any:
        """Return the event, verified by the real library."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@contextmanager
def deaf_port() -> Iterator[int]:
    """Give a port on which nobody listens but a `Receiver` of its own, and which no other process can take meanwhile."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


class Receiver(ThreadingHTTPServer):
    """Runs in a thread while the context lasts.

    Attributes:
        received: The requests, in the order in which they came.
        answers: Statuses and headers of the next answers; 204 when they are used up.
        held: While it is cleared, answers wait.
    """

    daemon_threads = False
    block_on_close = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.received: list[Request] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self.held = threading.Event()
        self.held.set()
        self.came = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.held.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def types(self) -> list[str]:
        """The types of the events that came, without what all have in common."""
        return [str(request.event["type"]).removeprefix("dev.modelver.") for request in self.received]

    def wait_for(self, count: int) -> list[Request]:
        """Wait until so many requests came."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.received) >= count, PATIENCE)
        return self.received

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be quiet about clients that leave."""


class Handler(BaseHTTPRequestHandler):
    """Takes what is posted."""

    @property
    def receiver(self) -> Receiver:
        """The receiver that it belongs to."""
        assert isinstance(self.server, Receiver)
        return self.server

    def do_POST(self) -> None:
        """Remember a request, and answer it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.receiver.came:
            self.receiver.received.append(Request(self.path, dict(self.headers), body))
            self.receiver.came.notify_all()
            status, headers = self.receiver.answers.popleft() if self.receiver.answers else (204, {})
        self.receiver.held.wait(PATIENCE)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Say nothing."""
