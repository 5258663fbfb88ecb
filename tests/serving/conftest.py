"""Fixtures for the tests of serving: a registry with three versions, and a place to write changes down."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, publish

PATIENCE = 30.0
"""Seconds after which something that should have happened never will."""


def until(happened: Callable[[], object], what: str) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(0.002)


@pytest.fixture
def registry(tmp_path: Path) -> mv.Registry:
    """Give a registry with the versions 1.0.0, 1.1.0 and 1.2.0, the first in production; each file holds its number."""
    registry = mv.Registry(tmp_path / "registry")
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        publish(registry, number.encode(), version=number, changelog="x")
    registry.set_alias(MODEL, "production", "1.0.0", reason="the first")
    return registry
