"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a user cache of its own."""
    cache = tmp_path_factory.mktemp("user-cache")
    monkeypatch.setenv("MODELVER_CACHE", str(cache))
    return cache
