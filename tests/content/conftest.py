"""Stores and memories for the tests of this room."""

from pathlib import Path

import pytest

from modelver.cache.stamps import StampCache
from modelver.storage.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give an empty local store."""
    return LocalStore(tmp_path / "registry")


@pytest.fixture
def stamps(private_cache: Path) -> StampCache:
    """Give what the user's machine remembers: nothing yet."""
    return StampCache(private_cache)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give an empty folder of sources."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder
