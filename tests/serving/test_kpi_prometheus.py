"""Figures from Prometheus: from a real one, and from servers that answer badly, slowly, or not at all."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import modelver as mv
from modelver.errors import Offline
from tests.servers.prometheus import Prometheus
from tests.serving.conftest import PATIENCE
from tests.serving.guards import filled

ERRORS = 'sum(rate(guarded_errors_total{run="RUN",model_version="$version"}[$window]))'
REQUESTS = 'sum(rate(guarded_requests_total{run="RUN",model_version="$version"}[$window]))'
COUNTED = 'sum(increase(guarded_requests_total{run="RUN",model_version="$version"}[$window]))'


@pytest.fixture(scope="module")
def version() -> mv.ModelVersion:
    """Give version 1.0.0 of a model."""
    return filled(f"memory://{uuid.uuid4().hex}", "1.0.0").get("m:1.0.0")


def window(end: datetime | None = None) -> mv.Window:
    """Return five minutes up to a time."""
    at = end or datetime.now(UTC)
    return mv.Window(timedelta(minutes=5), at - timedelta(minutes=5), at)


def counters(
    run: str, version: str, start: float, seconds: int, error_rate: float
) -> dict[str, list[tuple[float, float]]]:
    """Return counters of a version that answered ten requests a second, scraped every 15 seconds."""
    labels = f'{{run="{run}",model_version="{version}"}}'
    ticks = range(0, seconds + 1, 15)
    return {
        f"guarded_requests_total{labels}": [(start + tick, 10.0 * tick) for tick in ticks],
        f"guarded_errors_total{labels}": [(start + tick, 10.0 * error_rate * tick) for tick in ticks],
    }


def reader(url: str, run: str) -> mv.PrometheusReader:
    """Return a reader of the error rate."""
    queries = {"error_rate": f"({ERRORS}) / ({REQUESTS})".replace("RUN", run)}
    return mv.PrometheusReader(url, queries, samples=COUNTED.replace("RUN", run), timeout=PATIENCE)


def test_a_guard_rolls_back_by_what_a_real_prometheus_has(prometheus: Prometheus) -> None:
    """Counters of both versions, each over its own window, the earlier one's in the past."""
    registry, run = filled(f"memory://{uuid.uuid4().hex}", "1.0.0", "2.0.0"), uuid.uuid4().hex
    since = registry.watched("m", "production").current.since
    back = registry.watched("m", "production").back
    assert back
    # As though the earlier version had served for ten minutes: the registry is younger than that.
    prometheus.write(counters(run, "1.0.0", since.timestamp() - 600, 600, 0.01))
    prometheus.write(counters(run, "2.0.0", since.timestamp(), 600, 0.08))
    read, asked = reader(prometheus.url, run), []

    def longer(version: mv.ModelVersion, asked_for: mv.Window) -> mv.Reading:
        asked.append(str(version.version))
        return read(version, window(asked_for.end))

    now = since + timedelta(minutes=6)
    guard = mv.Guard(
        registry,
        "m",
        "production",
        rules="current.metrics.error_rate <= baseline.metrics.error_rate + 0.02",
        read=longer,
        breaches=1,
        clock=lambda: now,
    )
    report = guard.run_once()
    assert report.outcome == "rolled_back", report
    assert asked == ["2.0.0", "1.0.0"]
    assert report.current[0].values["error_rate"] == pytest.approx(0.08)
    assert report.current[0].samples == pytest.approx(3000, rel=0.1)
    assert report.baseline[0].values["error_rate"] == pytest.approx(0.01)


def test_what_prometheus_does_not_have_is_absent(prometheus: Prometheus, version: mv.ModelVersion) -> None:
    """No series, and 0/0; a scalar is a number too."""
    run = uuid.uuid4().hex
    reading = reader(prometheus.url, run)(version, window())
    assert (dict(reading.values), reading.samples) == ({}, None)
    queries = {"nan": "vector(0) / vector(0)", "inf": "vector(1) / vector(0)", "scalar": "scalar(vector(3))"}
    reading = mv.PrometheusReader(prometheus.url + "/", queries, samples="vector(7.9)")(version, window())
    assert (dict(reading.values), reading.samples) == ({"scalar": 3.0}, 7)


def test_a_wrong_query_is_told(prometheus: Prometheus, version: mv.ModelVersion) -> None:
    """In Prometheus's own words; several series are a question that was asked badly."""
    with pytest.raises(mv.StoreError, match=r"refused a query: broken of .*found 400 .*parse error"):
        mv.PrometheusReader(prometheus.url, {"broken": "sum(("})(version, window())
    with pytest.raises(mv.InvalidValue, match=r"several series: two of .*Sum them"):
        mv.PrometheusReader(prometheus.url, {"two": 'label_replace(vector(1),"a","b","","") or vector(2)'})(
            version, window()
        )
    with pytest.raises(mv.InvalidValue, match="not an answer of Prometheus to a query for one number"):
        mv.PrometheusReader(prometheus.url, {"text": '"abc"'})(version, window())
    with pytest.raises(mv.InvalidValue, match="not an answer of Prometheus"):
        mv.PrometheusReader(prometheus.url, {"matrix": "up[1m]"})(version, window())


Answer = Callable[[BaseHTTPRequestHandler], None]


class Odd(ThreadingHTTPServer):
    """A server that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Answer = lambda _: None
        self.asked: list[tuple[str, dict[str, str], str]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Be quiet about clients that leave."""


class _Handler(BaseHTTPRequestHandler):
    server: Odd

    def do_POST(self) -> None:
        """Remember the question, and answer as told."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.asked.append((self.path, headers, body))
        self.server.answer(self)

    do_GET = do_POST  # noqa: N815 (the name of http.server)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def odd() -> Iterator[Odd]:
    """Give an odd server."""
    with Odd() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Return an answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def result(value: object) -> bytes:
    """Return the answer of an instant query."""
    return json.dumps({"status": "success", "data": value}).encode()


def vector(*values: object) -> bytes:
    """Return an answer with series."""
    return result({"resultType": "vector", "result": [{"metric": {}, "value": [1, each]} for each in values]})


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer for ever, a byte at a time; it ends when the client leaves."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def drip_header(handler: BaseHTTPRequestHandler) -> None:
    """Never come to the end of a header."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"X")
        handler.wfile.flush()
        time.sleep(0.05)


def drip_error(handler: BaseHTTPRequestHandler) -> None:
    """Refuse for ever."""
    handler.send_response(503)
    handler.send_header("Content-Length", "60000")
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


HOSTILE: dict[str, tuple[Answer, type[Exception], str]] = {
    "empty": (says(b""), mv.InvalidValue, "not an answer"),
    "no JSON": (says(b"<html>"), mv.InvalidValue, "not an answer"),
    "deep": (says(b"[" * 100_000), mv.InvalidValue, "not an answer"),
    "a list": (says(b"[]"), mv.InvalidValue, "not an answer"),
    "no data": (says(result(None)), mv.InvalidValue, "not an answer"),
    "no result": (says(result({"resultType": "vector"})), mv.InvalidValue, "not an answer"),
    "a text for a list": (says(result({"resultType": "vector", "result": "12"})), mv.InvalidValue, "not an"),
    "no value": (says(result({"resultType": "vector", "result": [{}]})), mv.InvalidValue, "not an answer"),
    "a word": (says(vector("high")), mv.InvalidValue, "not an answer"),
    "null": (says(vector(None)), mv.InvalidValue, "not an answer"),
    "many": (says(vector("1", "2")), mv.InvalidValue, "several series"),
    "huge": (says(b" " * (2**20 + 2**17)), mv.LimitExceeded, "too large"),
    "elsewhere": (says(b"", 307, Location="http://127.0.0.1:1/x"), mv.StoreError, "found 307"),
    "broken": (says(b"\xff", 500), mv.StoreError, "found 500"),
    "long error": (says(json.dumps({"error": "x" * 10_000}).encode(), 422), mv.StoreError, "found 422 xxx"),
    "error of another kind": (says(b'{"error": {"a": 1}}', 503), mv.StoreError, "found 503"),
    "hangs up": (lambda handler: handler.connection.close(), Offline, "can't be asked"),
    "drips": (drip, Offline, "takes too long"),
    "drips its header": (drip_header, Offline, "takes too long"),
    "drips an error": (drip_error, mv.StoreError, "found 503"),
}


@pytest.mark.parametrize(("answer", "kind", "told"), HOSTILE.values(), ids=HOSTILE)
def test_a_bad_answer_is_told_and_is_no_figure(
    odd: Odd, version: mv.ModelVersion, answer: Answer, kind: type[Exception], told: str
) -> None:
    """Whatever a server sends, in bounded memory and time; and nobody is asked elsewhere."""
    odd.answer = answer
    timeout = 2 if answer in {drip, drip_header, drip_error} else PATIENCE
    with pytest.raises(kind) as refused:
        mv.PrometheusReader(odd.url, {"f1": "x"}, timeout=timeout)(version, window())
    assert told in str(refused.value)
    assert len(str(refused.value)) < 900
    assert len(odd.asked) == 1


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "nan"])
def test_what_is_no_finite_number_was_not_measured(odd: Odd, version: mv.ModelVersion, text: str) -> None:
    """Prometheus says NaN where it divided by zero."""
    odd.answer = says(vector(text))
    assert mv.PrometheusReader(odd.url, {"f1": "x"})(version, window()).values == {}


def test_credentials_go_into_headers_and_nowhere_else(odd: Odd, version: mv.ModelVersion) -> None:
    """Not into the path, an error, or what a reader shows."""
    odd.answer = says(vector("1"), 500)
    url = odd.url.replace("http://", "http://me:se%40cret@") + "/prefix/"
    reader = mv.PrometheusReader(url, {"f1": "x"}, headers={"X-Scope-OrgID": "acme"})
    with pytest.raises(mv.StoreError) as refused:
        reader(version, window())
    ((path, headers, body),) = odd.asked
    assert path == "/prefix/api/v1/query"
    assert headers["authorization"] == "Basic bWU6c2VAY3JldA=="
    assert headers["x-scope-orgid"] == "acme"
    assert "cret" not in str(refused.value) + repr(reader) + body


def test_what_is_put_into_a_query_stays_inside_its_quotes(odd: Odd) -> None:
    """A version can't end the text that it stands in, should a scheme ever let it have such signs."""
    registry = mv.Registry(f"memory://{uuid.uuid4().hex}")
    registry.create_model("acme/fraud", scheme="it-v{major}.{minor}")
    version = registry.register("acme/fraud", {"w.bin": b"1"}, version="it-v1.0", capture=False)
    odd.answer = says(vector("1"))
    query = 'a{v="$version",m="${model}",d="$digest"}[$window] =~ "x$"'
    mv.PrometheusReader(odd.url, {"f1": query})(version, window())
    from urllib.parse import parse_qs

    (asked,) = parse_qs(odd.asked[0][2])["query"]
    assert asked == f'a{{v="it-v1.0",m="acme/fraud",d="{version.digest}"}}[300s] =~ "x$"'
    from modelver.serving.kpis.prometheus import _filled

    assert _filled('"$version"', {"version": 'a"} or b\\\n'}) == '"a\\"} or b\\\\\\n"'


@pytest.mark.parametrize(
    ("url", "queries", "told"),
    [
        ("ftp://prometheus", {"a": "x"}, "not the address"),
        ("prometheus:9090", {"a": "x"}, "not the address"),
        ("http://", {"a": "x"}, "not the address"),
        ("http://host:port", {"a": "x"}, "not the address"),
        ("http://host/?query=x", {"a": "x"}, "not the address"),
        ("file:///etc/passwd", {"a": "x"}, "not the address"),
        ("http://host", {}, "a sensible number of queries"),
        ("http://host", {"a": 'x{v="$versoin"}'}, "Did you mean $version?"),
        ("http://host", {"a": "x[$w]"}, "There is $version, $window, $model, $digest"),
    ],
)
def test_a_wrong_address_or_query_is_refused_at_once(url: str, queries: dict[str, str], told: str) -> None:
    """Before a guard runs for weeks on it."""
    with pytest.raises(mv.InvalidValue) as refused:
        mv.PrometheusReader(url, queries)
    assert told in str(refused.value)
