"""One POST, to receivers of every kind."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelver.notify.posting import Answer, post
from modelver.notify.target import Target
from tests.notify.receiver import PATIENCE, Receiver, deaf_port


def send(url: str, timeout: float = PATIENCE) -> Answer:
    """Post to an address."""
    return post(Target(url, "S"), b"{}", {"webhook-id": "1"}, timeout)


@contextmanager
def talking(talk: Callable[[socket.socket], object]) -> Iterator[str]:
    """Run a server for one connection, which says what it likes; give its host and port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            with suppress(OSError):
                socket.create_connection(server.getsockname()).close()  # in case nobody came
            thread.join()


def saying(*answers: bytes) -> Callable[[socket.socket], None]:
    """Return what says so after it has read something."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        for answer in answers:
            connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    ("status", "delivered"), [(200, True), (202, True), (204, True), (302, False), (500, False)]
)
def test_what_begins_with_a_2_is_delivered(receiver: Receiver, status: int, delivered: bool) -> None:
    """And nothing else is."""
    receiver.answers.append((status, {}))
    answer = send(receiver.url)
    assert (answer.status, answer.is_delivered) == (status, delivered)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    """Only the address of the configuration is called, whoever says otherwise."""
    with Receiver() as other:
        receiver.answers.append((status, {"Location": other.url}))
        assert send(receiver.url).status == status
        assert other.received == []
        assert len(receiver.received) == 1


def test_a_login_in_the_address_is_sent_as_one(receiver: Receiver) -> None:
    """It is no part of the path or the host."""
    send(receiver.url.replace("127.0.0.1", "jane:p%40ss@127.0.0.1") + "?a=1")
    (request,) = receiver.received
    assert request.path == "/hook?a=1"
    assert request.headers["Authorization"] == "Basic amFuZTpwQHNz"
    assert "jane" not in request.headers["Host"]


@pytest.mark.parametrize(("text", "seconds"), [("7", 7.0), ("0", 0.0)])
def test_a_recipient_may_ask_for_time(receiver: Receiver, text: str, seconds: float) -> None:
    """In seconds."""
    receiver.answers.append((503, {"Retry-After": text}))
    assert send(receiver.url).retry_after == seconds


@pytest.mark.parametrize(("hours", "low", "high"), [(100, 300_000, 360_000), (-1, 0, 0)])
def test_a_recipient_may_ask_for_time_with_a_date(
    receiver: Receiver, hours: int, low: float, high: float
) -> None:
    """One that has passed asks for nothing."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    receiver.answers.append((503, {"Retry-After": date}))
    wanted = send(receiver.url).retry_after
    assert wanted is not None
    assert low <= wanted <= high


@pytest.mark.parametrize("text", ["soon", "-5", "1e9", "²", "9" * 400])
def test_a_recipient_that_asks_for_nonsense_gets_no_more_than_years(receiver: Receiver, text: str) -> None:
    """What is no time is none."""
    receiver.answers.append((503, {"Retry-After": text.encode("latin-1").decode("latin-1")}))
    assert (send(receiver.url).retry_after or 0.0) < 1e9


@pytest.mark.parametrize(
    "answers",
    [
        (),
        (b"",),
        (b"hello\r\n\r\n",),
        (b"HTTP/1.1 abc OK\r\n\r\n",),
        (b"HTTP/1.1 200 " + b"x" * 100_000,),
        (b"HTTP/1.1 204 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",),
        (b"\xff\x00" * 1000,),
    ],
)
def test_what_is_no_answer_is_trouble(answers: tuple[bytes, ...]) -> None:
    """None of it is an exception, and none is a delivery."""
    with talking(saying(*answers)) as place:
        answer = send(f"http://{place}/")
    assert answer.trouble
    assert not answer.is_delivered


def test_nobody_there_is_trouble() -> None:
    """A refused connection says so."""
    with deaf_port() as port:
        assert send(f"http://127.0.0.1:{port}/").trouble == "Connection refused"


def test_a_recipient_that_says_nothing_is_left() -> None:
    """Waiting has an end."""
    done = threading.Event()
    with talking(lambda _: done.wait(PATIENCE)) as place:
        answer = send(f"http://{place}/", timeout=0.2)
        done.set()
    assert answer.trouble == "no answer in time"


@pytest.mark.parametrize("drop", [b"X", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_recipient_that_drips_is_left(drop: bytes) -> None:
    """However often a byte comes, or a promise: the limit is for all of it."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not done.wait(0.02):
            connection.sendall(drop)

    with talking(drip) as place:
        answer = send(f"http://{place}/", timeout=0.3)
        done.set()
    assert answer.trouble == "no answer in time"


def test_an_answer_is_not_read() -> None:
    """However large it is: the status is all that counts."""

    def pour(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # until nobody takes any more
            connection.sendall(bytes(65536))

    with talking(pour) as place:
        assert send(f"http://{place}/").is_delivered


def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    """Nothing is told to who can't show who it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path))
    received: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            received.append(secure.recv(65536))

    with talking(talk) as place:
        answer = send(f"https://{place}/")
    assert answer.trouble.startswith("its certificate is not trusted")
    assert received == []


def test_https_goes_through_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the proxy's own login, and without a word of the address's."""
    seen: list[bytes] = []

    def refuse(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 403 No\r\n\r\n")

    with talking(refuse) as place:
        monkeypatch.setenv("https_proxy", f"http://me:pw@{place}")
        monkeypatch.delenv("no_proxy", raising=False)
        answer = send("https://u:p4ss@hooks.example.org:8443/x")
    assert answer.trouble
    assert b"CONNECT hooks.example.org:8443 " in seen[0]
    assert b"Proxy-Authorization: Basic bWU6cHc=" in seen[0]
    assert "p4ss" not in answer.trouble


@pytest.mark.parametrize(
    ("variable", "text"), [("https_proxy", "http://proxy:port"), ("SSL_CERT_FILE", "/no/such/file")]
)
def test_a_broken_environment_is_trouble(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    """No exception, and no request that goes elsewhere."""
    monkeypatch.setenv(variable, text)
    with talking(lambda _: None) as place:
        assert send(f"https://{place if variable != 'https_proxy' else 'hooks.example.org'}/").trouble


def self_signed(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 that nobody signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    ).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    place = folder / "server.pem"
    place.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return place
