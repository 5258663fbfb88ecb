"""A proxy between an S3 client and a real server that injects faults by a seeded choice, and counts requests.

It forwards requests byte for byte, so that signatures (which cover the Host header) hold as long as the client was
given the proxy's own address. Each connection of a client is a thread with a connection of its own to the server.
"""

import contextlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

from tests.servers.wire import Head, Wire

KINDS = ("reset", "drop_reply", "error_after", "error_before", "delay", "truncate", "blackhole")
ERRORS = {
    429: ("Too Many Requests", "TooManyRequests"),
    500: ("Internal Server Error", "InternalError"),
    503: ("Service Unavailable", "SlowDown"),
}


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The rate of each kind of fault, 0.0 to 1.0; at most one fault strikes a request, so they add up to at most 1.

    Attributes:
        reset: Close with RST, half of the time before anything is forwarded, else half-way through the request's body.
        drop_reply: Let the server do it, swallow its reply and close.
        error_after: Let the server do it, then answer one of `after` instead.
        error_before: Read the request, forward nothing and answer one of `before`.
        delay: Wait for up to `longest_delay` seconds, then forward.
        truncate: Forward the reply's head and half of its body, if it has one, and close.
        blackhole: Read, and never answer.
        refuse: Be unreachable: hang up on everybody, and refuse connections.
        only: Which requests may be struck, by method and path with query; `None` for all.
        only_range: How their header `Range` begins, such as "bytes=100-"; "" for all.
    """

    reset: float = 0.0
    drop_reply: float = 0.0
    error_after: float = 0.0
    error_before: float = 0.0
    delay: float = 0.0
    truncate: float = 0.0
    blackhole: float = 0.0
    refuse: bool = False
    longest_delay: float = 0.2
    before: tuple[int, ...] = (500, 503, 429)
    after: tuple[int, ...] = (500, 503)
    only: Callable[[str, str], bool] | None = None
    only_range: str = ""

    def __post_init__(self) -> None:
        """Refuse rates that cannot all be kept."""
        rates = [getattr(self, kind) for kind in KINDS]
        if min(rates) < 0 or sum(rates) > 1 + 1e-9:
            raise ValueError(f"rates have to be 0 or more and add up to 1 at most: {self}")

    def pick(self, spin: float) -> str:
        """Return the kind of fault that a number in [0, 1) stands for, "" for none."""
        for kind in KINDS:
            if spin < getattr(self, kind):
                return kind
            spin -= getattr(self, kind)
        return ""


NO_FAULTS = Faults()
SLATEDB_FAULTS = Faults(reset=0.15, error_before=0.15, before=(503, 503, 429))
"""The rates of SlateDB's chaos runs: 15 % resets, 10 % 503, 5 % 429."""


class Logged(NamedTuple):
    """One request as it arrived: `path` has its query, `fault` is "" where there was none."""

    method: str
    path: str
    fault: str


class FaultProxy:
    """A running proxy on a free loopback port; close it, or use it as a context manager.

    The n-th request meets the same fault for the same seed and the same rates.

    Attributes:
        host, port, url: Where it listens; `url` is "http://127.0.0.1:port".
        log: Each request in the order of arrival.
        requests: How many requests, by `(method, fault)`.
        sent_to_server, received_from_server: Bytes, with the heads.
        hung_up: Set while it is unreachable or closed.
    """

    host = "127.0.0.1"

    def __init__(
        self, target_host: str, target_port: int, faults: Faults = SLATEDB_FAULTS, seed: int = 0
    ) -> None:
        self._target = (target_host, target_port)
        self._random = random.Random(seed)  # noqa: S311 - faults have to be repeatable, not secret
        self._lock = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.hung_up = threading.Event()
        self._listener: socket.socket | None = None
        self.clear()
        # It never listens: it keeps the port ours while connections are refused.
        self._holder = self._bound(0)
        self.port: int = self._holder.getsockname()[1]
        self.url = f"http://{self.host}:{self.port}"
        self.faults = faults

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def clear(self) -> None:
        """Begin to count anew."""
        with self._lock:
            self.log: list[Logged] = []
            self.requests: Counter[tuple[str, str]] = Counter()
            self.sent_to_server = self.received_from_server = 0

    def close(self) -> None:
        """Hang up on everybody, and leave no thread and no socket."""
        self._hang_up()
        self._holder.close()

    @property
    def faults(self) -> Faults:
        """The rates for requests from now on; what is under way goes on as it began, except that `refuse` ends it."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        if faults.refuse:
            self._hang_up()
        elif self._listener is None:
            self._listen()

    def choose(self, method: str, path: str, wanted: str = "") -> tuple[Faults, str, float]:
        """Log a request and choose its fault, with a number in [0, 1) for what else is left to chance."""
        with self._lock:
            faults, spin, chance = self._faults, self._random.random(), self._random.random()
            struck = wanted.startswith(faults.only_range) and (
                faults.only is None or faults.only(method, path)
            )
            fault = faults.pick(spin) if struck else ""
            self.log.append(Logged(method, path, fault))
            self.requests[method, fault] += 1
            return faults, fault, chance

    def connect(self) -> Wire:
        """Connect to the server."""
        return Wire(self.adopt(socket.create_connection(self._target)), self._tally)

    def adopt(self, end: socket.socket) -> socket.socket:
        """Have a socket shut down when the proxy hangs up."""
        with self._lock, contextlib.suppress(OSError):  # the other side may have left already
            self._ends.add(end)
            if self.hung_up.is_set():
                end.shutdown(socket.SHUT_RDWR)
        return end

    def disown(self, end: socket.socket) -> None:
        """Close a socket and forget about it."""
        with self._lock:
            self._ends.discard(end)
            end.close()

    def _tally(self, sent: int, received: int) -> None:
        with self._lock:
            self.sent_to_server += sent
            self.received_from_server += received

    def _bound(self, port: int) -> socket.socket:
        end = socket.socket()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end.bind((self.host, port))
        return end

    def _listen(self) -> None:
        self.hung_up.clear()
        self._listener = self._bound(self.port)
        self._listener.listen(128)
        self._acceptor = self._start(self._accept, self._listener)

    def _hang_up(self) -> None:
        if self._listener is None:
            return
        with self._lock:
            self.hung_up.set()
            for end in (self._listener, *self._ends):
                with contextlib.suppress(OSError):  # the other side may have left already
                    end.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self._listener = None
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _start(self, work: Callable[[socket.socket], None], end: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=(end,), name=f"faultproxy-{self.port}", daemon=True)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # it is shut down to end this
            while True:
                end = self.adopt(listener.accept()[0])
                alive = [thread for thread in self._threads if thread.is_alive()]
                self._threads = [*alive, self._start(self._serve, end)]

    def _serve(self, end: socket.socket) -> None:
        with contextlib.closing(Connection(self, end)) as connection, contextlib.suppress(OSError):
            while connection.exchange():
                pass


class Connection:
    """One client's connection, and that to the server which belongs to it."""

    def __init__(self, proxy: FaultProxy, end: socket.socket) -> None:
        self._proxy = proxy
        self._client = Wire(end)
        self._server: Wire | None = None

    def close(self) -> None:
        """Close both."""
        for wire in (self._client, self._server):
            if wire is not None:
                self._proxy.disown(wire.end)

    def exchange(self) -> bool:
        """Take one request to its reply, or to its fault; False if the connection is to be closed."""
        if not self._client.wait(self._server):
            return False
        request = self._client.head()
        faults, fault, chance = self._proxy.choose(request.method, request.path, request.range)
        if fault == "blackhole":
            return self._client.swallow()
        if fault == "error_before":
            if request.expects_continue:
                self._client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._client.body(request.framing, discard)
            return self._answer(request, faults.before, chance)
        if fault == "reset" and (chance < 1 / 2 or not request.framing):
            return self._client.reset()
        if fault == "delay":
            self._proxy.hung_up.wait(chance * faults.longest_delay)
        if self._server is None:
            self._server = self._proxy.connect()
        reply = self._pass_on(request, self._server, half=fault == "reset")
        if reply is None:
            return self._client.reset()
        return self._hand_back(request, self._server, reply, faults, fault, chance)

    def _pass_on(self, request: Head, server: Wire, *, half: bool) -> Head | None:
        """Have the server do it, and return its reply; None if it got half of the request only."""
        server.send(request.raw)
        if request.expects_continue:
            reply = server.head(request)
            if not reply.is_interim:
                return None if half else reply.as_last()
            self._client.send(reply.raw)
        try:
            self._client.body(request.framing, server.send, half=half)
        except BrokenPipeError:  # the server has answered already, and doesn't want to hear the rest
            return None if half else server.head(request).as_last()
        return None if half else server.head(request)

    def _hand_back(
        self, request: Head, server: Wire, reply: Head, faults: Faults, fault: str, chance: float
    ) -> bool:
        """Give the client the reply, or what the fault makes of it."""
        keep = not (request.closes or reply.closes)
        if fault in {"drop_reply", "error_after"}:
            server.body(reply.framing, discard)
            return fault == "error_after" and self._answer(request, faults.after, chance) and keep
        self._client.send(reply.raw)
        server.body(reply.framing, self._client.send, half=fault == "truncate")
        return keep and fault != "truncate"

    def _answer(self, request: Head, statuses: tuple[int, ...], chance: float) -> bool:
        """Answer with an error as S3 words it."""
        status = statuses[int(chance * len(statuses))]
        reason, code = ERRORS[status]
        xml = f"<Error><Code>{code}</Code><Message>Injected by a test.</Message></Error>"
        body = "" if request.method == "HEAD" else f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'
        lines = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
        self._client.send(f"{lines}\r\n\r\n{body}".encode())
        return not request.closes


def discard(_data: bytes | memoryview) -> None:
    """Take a body to nowhere."""
