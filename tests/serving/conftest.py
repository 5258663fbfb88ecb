"""Fixtures for the tests of serving: a registry with three versions, a place to write changes down, files to load."""

import gc
import time
import uuid
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import modelver as mv
from tests.registries import MODEL, publish

FEATURES = np.array([[0.0], [1.0], [2.0], [3.0]])
PATIENCE = 60.0
"""Seconds after which something that should have happened never will, on a busy machine too."""
NEVER = 1e9
"""An interval after which no test looks: the first look is after a random part of it."""


def until(happened: Callable[[], object], what: str) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(0.002)


def until_gone(what: str, *objects: weakref.ref[object]) -> None:
    """Wait until nothing holds objects any more; a thread that is about to end may hold one for a moment."""

    def gone() -> bool:
        gc.collect()
        return all(each() is None for each in objects)

    until(gone, f"the end of {what}")


@pytest.fixture
def registry(tmp_path: Path) -> mv.Registry:
    """Give a registry with the versions 1.0.0, 1.1.0 and 1.2.0, the first in production; each file holds its number."""
    registry = mv.Registry(tmp_path / "registry")
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        publish(registry, number.encode(), version=number, changelog="x")
    registry.set_alias(MODEL, "production", "1.0.0", reason="the first")
    return registry


@pytest.fixture(scope="module")
def classifier() -> LogisticRegression:
    """Give a fitted model of scikit-learn, which tells `FEATURES` apart."""
    return LogisticRegression().fit(FEATURES, [0, 0, 1, 1])


@pytest.fixture
def loaded() -> Callable[..., mv.LoadedModel]:
    """Give a function that registers files and loads them."""
    registry = mv.Registry(f"memory://{uuid.uuid4().hex}")

    def load(include: str | None = None, **files: bytes) -> mv.LoadedModel:
        named = {name.replace("__", "/").replace("_dot_", "."): data for name, data in files.items()}
        version = registry.register(MODEL, named, changelog="x", capture=False)  # type: ignore[arg-type] # bytes
        return registry.load(version, include=include)

    return load
