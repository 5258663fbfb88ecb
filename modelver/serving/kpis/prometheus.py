"""Figures from Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import base64
import difflib
import json
import math
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from email.message import Message
from http.client import HTTPException, HTTPResponse
from typing import IO, NoReturn

from modelver.errors import InvalidValue, LimitExceeded, Offline, StoreError
from modelver.serving.guarding.window import Length, Window, parse_length
from modelver.serving.kpis.hurried import Hurried, Plain, Secure
from modelver.values.model_version import ModelVersion
from modelver.values.reading import MAX_FIGURES, Reading
from modelver.values.url import without_credentials

MAX_ANSWER = 2**20
"""An answer larger than this many bytes is refused: one number is a hundred."""

_PART = 2**16
_VARIABLES = ("version", "window", "model", "digest")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "'": "\\'", "\n": "\\n"})


class PrometheusReader:
    r"""Reads a version's figures from Prometheus, or what speaks its API (Mimir, Thanos, VictoriaMetrics).

    Each query is asked for as of the window's end, and has to give one number: sum what has several series. A query that gives
    no series, or NaN, has measured nothing. In queries, ``$version``, ``$model``, ``$digest`` stand for the version's, escaped for
    a quoted text, and ``$window`` for the window's length, such as ``300s``: ``rate(errors_total{model_version="$version"}[$window])``.

    Args:
        url: Where Prometheus is, such as ``http://prometheus:9090``; a user and a password in it are sent as basic
            authentication. It comes from you, never from a registry.
        queries: PromQL by the name of the figure.
        samples: PromQL for the number of requests or examples behind them.
        headers: Sent with each request, such as ``Authorization``.
        timeout: How long one query may take: seconds, or a text such as ``10s``.

    Raises:
        InvalidValue: The address is no web address, or a query speaks of a variable that there is not.
    """

    def __init__(
        self,
        url: str,
        queries: Mapping[str, str],
        *,
        samples: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Length = 10,
    ) -> None:
        self._base, self._headers = _address(url)
        self._headers.update(headers or {})
        self._shown = without_credentials(url) or "Prometheus"
        if not queries or len(queries) > MAX_FIGURES:
            raise InvalidValue(
                "not a sensible number of queries", expected=f"1 to {MAX_FIGURES}", found=len(queries)
            )
        self._queries = {name: _checked(name, text) for name, text in queries.items()}
        self._samples = None if samples is None else _checked("samples", samples)
        self._timeout = parse_length(timeout, "timeout").total_seconds()
        self._opener = urllib.request.build_opener(_NoRedirect, Plain, Secure)

    def __repr__(self) -> str:
        return f"PrometheusReader({self._shown!r})"

    def __call__(self, version: ModelVersion, window: Window) -> Reading:
        """Return the figures of a version over a window.

        Raises:
            Offline: Prometheus can't be reached, or takes too long.
            StoreError: It refuses a query.
            InvalidValue: What it answers is no number.
        """
        known = {
            "version": str(version.version),
            "model": str(version.name),
            "digest": str(version.digest),
            "window": f"{window.seconds}s",
        }
        at = window.end.timestamp()
        values = {name: self._ask(name, _filled(text, known), at) for name, text in self._queries.items()}
        samples = None if self._samples is None else self._ask("samples", _filled(self._samples, known), at)
        return Reading(values, samples, window.begin, window.end)

    def _ask(self, name: str, query: str, at: float) -> float | None:
        parameters = urllib.parse.urlencode({"query": query, "time": f"{at:.3f}"})
        request = Hurried(f"{self._base}/api/v1/query", parameters.encode(), self._headers)
        deadline = time.monotonic() + self._timeout
        try:
            with request.ending(self._timeout), self._opener.open(request, timeout=self._timeout) as reply:
                data = _read(reply, deadline)
        except urllib.error.HTTPError as error:
            with error:
                self._refused(name, error, deadline)
        except (OSError, HTTPException) as error:
            raise Offline("Prometheus can't be asked", where=self._shown, found=_told(error)) from None
        return _number(data, f"{name} of {self._shown}")

    def _refused(self, name: str, error: urllib.error.HTTPError, deadline: float) -> NoReturn:
        try:
            told = json.loads(_read(error, deadline))["error"]
        except (OSError, HTTPException, ValueError, TypeError, KeyError, RecursionError):
            told = error.reason
        raise StoreError(
            "Prometheus refused a query", where=f"{name} of {self._shown}", found=f"{error.code} {told}"[:500]
        ) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: a redirect is an error, and credentials stay here."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Follow none."""


def _address(url: str) -> tuple[str, dict[str, str]]:
    """Return an address without credentials, and the headers that carry them."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urllib.parse.urlsplit(""), "", None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise InvalidValue(
            "not the address of a Prometheus",
            where=without_credentials(url)[:120],
            expected="such as http://prometheus:9090",
        )
    headers = {"Accept": "application/json"}
    if parts.username is not None:
        login = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{f':{port}' if port else ''}{parts.path.rstrip('/')}", headers


def _checked(name: str, query: str) -> str:
    """Refuse a query with a variable that there is not.

    Raises:
        InvalidValue: It has one.
    """
    for match in _VARIABLE.finditer(query):
        known = match[1] or match[2]
        if known not in _VARIABLES:
            similar = difflib.get_close_matches(known, _VARIABLES, n=1)
            raise InvalidValue(
                "a query speaks of an unknown variable",
                where=f"query {name}",
                found=match[0][:80],
                hint=f"Did you mean ${similar[0]}?" if similar else f"There is ${', $'.join(_VARIABLES)}.",
            )
    return query


def _filled(query: str, known: Mapping[str, str]) -> str:
    """Put in what is known, such that it stays inside the quotes around it."""
    return _VARIABLE.sub(lambda match: known[match[1] or match[2]].translate(_ESCAPES), query)


def _read(reply: HTTPResponse | urllib.error.HTTPError, deadline: float) -> bytes:
    """Read an answer of a sensible size, in time, however slowly it drips.

    Raises:
        LimitExceeded: It is larger.
        TimeoutError: It takes too long.
    """
    parts: list[bytes] = []
    size = 0
    while part := reply.read1(_PART):
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER:
            raise LimitExceeded(
                "an answer of Prometheus is too large", expected=f"at most {MAX_ANSWER:,} bytes"
            )
        if time.monotonic() > deadline:
            break
    if time.monotonic() > deadline:  # (also where the connection was ended for that)
        raise TimeoutError("it takes too long")
    return b"".join(parts)


def _number(data: bytes, what: str) -> float | None:
    """Return the one number of an answer; None where it has no series, or NaN.

    Raises:
        InvalidValue: It has several, or is something else.
    """
    try:
        answer = json.loads(data)["data"]
        result = answer["result"]
        wrapped = {"scalar": [{"value": result}], "vector": result}[answer["resultType"]]
        series = [each["value"] for each in wrapped]
        numbers = [float(value) for _, value in series]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise InvalidValue(
            "not an answer of Prometheus to a query for one number", where=what, found=_told(error)
        ) from None
    if len(numbers) > 1:
        raise InvalidValue(
            "a query gives several series",
            where=what,
            expected="one",
            found=len(numbers),
            hint="Sum them, or choose one by its labels.",
        )
    return numbers[0] if numbers and math.isfinite(numbers[0]) else None


def _told(error: BaseException) -> str:
    return str(getattr(error, "reason", error))[:200] or type(error).__name__
