"""A follower's metrics: what Prometheus's own tools say of them, and what they say of the follower."""

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

import modelver as mv
from tests.registries import MODEL
from tests.serving.conftest import NEVER, until
from tests.serving.telemetry.support import following, move, swapping, text

NAMES = {"model": MODEL, "alias": "production"}


@pytest.fixture
def metrics() -> CollectorRegistry:
    """Give a registry of metrics, as strict about doubles as the default one."""
    return CollectorRegistry(auto_describe=True)


@pytest.fixture
def follower(registry: mv.Registry) -> Iterator[mv.Follower[str]]:
    """Follow production."""
    with following(registry) as follower:
        yield follower


def info(metrics: CollectorRegistry) -> list[dict[str, str]]:
    """Return what the info metric says."""
    page = generate_latest(metrics).decode()
    families = [
        family for family in text_string_to_metric_families(page) if family.name == "modelver_model_info"
    ]
    return [dict(sample.labels) for family in families for sample in family.samples]


def value(metrics: CollectorRegistry, name: str, **labels: str) -> float | None:
    """Return a sample's value; None where there is none."""
    return metrics.get_sample_value(f"modelver_{name}", {**NAMES, **labels})


def test_the_info_metric_names_what_is_served(
    registry: mv.Registry, follower: mv.Follower[str], metrics: CollectorRegistry
) -> None:
    """One series, for joins, that follows the swaps."""
    mv.FollowerCollector(follower, metrics)
    move(registry, follower, "1.1.0")
    digest = str(registry.get(f"{MODEL}:1.1.0").digest)
    assert info(metrics) == [{**NAMES, "version": "1.1.0", "digest": digest, "external_facing": "false"}]


def test_swaps_and_failures_are_counted(
    registry: mv.Registry, follower: mv.Follower[str], metrics: CollectorRegistry, tmp_path: Path
) -> None:
    """The first version counts as a swap; a failure counts for its stage while the old version serves on."""
    mv.FollowerCollector(follower, metrics)
    assert value(metrics, "swaps_total") == 1
    first = value(metrics, "last_swap_timestamp_seconds")
    assert first == follower.history[-1].at.timestamp()
    move(registry, follower, "1.1.0")
    assert value(metrics, "swaps_total") == 2
    swapped = follower.history[-1]
    assert value(metrics, "last_swap_timestamp_seconds") == swapped.at.timestamp() > first
    assert value(metrics, "last_fetch_seconds") == swapped.fetch_seconds > 0
    assert value(metrics, "last_load_seconds") == swapped.load_seconds > 0
    assert value(metrics, "failures_total", stage="resolve") == 0
    shutil.move(tmp_path / "registry", tmp_path / "away")
    follower.check_now()
    assert value(metrics, "failures_total", stage="resolve") == value(metrics, "failing") == 1
    assert info(metrics)[0]["version"] == "1.1.0"
    shutil.move(tmp_path / "away", tmp_path / "registry")
    follower.check_now()
    assert value(metrics, "failures_total", stage="resolve") == 1
    assert value(metrics, "failing") == 0
    assert 0 <= (value(metrics, "age_seconds") or 0) <= follower.age


def test_promtool_finds_no_fault(
    registry: mv.Registry, follower: mv.Follower[str], metrics: CollectorRegistry
) -> None:
    """Names, types and texts are by Prometheus's conventions, with several followers too."""
    registry.set_alias(MODEL, "staging", "1.2.0")
    with following(registry, "staging") as other:
        for each in (follower, other):
            mv.FollowerCollector(each, metrics)
        page = generate_latest(metrics)
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert {each["alias"]: each["version"] for each in info(metrics)} == {
            "production": "1.0.0",
            "staging": "1.2.0",
        }
        families = list(read_openmetrics(generate_openmetrics(metrics).decode()))
    assert {family.name for family in families if family.type == "counter"} == {
        "modelver_swaps",
        "modelver_failures",
    }
    assert {family.type for family in families} == {"info", "counter", "gauge"}


def test_an_alias_is_collected_once(
    registry: mv.Registry, follower: mv.Follower[str], metrics: CollectorRegistry
) -> None:
    """A second follower of an alias is refused, unless it goes to another registry of metrics or the first is closed."""
    first = mv.FollowerCollector(follower, metrics)
    with following(registry) as other:
        with pytest.raises(mv.AlreadyExists, match="acme/fraud@production"):
            mv.FollowerCollector(other, metrics)
        mv.FollowerCollector(other, CollectorRegistry())
        follower.close()
        mv.FollowerCollector(other, metrics)
        first.close()
        assert len(info(metrics)) == 1
    with pytest.raises(mv.InvalidValue, match="closed"):
        mv.FollowerCollector(follower, metrics)


def test_what_is_closed_or_gone_is_left_out(registry: mv.Registry, metrics: CollectorRegistry) -> None:
    """A collector that is closed leaves nothing behind; nor does a follower that was closed or forgotten."""
    with following(registry) as follower:
        with mv.FollowerCollector(follower, metrics) as collector:
            assert len(info(metrics)) == 1
        collector.close()
        assert generate_latest(metrics) == b""
        mv.FollowerCollector(follower, metrics)
    assert info(metrics) == []
    forgotten = registry.follow(f"{MODEL}@production", text, interval=NEVER)
    mv.FollowerCollector(forgotten, metrics)
    assert len(info(metrics)) == 1
    del forgotten

    def gone() -> bool:
        gc.collect()
        return info(metrics) == []

    until(gone, "the end of a follower that nobody holds")


def test_the_default_registry_is_that_of_prometheus_client(follower: mv.Follower[str]) -> None:
    """Without an argument the metrics are where all others are."""
    from prometheus_client import REGISTRY

    with mv.FollowerCollector(follower):
        assert value(REGISTRY, "swaps_total") == 1
    assert value(REGISTRY, "swaps_total") is None


def test_a_scrape_waits_for_nothing(registry: mv.Registry, metrics: CollectorRegistry) -> None:
    """Between two models that don't fit side by side there is no version to name, and the scrape says the rest."""
    pages: list[bytes] = []

    def load(files: mv.LoadedModel) -> str:
        if pages:
            pages.append(generate_latest(metrics))
        return text(files)

    with registry.follow(f"{MODEL}@production", load, interval=NEVER, swap="drain") as follower:
        mv.FollowerCollector(follower, metrics)
        pages.append(generate_latest(metrics))
        move(registry, follower, "1.1.0")
    assert [b"modelver_model_info{" in page for page in pages] == [True, False]
    assert all(b"modelver_swaps_total{" in page for page in pages)


def test_each_scrape_is_whole_while_versions_are_swapped(
    registry: mv.Registry, follower: mv.Follower[str], metrics: CollectorRegistry
) -> None:
    """Each names one version, with its own digest; counters only grow."""
    digests = {version.version: str(version.digest) for version in registry.versions(MODEL)}
    mv.FollowerCollector(follower, metrics)
    counts = []
    with swapping(registry, follower):
        for _ in range(200):
            (served,) = info(metrics)
            assert served["digest"] == digests[served["version"]]
            counts.append(value(metrics, "swaps_total"))
    assert counts == sorted(counts, key=float)


def test_a_forked_child_has_metrics_of_its_own(
    registry: mv.Registry, follower: mv.Follower[str], metrics: CollectorRegistry
) -> None:
    """The collector goes on in the child, whose follower swaps by itself."""
    mv.FollowerCollector(follower, metrics)
    Counter("others", "Some other metric.", registry=metrics).inc()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            move(registry, follower, "1.2.0")
            status = 0 if info(metrics)[0]["version"] == "1.2.0" and value(metrics, "swaps_total") == 2 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert info(metrics)[0]["version"] == "1.0.0"
    assert value(metrics, "swaps_total") == 1
