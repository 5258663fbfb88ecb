"""Fixtures that every room's tests share."""

from pathlib import Path

import hypothesis
import pytest

# A deadline would make the outcome depend on how busy the machine is.
hypothesis.settings.register_profile("house", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("house")


@pytest.fixture(autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a user cache of its own."""
    cache = tmp_path_factory.mktemp("user-cache")
    monkeypatch.setenv("MODELVER_CACHE", str(cache))
    return cache
