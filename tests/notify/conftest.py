"""A receiver, and registries whose people are told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import modelver as mv
from modelver.notify.background import background
from tests.notify.receiver import OTHER_SECRET, PATIENCE, SECRET, Receiver
from tests.registries import publish

Configure = Callable[..., None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver."""
    with Receiver() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own, with secrets in the environment."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("OTHER_SECRET", OTHER_SECRET)
    monkeypatch.setenv("MODELVER_ACTOR", "jane@example.org")
    return folder


@pytest.fixture
def configure(project: Path) -> Configure:
    """Give what writes the project's tables."""

    def write(*urls: str, **keys: str) -> None:
        usual = {"secret_env": '"HOOK_SECRET"', "registry": '"*"'}
        tables = [{"url": f'"{url}"', **usual, **keys} for url in urls]
        lines = [
            line for table in tables for line in ("[[notify]]", *(f"{k} = {v}" for k, v in table.items()))
        ]
        (project / "modelver.toml").write_text("\n".join(lines) + "\n")

    return write


@pytest.fixture
def registry(project: Path) -> mv.Registry:
    """Give a registry beside the project."""
    return mv.Registry(project.parent / "registry")


@pytest.fixture
def versions(registry: mv.Registry) -> list[mv.ModelVersion]:
    """Give two versions that were there before anybody was told of anything."""
    first = publish(registry, b"1", changelog="The first.")
    return [first, publish(registry, b"2", changelog="Better recall.")]


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Let no test leave work to the next."""
    yield
    assert settled()


def settled() -> bool:
    """Wait until the background has nothing to do."""
    return background().wait(PATIENCE)
