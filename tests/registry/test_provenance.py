"""Where a version comes from: captured beside it, or stated in it."""

import subprocess
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, publish


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a git checkout with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q", "-b", "trunk"], check=True)
    (folder / "train.py").write_text("pass")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    return folder


def test_where_it_was_made_is_captured(
    memory: mv.Registry, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git state of the working folder, environment, host: beside the version, not in its manifest."""
    monkeypatch.chdir(checkout)
    version = publish(memory, capture=True)
    provenance = version.provenance
    assert provenance.code is not None
    assert (provenance.code.branch, provenance.code.dirty, len(provenance.code.commit)) == (
        "trunk",
        False,
        40,
    )
    assert provenance.environment is not None
    assert "attrs" in provenance.environment.packages
    assert provenance.host is not None
    assert version.metadata.code is None
    assert memory.get(version).provenance == provenance
    assert publish(memory, capture=False) == version


def test_another_checkout_can_be_named(memory: mv.Registry, checkout: Path) -> None:
    """`code` is the folder to look at; text and paths will do."""
    for number, code in enumerate((checkout, str(checkout))):
        version = publish(memory, bytes([number]), code=code, capture=True)
        assert version.provenance.code is not None
        assert version.provenance.code.branch == "trunk"


def test_stated_code_is_part_of_the_version(memory: mv.Registry) -> None:
    """What the publisher states is in the manifest, captured or not; it wins over what is found."""
    code = mv.Code(repository="https://example.org/r", commit="ab" * 20)
    for number, capture in enumerate((True, False)):
        version = publish(memory, bytes([number]), code=code, capture=capture)
        assert version.metadata.code == code
    first = memory.get("acme/fraud:1.0.0")
    assert first.provenance.code == code


def test_nothing_is_captured_where_that_is_not_wished(memory: mv.Registry) -> None:
    """The provenance is empty then, and costs no blob."""
    version = publish(memory)
    assert version.provenance == mv.Provenance()
    assert memory.verify(version).checked["blobs"] == 3


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("run-17", mv.Run(id="run-17")),
        ("https://user:secret@wandb.ai/a/b?token=1", mv.Run(url="https://wandb.ai/a/b")),
        (mv.Run("mlflow", "17"), mv.Run("mlflow", "17")),
    ],
)
def test_a_run_can_be_named(capture: bool, given: object, expected: mv.Run, memory: mv.Registry) -> None:
    """By id, by address without its secrets, or whole; also where nothing else is captured."""
    assert publish(memory, run=given, capture=capture).provenance.run == expected


def test_a_run_is_found_in_ci(memory: mv.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of the CI system tell it, unless the caller does."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_RUN_ID", "99")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
    found = publish(memory, b"1", capture=True).provenance.run
    assert found is not None
    assert (found.system, found.id) == ("github", "99")
    assert publish(memory, b"2", run="mine", capture=True).provenance.run == mv.Run(id="mine")


def test_a_place_without_git_is_fine(
    memory: mv.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No checkout, no code; everything else is captured."""
    monkeypatch.chdir(tmp_path)
    provenance = publish(memory, capture=True).provenance
    assert provenance.code is None
    assert provenance.environment is not None


def test_the_model_is_the_same_whoever_made_it(memory: mv.Registry, checkout: Path) -> None:
    """Provenance is no part of the identity: two captures of equal content are one version."""
    first = publish(memory, code=checkout, capture=True)
    assert publish(memory, capture=True) == first
    assert MODEL in first.ref
