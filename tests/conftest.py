"""Fixtures that every room's tests share."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import measuring
from tests.servers import shared
from tests.servers.azurite import Azurite
from tests.servers.fakegcs import FakeGCS
from tests.servers.moto import Moto
from tests.servers.prometheus import Prometheus
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.sshd import Sshd

# gcsfs reads it when it is imported; it would ask an emulator for what only Google has, a minute long.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

# Times would make the outcome depend on how busy the machine is.
UNTIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("house", max_examples=40, **UNTIMED)
hypothesis.settings.register_profile("thorough", max_examples=400, **UNTIMED)
hypothesis.settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def own_threads() -> None:
    """Measure coverage in no foreign threads."""
    measuring.measure_own_threads()


@pytest.fixture(scope="module")
def measured_loop() -> Iterator[None]:
    """Measure fsspec's thread after all."""
    with measuring.measured_loop():
        yield


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure no coverage in the processes of the test.

    Coverage doubles their time, loads SQLite, hangs in forks of busy threads, and leaves broken files where a process
    is killed.
    """
    measuring.leave_unmeasured(monkeypatch)


@pytest.fixture(scope="session", autouse=True)
def home_left_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what fixtures of whole modules make out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELVER_CACHE", str(tmp_path_factory.mktemp("cache-of-fixtures")))
        yield


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a user cache of its own."""
    cache = tmp_path_factory.mktemp("user-cache")
    monkeypatch.setenv("MODELVER_CACHE", str(cache))
    return cache


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> SeaweedFS:
    """Give the test run's SeaweedFS."""
    return shared.running(SeaweedFS, tmp_path_factory)


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Moto:
    """Give the test run's moto."""
    return shared.running(Moto, tmp_path_factory)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Azurite:
    """Give the test run's Azurite."""
    return shared.running(Azurite, tmp_path_factory)


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> FakeGCS:
    """Give the test run's fake-gcs-server."""
    return shared.running(FakeGCS, tmp_path_factory)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Sshd:
    """Give the test run's sshd."""
    return shared.running(Sshd, tmp_path_factory)


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Prometheus:
    """Give the test run's Prometheus."""
    return shared.running(Prometheus, tmp_path_factory)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the test run's servers, in its first process, after the workers."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shared.stop_all(session.config._tmp_path_factory.getbasetemp())
