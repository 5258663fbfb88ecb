"""The tests' Prometheus scrapes, takes samples of the past, and answers queries."""

import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tests.servers.prometheus import Prometheus


def test_what_is_fed_can_be_asked_for_at_its_own_time(prometheus: Prometheus) -> None:
    """Samples of the past are there at once, with their labels, odd ones too."""
    start = int(time.time()) - 86400  # as else it may be rounded in two ways
    prometheus.write({'fed_total{version="1.0.0",odd="a\\"b\\\\,}="}': [(start, 1.0), (start + 60, 61.0)]})
    (row,) = prometheus.query('increase(fed_total{version="1.0.0"}[2m])', at=start + 60)
    assert row["metric"] == {"version": "1.0.0", "odd": 'a"b\\,}='}
    assert 60 <= float(row["value"][1]) <= 61  # it counts what may lie beyond the window's edge
    prometheus.write({"fed": [(start - 9000 + n, float(n)) for n in range(9000)]})  # more than one literal
    assert prometheus.query("count_over_time(fed[3h])", at=start)[0]["value"][1] == "9000"


def test_openmetrics_text_is_taken(prometheus: Prometheus) -> None:
    """So can a page of an exporter with times."""
    at = int(time.time()) - 1000
    prometheus.backfill(
        f'# TYPE taken gauge\ntaken{{model="a"}} 2.5 {at}\ntaken{{model="b"}} 7 {at}\n# EOF\n'
    )
    found = {row["metric"]["model"]: float(row["value"][1]) for row in prometheus.query("taken", at=at)}
    assert found == {"a": 2.5, "b": 7.0}


def test_an_exporter_is_scraped(prometheus: Prometheus) -> None:
    """A target that is added by a file is scraped soon, and no more once it is taken away."""
    registry = CollectorRegistry()
    Gauge("scraped_here", "A figure.", registry=registry).set(4)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        prometheus.scrape("here", f"127.0.0.1:{server.server_port}", labels={"team": "risk"})
        # Over some time, as a later scrape may come too late on a busy machine, which hides what the first one found.
        (row,) = prometheus.query('last_over_time(scraped_here{job="here"}[5m])')
    finally:
        prometheus.scrape("here")
        server.shutdown()
        thread.join()
        server.server_close()
    assert row["value"][1] == "4"
    assert row["metric"]["team"] == "risk"


def test_it_leaves_nothing(tmp_path: Path) -> None:
    """One of one's own ends with its folder."""
    with Prometheus(tmp_path / "server") as own:
        assert own.query("vector(1)")[0]["value"][1] == "1"
    assert list(tmp_path.iterdir()) == []
