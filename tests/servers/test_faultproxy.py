"""The proxy that injects faults, in front of a small real server."""

import http.client
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from tests import resources
from tests.servers.faultproxy import KINDS, SLATEDB_FAULTS, FaultProxy, Faults
from tests.servers.small_server import BODY, Server

LOST = (ConnectionError, http.client.HTTPException, TimeoutError)


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server in a thread."""
    with Server() as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """Run a proxy before it, as yet without faults."""
    with FaultProxy("127.0.0.1", server.server_port, Faults(), seed=1) as running:
        yield running


def client(proxy: FaultProxy, timeout: float = 60) -> closing[http.client.HTTPConnection]:
    """Return a client of the proxy."""
    return closing(http.client.HTTPConnection(proxy.host, proxy.port, timeout=timeout))


def ask(
    proxy: FaultProxy, method: str = "PUT", path: str = "/x", body: bytes | None = BODY
) -> tuple[int, bytes]:
    """Send one request over a connection of its own."""
    with client(proxy) as connection:
        connection.request(method, path, body if method == "PUT" else None)
        with connection.getresponse() as reply:
            return reply.status, reply.read()


def test_without_faults_it_passes_everything_on(proxy: FaultProxy, server: Server) -> None:
    """Bodies of each framing arrive as they were sent, both ways, over one connection."""
    with client(proxy) as connection:
        for method, path, body, answer in (
            ("PUT", "/sized?a=b", BODY, b"1048576"),
            ("PUT", "/empty", b"", b"0"),
            ("PUT", "/chunked", iter([b"ab", BODY, b"c"]), b"1048579"),
            ("HEAD", "/head", None, b""),
            ("GET", "/sized", None, BODY),
            ("GET", "/chunks", None, BODY + b"1234567"),
            ("GET", "/until-closed", None, BODY),
        ):
            connection.request(method, path, body, encode_chunked=path == "/chunked")
            with connection.getresponse() as reply:
                assert (reply.status, reply.read()) == (200, answer)
    assert [body for *_, body in server.done[:3]] == [BODY, b"", b"ab" + BODY + b"c"]
    assert proxy.requests == {("PUT", ""): 3, ("HEAD", ""): 1, ("GET", ""): 3}
    assert [(method, path) for method, path, _ in proxy.log] == [entry[:2] for entry in server.done]
    assert 0 < proxy.sent_to_server - 2 * len(BODY) < 2000
    assert 0 < proxy.received_from_server - 3 * len(BODY) < 2000
    proxy.clear()
    assert (proxy.log, proxy.requests, proxy.sent_to_server, proxy.received_from_server) == ([], {}, 0, 0)


@pytest.mark.parametrize("faults", [Faults(), Faults(error_before=1, before=(503,))], ids=str)
def test_a_client_that_waits_for_the_go_ahead_gets_it(proxy: FaultProxy, faults: Faults) -> None:
    """`Expect: 100-continue` is answered by the server, or by the proxy if the server isn't to see the request."""
    proxy.faults = faults
    with socket.create_connection((proxy.host, proxy.port), timeout=60) as end, end.makefile("rb") as replies:
        end.sendall(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert replies.readline().startswith(b"HTTP/1.1 100 ")
        assert replies.readline() == b"\r\n"
        end.sendall(b"12345")
        assert replies.readline().startswith(b"HTTP/1.1 503 " if faults.error_before else b"HTTP/1.1 200 ")


def test_a_reset_leaves_the_request_undone(proxy: FaultProxy, server: Server) -> None:
    """Some resets come at once and some within the body, and the server did none of the requests."""
    proxy.faults = Faults(reset=1)
    sent = set()
    for _ in range(20):
        proxy.clear()
        # The client may still be sending, and is told so in another way than when it waits for the reply.
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            ask(proxy)
        sent.add(proxy.sent_to_server > len(BODY) // 2)
    assert sent == {True, False}
    assert server.done == []


def test_a_dropped_reply_leaves_the_request_done(proxy: FaultProxy, server: Server) -> None:
    """The server did it, and the client sees the connection close."""
    proxy.faults = Faults(drop_reply=1)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(proxy)
    assert server.done == [("PUT", "/x", BODY)]


def test_an_error_after_hides_what_was_done(proxy: FaultProxy, server: Server) -> None:
    """The server did it, and the client is told that it failed."""
    proxy.faults = Faults(error_after=1)
    with client(proxy) as connection:
        seen = set()
        for _ in range(20):
            connection.request("PUT", "/x", b"1")
            with connection.getresponse() as reply:
                seen.add(reply.status)
                reply.read()
    assert seen == {500, 503}
    assert server.done == [("PUT", "/x", b"1")] * 20


def test_an_error_before_speaks_as_s3_does(proxy: FaultProxy, server: Server) -> None:
    """The server sees nothing, the connection lives on, and the XML has S3's code; HEAD has no body."""
    proxy.faults = Faults(error_before=1)
    seen = {}
    with client(proxy) as connection:
        for method in ["PUT", "HEAD"] * 20:
            connection.request(method, "/x", BODY if method == "PUT" else None)
            with connection.getresponse() as reply:
                seen[reply.status, method] = reply.read().partition(b"<Code>")[2].partition(b"<")[0]
    codes = {500: b"InternalError", 503: b"SlowDown", 429: b"TooManyRequests"}
    puts = {(status, "PUT"): code for status, code in codes.items()}
    assert seen == puts | {(status, "HEAD"): b"" for status in codes}
    assert server.done == []
    assert proxy.sent_to_server == 0


def test_a_delay_is_only_a_delay(proxy: FaultProxy) -> None:
    """The reply is the right one, and closing the proxy doesn't wait for a delay."""
    proxy.faults = Faults(delay=1, longest_delay=0.05)
    assert ask(proxy) == (200, b"1048576")
    proxy.faults = Faults(delay=1, longest_delay=10_000)
    with client(proxy) as connection:
        connection.request("GET", "/x")
        proxy.close()
        with pytest.raises(LOST):
            connection.getresponse()


@pytest.mark.parametrize(("path", "half"), [("/x", 2**19), ("/chunks", 2**19), ("/until-closed", 0)])
def test_a_truncated_reply_has_half_of_its_body(proxy: FaultProxy, path: str, half: int) -> None:
    """The head promises what doesn't come."""
    proxy.faults = Faults(truncate=1)
    with client(proxy) as connection:
        connection.request("GET", path)
        with connection.getresponse() as reply:
            got = b""
            with suppress(http.client.IncompleteRead):
                while data := reply.read1():
                    got += data
    assert (reply.status, got) == (200, BODY[:half])


def test_a_black_hole_never_answers(proxy: FaultProxy, server: Server) -> None:
    """The client waits until it has had enough, or until the proxy closes."""
    proxy.faults = Faults(blackhole=1)
    with client(proxy) as connection:
        connection.request("PUT", "/x", BODY)
        connection.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.getresponse()
    with client(proxy) as connection:
        connection.request("PUT", "/x", BODY)
        proxy.close()
        with pytest.raises(LOST):
            connection.getresponse()
    assert server.done == []


def test_a_refusing_proxy_is_unreachable_until_told_otherwise(proxy: FaultProxy) -> None:
    """Connections that are open end, new ones are refused, and the port is the same afterwards."""
    with client(proxy) as connection:
        connection.request("GET", "/until-closed")
        for _ in range(3):
            proxy.faults = Faults(refuse=True)
            with pytest.raises(ConnectionRefusedError):
                ask(proxy)
            proxy.faults = Faults()
            assert ask(proxy) == (200, b"1048576")


def test_only_some_requests_can_be_struck(proxy: FaultProxy) -> None:
    """`only` chooses by method and path."""
    proxy.faults = Faults(
        error_before=1, before=(503,), only=lambda method, path: (method, path) == ("PUT", "/log/1")
    )
    asked = [("PUT", "/log/1"), ("GET", "/log/1"), ("PUT", "/log/2")]
    assert [ask(proxy, *request)[0] for request in asked] == [503, 200, 200]


def test_only_some_ranges_can_be_struck(proxy: FaultProxy) -> None:
    """`only_range` chooses by what is asked for."""
    proxy.faults = Faults(error_before=1, before=(503,), only_range="bytes=5-")
    statuses = []
    with client(proxy) as connection:
        for headers in ({"Range": "bytes=5-9"}, {"Range": "bytes=50-59"}, {}):
            connection.request("GET", "/x", headers=headers)
            with connection.getresponse() as reply:
                reply.read()
                statuses.append(reply.status)
    assert statuses == [503, 200, 200]


def test_a_server_that_hangs_up_is_passed_on(proxy: FaultProxy) -> None:
    """A connection that the server closes while nothing is asked closes for the client too."""
    with client(proxy) as connection:
        connection.request("GET", "/then-leave")
        with connection.getresponse() as reply:
            assert reply.read() == BODY
        assert connection.sock.recv(1) == b""


def test_a_server_that_is_down_closes_the_connection() -> None:
    """The client loses its connection, and gets through again when the server is back."""
    with socket.socket() as holder:  # it never listens: it keeps the port ours while nobody does
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with FaultProxy("127.0.0.1", port, Faults()) as proxy:
            for _ in range(2):
                with Server(port):
                    assert ask(proxy) == (200, b"1048576")
                with pytest.raises(ConnectionError):
                    ask(proxy)


def strike(server: Server, faults: Faults, seed: int, count: int) -> list[str]:
    """Return which faults met so many requests of one client, one after another."""
    with FaultProxy("127.0.0.1", server.server_port, faults, seed) as proxy:
        for number in range(count):
            with suppress(*LOST):
                ask(proxy, "PUT", f"/{number}", b"1")
        assert [path for _, path, _ in proxy.log] == [f"/{number}" for number in range(count)]
        return [fault for *_, fault in proxy.log]


def test_rates_come_out_right(server: Server) -> None:
    """Of 1,000 requests as many meet each fault as its rate says, within four standard deviations."""
    with FaultProxy("127.0.0.1", server.server_port, SLATEDB_FAULTS, seed=7) as proxy:
        seen = Counter(proxy.choose("PUT", "/x")[1] for _ in range(1000))
    for kind in ("reset", "error_before"):
        assert abs(seen[kind] - 150) < 4 * (1000 * 0.15 * 0.85) ** 0.5
    assert set(seen) == {"", "reset", "error_before"}


def test_the_same_seed_gives_the_same_faults(server: Server) -> None:
    """A run is repeated by its seed, and another seed gives another run."""
    rates: dict[str, Any] = dict.fromkeys(set(KINDS) - {"blackhole"}, 0.1)
    runs = [strike(server, Faults(**rates, longest_delay=0.001), seed, 100) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {"", *rates}


@pytest.mark.parametrize("rates", [{"reset": 0.6, "delay": 0.5}, {"reset": -0.1}], ids=str)
def test_impossible_rates_are_refused(rates: dict[str, Any]) -> None:
    """Rates are chances of which at most one comes true."""
    with pytest.raises(ValueError, match="add up to 1"):
        Faults(**rates)


def test_nothing_is_left_after_closing() -> None:
    """Threads and sockets are gone, whatever was under way."""
    threads, descriptors = resources.threads(), resources.descriptors()
    rates: dict[str, Any] = dict.fromkeys(("blackhole", "drop_reply", "delay", "truncate"), 0.2)
    with Server() as server:
        proxy = FaultProxy("127.0.0.1", server.server_port, Faults(**rates, longest_delay=10_000), seed=5)
        ends = [socket.create_connection((proxy.host, proxy.port)) for _ in range(40)]
        for end in ends:
            end.sendall(b"PUT /x HTTP/1.1\r\nContent-Length: 1\r\n\r\n1")
        while len(proxy.log) < len(ends):
            time.sleep(0.001)
        proxy.close()
    for end in ends:
        end.close()
    assert {fault for *_, fault in proxy.log} == {"", *rates}
    assert resources.threads() <= threads
    assert resources.descriptors() <= descriptors
