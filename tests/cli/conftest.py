"""Fixtures for the command's tests."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from modelver.cli.main import modelver
from tests.cli.support import Done, Run


@pytest.fixture
def registry_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with a registry in it that need not be named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELVER_REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("MODELVER_ACTOR", "lena@example.org")
    return tmp_path / "registry"


@pytest.fixture
def run(registry_path: Path) -> Run:
    """Run the command in this process."""

    def run(*arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> Done:
        result = CliRunner().invoke(modelver, [str(argument) for argument in arguments], input=stdin)
        done = Done(result.exit_code, result.stdout, result.stderr)
        assert done.code == code, done
        return done

    return run


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder with weights and a prompt."""
    folder = tmp_path / "build"
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "system.txt").write_text("Review: {payment}")
    (folder / "model.bin").write_bytes(b"first")
    return folder


@pytest.fixture
def fraud(run: Run, build: Path) -> str:
    """A model with two versions: 1.0.0 is staging, 1.1.0 is production and was 1.0.0 before."""
    first = ("--changelog", "The first.", "--metric", "f1=0.91", "--alias", "staging", "--no-capture")
    run("register", "acme/fraud", build, *first)
    (build / "model.bin").write_bytes(b"second")
    run(
        "register",
        "acme/fraud",
        build,
        "--changelog",
        "Better recall.",
        "--metric",
        "f1=0.93",
        "--no-capture",
    )
    run("alias", "acme/fraud", "production", "1.0.0", "--reason", "first release")
    run("alias", "acme/fraud", "production", "1.1.0", "--reason", "passed review")
    return "acme/fraud"
