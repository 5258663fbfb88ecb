"""A real model under real load, while production moves, the registry goes away, and bad versions are promoted."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults
from tests.servers.seaweedfs import SeaweedFS

from .speech import (
    RELEASES,
    Production,
    SpeechServer,
    computed,
    damaged,
    impostor,
    load,
    noted,
    release,
)

BAD = {"7.0.0": "fetch", "7.1.0": "load", "7.2.0": "check"}
"""Versions that must never answer, and where each of them fails."""


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    """Give the way to the store, which can be closed."""
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        yield proxy


def with_bad_versions(production: Production, folder: Path) -> None:
    """Register a version that will be damaged, one that can't be loaded, and one that computes nonsense."""
    good = noted(release(RELEASES[0]), "to be damaged")
    for version, data in zip(BAD, (good, impostor("NoSuchOperator"), impostor()), strict=True):
        production.register(version, data)
    production.damage("7.0.0", damaged(good))
    # The damaged one could be loaded, and would answer.
    assert 0 <= computed(damaged(good), folder) <= 1
    assert computed(damaged(good), folder) not in production.expected.values()
    assert len(set(production.expected.values())) == len(RELEASES)


@pytest.mark.parametrize(
    ("swaps", "rate"),
    [(6, 25.0), pytest.param(100, 100.0, marks=[pytest.mark.full, pytest.mark.timeout(900)])],
)
def test_every_request_is_answered_by_the_version_that_it_names(
    seaweedfs: SeaweedFS, proxy: FaultProxy, tmp_path: Path, swaps: int, rate: float
) -> None:
    """While production moves, the store is out of reach, and versions are damaged, can't be loaded or fail their check."""
    production = Production(seaweedfs, tmp_path)
    with_bad_versions(production, tmp_path)
    opened = {
        "url": production.url,
        "storage_options": {**production.options, "endpoint_url": proxy.url},
        "cache_dir": str(tmp_path / "cache"),
        "timeout": 60.0,
    }
    moves = [RELEASES[(number + 1) % len(RELEASES)] for number in range(swaps)]
    memory: list[int] = []
    with SpeechServer(tmp_path, opened, {"interval": 0.05}) as server:
        with load(server.url, tmp_path, rate) as asked:
            for number, version in enumerate(moves):
                if number == swaps // 2:
                    proxy.faults = Faults(refuse=True)
                    server.fails("resolve")
                    production.promote(version)
                    proxy.faults = NO_FAULTS
                    server.serves(version)
                    for bad, stage in BAD.items():
                        production.promote(bad)
                        server.fails(stage)
                production.promote(version)
                server.serves(version)
                memory.append(psutil.Process(server.process.pid).memory_info().rss)
        history = server.get("/history")
    assert asked.failed == []
    assert len(asked.answers) > swaps
    assert {(version, value) for _, _, version, value in asked.answers} <= set(production.expected.items())
    swapped = [change["version"] for change in history if change["outcome"] == "swapped"]
    failed = [change["stage"] for change in history if change["outcome"] == "failed"]
    assert swapped == [RELEASES[0], *moves]
    assert failed == ["resolve", *BAD.values()]
    if swaps >= 100:
        quarter = swaps // 4
        before, after = (
            sorted(part)[quarter // 2] for part in (memory[quarter : 2 * quarter], memory[-quarter:])
        )
        assert after < before * 1.1 + 2**23
