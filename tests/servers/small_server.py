"""A small real HTTP server, which does what its paths say."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BODY = bytes(range(256)) * 4096  # 1 MiB: more than what a proxy takes at once


class Server(ThreadingHTTPServer):
    """Runs in a thread while the context lasts, and remembers in `done` what it did: method, path and body."""

    daemon_threads = False  # so that closing waits for all of them
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.done: list[tuple[str, str, bytes]] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop, and leave no thread and no socket."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be quiet about clients that leave: that is what the proxy is for."""


class Handler(BaseHTTPRequestHandler):
    """Answers a PUT with its body's size and a GET with `BODY`, in the way that the path asks for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_PUT(self) -> None:
        """Take a body."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size + 2)[:size]
            self.rfile.readline()
        else:
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if len(body) < size:
                self.close_connection = True
                return
        self.server.done.append((self.command, self.path, body))
        self.answer(str(len(body)).encode())

    def do_GET(self) -> None:
        """Give `BODY`."""
        self.server.done.append((self.command, self.path, b""))
        self.answer(BODY)

    def do_HEAD(self) -> None:
        """Give the head of it."""
        self.do_GET()

    def answer(self, body: bytes) -> None:
        """Send a body whole, in chunks, or up to the end of the connection."""
        self.send_response(200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%b\r\n7;a=b\r\n1234567\r\n0\r\nTrailer: 1\r\n\r\n" % (len(body), body)
        elif self.path == "/until-closed":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection |= self.path == "/then-leave"

    def log_message(self, *_: object) -> None:
        """Say nothing."""
