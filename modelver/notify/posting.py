"""One POST: no redirects, a limit for the whole of it, and nothing read but the status."""

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import attrs

from modelver.notify.target import LOOPBACK, Target


@attrs.frozen
class Answer:
    """How a recipient answered.

    Attributes:
        status: The status; 0 where there was no answer.
        trouble: Why there was none.
        retry_after: Seconds after which it wants to be asked again; None where it says nothing.
    """

    status: int = 0
    trouble: str = ""
    retry_after: float | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the recipient has taken it."""
        return 200 <= self.status < 300  # noqa: PLR2004 (RFC 9110, section 15.3)

    def __str__(self) -> str:
        if not self.status:
            return self.trouble
        phrase = http.client.responses.get(self.status, "")
        return f"{self.status} {phrase}".strip()


def post(target: Target, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
    """Post once.

    Args:
        target: Where to.
        body: What.
        headers: With these headers.
        timeout: Seconds to connect, and as many for what follows.
    """
    parts = urlsplit(target.url)
    try:
        connection = _connection(parts, timeout)
    except (OSError, ValueError) as error:  # an environment with certificates or a proxy that are none
        return Answer(trouble=_trouble(error, timed_out=False))
    late = threading.Event()

    def end() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(timeout, end)  # a socket's own timeout begins anew with each byte
    watch.daemon = True
    try:
        connection.connect()
        watch.start()
        return _exchange(connection, parts, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(trouble=_trouble(error, timed_out=late.is_set()))
    finally:
        watch.cancel()
        connection.close()


def _exchange(
    connection: http.client.HTTPConnection, parts: SplitResult, body: bytes, headers: Mapping[str, str]
) -> Answer:
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", path, body, {**headers, **_login(parts)})
    answer = connection.getresponse()
    return Answer(answer.status, retry_after=_retry_after(answer.getheader("Retry-After")))


def _connection(parts: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Return a connection that is not opened yet; HTTPS goes through the environment's proxy, if there is one."""
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)
    context = ssl.create_default_context()
    proxy = "" if host in LOOPBACK or proxy_bypass(host) else getproxies().get("https", "")
    if not proxy:
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    via = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    connection = http.client.HTTPSConnection(via.hostname or "", via.port, timeout=timeout, context=context)
    login = {f"Proxy-{name}": value for name, value in _login(via).items()}
    connection.set_tunnel(host, parts.port, headers=login)
    return connection


def _login(parts: SplitResult) -> dict[str, str]:
    if not parts.username and not parts.password:
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` asks for (RFC 9110, section 10.2.3)."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, aware.timestamp() - time.time())


def _trouble(error: Exception, *, timed_out: bool) -> str:
    """Return what went wrong, in words of ours or the system's: an error's text may quote what was sent or answered."""
    if timed_out or isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"no proper answer ({type(error).__name__})"
