"""Prometheus, the real one: it scrapes what it is told to, and takes samples of any time by its remote-write protocol.

From Debian's package. Its protocol is Protocol Buffers in Snappy's framing; both are short enough to be written here.
See https://prometheus.io/docs/specs/prw/remote_write_spec/ and https://github.com/google/snappy, format_description.txt.
"""

import http.client
import json
import struct
import time
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.servers.process import Server, program

_SETTINGS = """
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
storage: {tsdb: {out_of_order_time_window: 3650d}}
scrape_configs:
  - job_name: tests
    file_sd_configs: [{files: ["%s/*.json"]}]
"""

_PATIENCE = 60.0
_LITERAL = 2**16

Series = Mapping[str, Sequence[tuple[float, float]]]
"""Per series, such as ``errors_total{model_version="1.0.0"}``: pairs of a Unix time in seconds and a value."""


class Prometheus(Server):
    """Prometheus on a folder."""

    package: ClassVar[str] = "apt-get install prometheus"

    @property
    def _targets(self) -> Path:
        return self.folder / "targets"

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""
        return [
            program("prometheus", self.package),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-remote-write-receiver",
            "--storage.tsdb.retention.time=10y",
            "--log.level=warn",
        ]

    def prepare(self) -> None:
        """Write its settings; targets are files, so that any process of a test run may add one."""
        self._targets.mkdir(exist_ok=True)
        (self.folder / "prometheus.yml").write_text(_SETTINGS % self._targets, encoding="utf-8")

    def is_ready(self) -> bool:
        """Ask it."""
        return self.get("/-/ready") == 200

    def scrape(self, name: str, *addresses: str, labels: Mapping[str, str] | None = None) -> None:
        """Scrape ``host:port`` five times a second from now on, and wait until each was scraped.

        Args:
            name: The label ``job`` of what is scraped, which is nobody else's; the same name replaces its targets.
            addresses: None ends it.
            labels: More labels.
        """
        target = {"targets": list(addresses), "labels": {"job": name, **(labels or {})}}
        made = self._targets / f"{name}.new"
        made.write_text(json.dumps([target] if addresses else []), encoding="utf-8")
        made.replace(made.with_suffix(".json"))
        deadline = time.monotonic() + _PATIENCE
        while len(self.query(f'up{{job="{name}"}} == 1')) < len(addresses):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{addresses} can't be scraped")
            time.sleep(0.05)

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """Ask for the value of an expression, now or at a Unix time.

        Returns:
            Rows with ``metric`` (labels) and ``value`` (time, text).

        Raises:
            RuntimeError: The expression is wrong.
        """
        parameters = {"query": promql, **({} if at is None else {"time": str(at)})}
        answer = json.loads(self._ask("GET", f"/api/v1/query?{urllib.parse.urlencode(parameters)}"))
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def backfill(self, openmetrics: str) -> None:
        """Take samples from OpenMetrics text, each line with its time in seconds; they can be asked for at once."""
        series: dict[str, list[tuple[float, float]]] = {}
        for family in text_string_to_metric_families(openmetrics):
            for sample in family.samples:
                assert sample.timestamp is not None, f"{sample.name} has no time"
                labels = ",".join(f"{name}={json.dumps(text)}" for name, text in sample.labels.items())
                point = (float(sample.timestamp), sample.value)
                series.setdefault(f"{sample.name}{{{labels}}}", []).append(point)
        self.write(series)

    def write(self, series: Series) -> None:
        """Take samples of any time, past too; they can be asked for at once."""
        body = _snappy(b"".join(_field(1, _series(name, points)) for name, points in series.items()))
        self._ask("POST", "/api/v1/write", body)

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        headers = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"} if body else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body or None, headers)
            with connection.getresponse() as reply:
                content = reply.read()
                if reply.status >= 300:
                    raise RuntimeError(f"{method} {path} gave {reply.status}: {content[:500]!r}")
                return content


def _series(name: str, points: Iterable[tuple[float, float]]) -> bytes:
    """Return a TimeSeries message; the sample's text is read as Prometheus writes it."""
    bare, _, rest = name.partition("{")
    labels = {"__name__": bare, **_labels(rest.rstrip("}"))}
    texts = (
        _field(1, _field(1, key.encode()) + _field(2, text.encode())) for key, text in sorted(labels.items())
    )
    samples = (
        _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(at * 1000)))
        for at, value in sorted(points)
    )
    return b"".join((*texts, *samples))


def _labels(text: str) -> dict[str, str]:
    """Read ``a="1",b="2"``; texts are as in JSON."""
    decoder, found = json.JSONDecoder(), {}
    while text:
        name, _, text = text.partition("=")
        found[name.strip(", ")], end = decoder.raw_decode(text)
        text = text[end:]
    return found


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    found = bytearray()
    number &= 2**64 - 1
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _snappy(data: bytes) -> bytes:
    """Return data in Snappy's block format, as literals: nothing is made smaller."""
    parts = [data[start : start + _LITERAL] for start in range(0, len(data), _LITERAL)]
    return _varint(len(data)) + b"".join(b"\xf4" + struct.pack("<H", len(part) - 1) + part for part in parts)
