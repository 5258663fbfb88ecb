"""Stores and memories that the log's tests share."""

from pathlib import Path
from uuid import uuid4

import pytest

from modelver.cache.heads import HeadMemory
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Give an empty store of each kind."""
    return LocalStore(tmp_path / "registry") if request.param == "local" else MemoryStore(uuid4().hex)


@pytest.fixture
def heads(tmp_path: Path) -> HeadMemory:
    """Give this machine's memory of heads."""
    return HeadMemory(tmp_path / "cache")


@pytest.fixture
def no_heads(tmp_path: Path) -> HeadMemory:
    """Give the memory of a machine that never saw the log: its cache is no folder."""
    (tmp_path / "no-cache").write_text("", encoding="utf-8")
    return HeadMemory(tmp_path / "no-cache")
