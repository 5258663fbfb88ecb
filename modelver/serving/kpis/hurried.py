"""Requests that end in time, however slowly a server drips: a socket's own timeout begins anew with each byte."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any


class Hurried(urllib.request.Request):
    """A request whose connection can be ended from another thread."""

    connection: HTTPConnection | None = None

    @contextmanager
    def ending(self, seconds: float) -> Iterator[None]:
        """End the connection after some time, so that whatever waits for it goes on."""

        def end() -> None:
            with suppress(OSError, AttributeError):  # it may be closed, or not open yet
                self.connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

        watch = threading.Timer(seconds, end)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()


class Plain(urllib.request.HTTPHandler):
    """Opens ``http://``, and tells the request of its connection."""

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Open it."""

        def connect(host: str, **arguments: Any) -> HTTPConnection:
            connection = HTTPConnection(host, **arguments)
            if isinstance(req, Hurried):
                req.connection = connection
            return connection

        return self.do_open(connect, req)


class Secure(urllib.request.HTTPSHandler):
    """Opens ``https://``, likewise."""

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Open it."""

        def connect(host: str, **arguments: Any) -> HTTPConnection:
            connection = HTTPSConnection(host, **arguments)
            if isinstance(req, Hurried):
                req.connection = connection
            return connection

        return self.do_open(connect, req)
