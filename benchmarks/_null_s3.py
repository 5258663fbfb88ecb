"""An S3 server that keeps nothing: the ceiling of what a client can send and receive.

It takes every object and part, remembers only each key's size, and serves as many zeros. Conditions, signatures and
checksums are not looked at. Run with `python benchmarks/_null_s3.py 9000`, or `with null_s3() as endpoint: ...`.
"""

import contextlib
import itertools
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs

ETAG = "0123456789abcdef0123456789abcdef"
BLOCK = bytearray(2**20)  # all threads receive into it: nobody reads what it holds
ZEROS = memoryview(bytes(2**20))
# Linux can drop what has arrived without copying it.
DROP = socket.MSG_TRUNC if sys.platform == "linux" else 0

sizes: dict[str, int] = {}
uploads: dict[str, dict[int, int]] = {}
numbers = itertools.count(1)


class Reader:
    """A connection's requests."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.early = b""

    def until(self, mark: bytes) -> bytes:
        """Read up to a mark; `EOFError` if the client closes."""
        while mark not in self.early:
            data = self.end.recv(2**16)
            if not data:
                raise EOFError
            self.early += data
        data, _, self.early = self.early.partition(mark)
        return data

    def drop(self, count: int) -> None:
        """Throw away so many bytes."""
        dropped = min(count, len(self.early))
        self.early = self.early[dropped:]
        count -= dropped
        while count > 0:
            got = self.end.recv_into(BLOCK, min(count, len(BLOCK)), DROP)
            if not got:
                raise EOFError
            count -= got

    def drop_body(self, headers: dict[str, str]) -> int:
        """Throw away a request's body and return how large the object in it is."""
        if headers.get("expect", "").lower() == "100-continue":
            self.end.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        size = int(headers.get("content-length", 0))
        self.drop(size)
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while chunk := int(self.until(b"\r\n").partition(b";")[0], 16):
                self.drop(chunk + 2)
                size += chunk
            while self.until(b"\r\n"):
                pass
        return int(headers.get("x-amz-decoded-content-length", size))


def reply(end: socket.socket, status: str, body: str = "", headers: str = "") -> None:
    """Send a reply."""
    head = f'HTTP/1.1 {status}\r\nETag: "{ETAG}"\r\n{headers}Content-Length: {len(body)}\r\n\r\n'
    end.sendall((head + body).encode())


def xml(root: str, *elements: str) -> str:
    """Return a small document: `xml("Error", "Code=NoSuchKey")`."""
    inner = "".join("<{0}>{1}</{0}>".format(*element.split("=", 1)) for element in elements)
    return f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'


def serve_get(end: socket.socket, method: str, path: str, query: dict[str, list[str]], wanted: str) -> None:
    """Answer a GET or a HEAD: zeros for a known key, an empty list for a bucket or an upload."""
    if "uploads" in query:
        return reply(end, "200 OK", xml("ListMultipartUploadsResult", "IsTruncated=false"))
    if "uploadId" in query:
        return reply(end, "200 OK", xml("ListPartsResult", "IsTruncated=false"))
    if path.strip("/").count("/") == 0:
        listing = xml("ListBucketResult", "KeyCount=0", "MaxKeys=1000", "IsTruncated=false")
        return reply(end, "200 OK", "" if method == "HEAD" else listing)
    size = sizes.get(path)
    if size is None:
        return reply(end, "404 Not Found", "" if method == "HEAD" else xml("Error", "Code=NoSuchKey"))
    status, count = "200 OK", size
    lines = "Last-Modified: Wed, 25 Nov 2026 22:00:00 GMT\r\nAccept-Ranges: bytes\r\n"
    if span := re.fullmatch(r"bytes=(\d*)-(\d*)", wanted):
        start, stop = (int(bound) if bound else None for bound in span.groups())
        first = start if start is not None else max(0, size - (stop or 0))
        last = size - 1 if start is None or stop is None else min(stop, size - 1)
        if first > last:
            return reply(end, "416 Range Not Satisfiable", xml("Error", "Code=InvalidRange"))
        status, count = "206 Partial Content", last - first + 1
        lines += f"Content-Range: bytes {first}-{last}/{size}\r\n"
    end.sendall(f'HTTP/1.1 {status}\r\nETag: "{ETAG}"\r\n{lines}Content-Length: {count}\r\n\r\n'.encode())
    while method == "GET" and count:
        count -= end.send(ZEROS[:count])
    return None


def serve_write(end: socket.socket, method: str, path: str, query: dict[str, list[str]], size: int) -> None:
    """Answer a PUT, a POST or a DELETE, whose body has been read."""
    upload = query.get("uploadId", [""])[0]
    key = path.strip("/").partition("/")[2]
    if method == "DELETE":
        (uploads if upload else sizes).pop(upload or path, None)
        return reply(end, "204 No Content")
    if method == "PUT":
        if upload:
            uploads.setdefault(upload, {})[int(query["partNumber"][0])] = size
        elif key:
            sizes[path] = size
        return reply(end, "200 OK")
    if "uploads" in query:
        return reply(end, "200 OK", xml("InitiateMultipartUploadResult", f"UploadId=u{next(numbers)}"))
    if upload:
        sizes[path] = sum(uploads.pop(upload, {}).values())
        return reply(end, "200 OK", xml("CompleteMultipartUploadResult", f"ETag={ETAG}"))
    return reply(end, "200 OK", xml("DeleteResult"))


def serve(end: socket.socket) -> None:
    """Answer one connection's requests until the client closes it."""
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = Reader(end)
    with end, contextlib.suppress(EOFError, ConnectionError):
        while True:
            first, *lines = reader.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            method, target, _ = first.split(" ", 2)
            path, _, text = target.partition("?")
            query = parse_qs(text, keep_blank_values=True)
            size = reader.drop_body(headers)
            if method in {"GET", "HEAD"}:
                serve_get(end, method, path, query, headers.get("range", ""))
            else:
                serve_write(end, method, path, query, size)


@contextlib.contextmanager
def null_s3() -> Iterator[str]:
    """Run the server in a process of its own while the context lasts, and give its address."""
    command = [sys.executable, __file__, "0", "--with-parent"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield next(iter(server.stdout or ())).strip()
        finally:
            server.kill()


def main() -> None:
    """Serve until killed, on the port that the first argument names (0 for a free one)."""
    if "--with-parent" in sys.argv:  # whose end closes our standard input, however it ends
        threading.Thread(target=lambda: os._exit(len(sys.stdin.read())), daemon=True).start()
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
