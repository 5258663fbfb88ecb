"""HTTP/1.1 as a proxy needs it: heads that are parsed and bodies that are passed on, byte for byte."""

import contextlib
import select
import socket
import struct
from collections.abc import Callable
from typing import Literal, Self

BLOCK = 2**18
LONGEST_HEAD = 2**16
CHUNKED, UNTIL_CLOSED = -1, -2  # beside these, a body's framing is its length


class Head:
    """The first line and the headers of a request, or of the reply to one."""

    def __init__(self, raw: bytes, request: "Head | None" = None) -> None:
        self.raw = raw
        first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        words = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.method, self.path = ("", "") if request else words[:2]
        self.status = int(words[1]) if request else 0
        self.is_interim = 100 <= self.status < 200
        self.range = headers.get("range", "")
        self.expects_continue = headers.get("expect", "").lower() == "100-continue"
        if headers.get("transfer-encoding", "").lower() == "chunked":
            self.framing = CHUNKED
        else:
            self.framing = int(headers.get("content-length", UNTIL_CLOSED if request else 0))
        if request and (request.method == "HEAD" or self.is_interim or self.status in {204, 304}):
            self.framing = 0
        says_so = headers.get("connection", "").lower() == "close" or "HTTP/1.0" in (words[0], words[-1])
        self.closes = says_so or self.framing == UNTIL_CLOSED

    def as_last(self) -> Self:
        """Return this reply as one after which the connection is closed, whatever it says."""
        self.closes = True
        return self


class Wire:
    """One end of a TCP connection, with what was read too early."""

    def __init__(
        self, end: socket.socket, tally: Callable[[int, int], None] = lambda _sent, _received: None
    ) -> None:
        self.end = end
        self._tally = tally
        self._early = b""
        self._block = memoryview(bytearray(BLOCK))
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes | memoryview) -> None:
        """Send all of it; `BrokenPipeError` if the other side doesn't listen, whereas reading raises another."""
        try:
            self.end.sendall(data)
        except ConnectionError as error:
            raise BrokenPipeError("closed by the other side") from error
        self._tally(len(data), 0)

    def _more(self) -> None:
        data = self.end.recv(LONGEST_HEAD)
        self._tally(0, len(data))
        if not data:
            raise ConnectionResetError("closed by the other side")
        self._early += data

    def _until(self, mark: bytes) -> bytes:
        while (found := self._early.find(mark)) < 0:
            if len(self._early) > LONGEST_HEAD:
                raise ConnectionAbortedError("this is no HTTP")
            self._more()
        found += len(mark)
        data, self._early = self._early[:found], self._early[found:]
        return data

    def head(self, request: Head | None = None) -> Head:
        """Read the head of a request, or of the reply to one; `ConnectionResetError` if the other side closes."""
        return Head(self._until(b"\r\n\r\n"), request)

    def wait(self, other: "Wire | None") -> bool:
        """Wait for something to read here; False if the other wire, which ought to be quiet, closes before that."""
        if self._early or other is None:
            return True
        poll = select.poll()
        for wire in (self, other):
            poll.register(wire.end, select.POLLIN)
        return other.end.fileno() not in {number for number, _ in poll.poll()}

    def body(self, framing: int, send: Callable[[bytes | memoryview], None], *, half: bool = False) -> None:
        """Pass a body on as it comes in, as a whole or the first half (of its first chunk, if it comes in chunks)."""
        if framing == CHUNKED:
            self._chunks(send, half=half)
        elif framing == UNTIL_CLOSED:
            if half:
                return
            with contextlib.suppress(ConnectionResetError):
                while True:
                    self._bytes(len(self._early), send)
                    self._more()
        else:
            self._bytes(framing // 2 if half else framing, send)

    def _bytes(self, count: int, send: Callable[[bytes | memoryview], None]) -> None:
        if count and self._early:
            data, self._early = self._early[:count], self._early[count:]
            send(data)
            count -= len(data)
        while count:
            # One call for a whole block: each call may have to wait for the interpreter's lock.
            got = self.end.recv_into(self._block, min(count, BLOCK), socket.MSG_WAITALL)
            self._tally(0, got)
            if not got:
                raise ConnectionResetError("closed within a body")
            send(self._block[:got])
            count -= got

    def _chunks(self, send: Callable[[bytes | memoryview], None], *, half: bool) -> None:
        size = 1
        while size:
            line = self._until(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            send(line)
            if half:
                return self._bytes(size // 2, send)
            if size:
                self._bytes(size + 2, send)
        while (line := self._until(b"\r\n")) != b"\r\n":
            send(line)
        return send(line)

    def swallow(self) -> Literal[False]:
        """Read until the other side closes."""
        while self.end.recv_into(self._block):
            pass
        return False

    def reset(self) -> Literal[False]:
        """Close with RST."""
        self.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end.close()
        return False
