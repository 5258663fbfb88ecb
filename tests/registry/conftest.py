"""Registries for the tests of this room."""

import uuid
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import write_tree
from tests.registry.releases import Checkout, git_settings, make_checkout, plain_environment


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give the place of a registry that is not there yet."""
    return tmp_path / "registry"


@pytest.fixture
def registry(root: Path) -> mv.Registry:
    """Give a registry in a folder, which the first write makes."""
    return mv.Registry(root, actor="tester@example.org")


@pytest.fixture
def memory() -> mv.Registry:
    """Give a registry in memory: for what has nothing to do with files."""
    return mv.Registry(f"memory://{uuid.uuid4().hex}", actor="tester@example.org")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Give a folder as training leaves it."""
    return write_tree(
        tmp_path / "build",
        {"model.bin": b"weights", "config.json": '{"threshold": 0.5}', "prompts/system.txt": "Case: {case}"},
    )


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Give a project in a checkout that no setting of the machine reaches into."""
    for name in plain_environment():
        monkeypatch.delenv(name)
    for name, value in git_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    return make_checkout(tmp_path / "project")
