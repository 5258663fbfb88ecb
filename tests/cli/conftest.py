"""Fixtures for the command's tests."""

import shutil
from datetime import UTC, datetime, timedelta
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


def invoke(*arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> Done:
    """Run the command in this process."""
    result = CliRunner().invoke(modelver, [str(argument) for argument in arguments], input=stdin)
    done = Done(result.exit_code, result.stdout, result.stderr)
    assert done.code == code, done
    return done


@pytest.fixture
def run(registry_path: Path) -> Run:
    """Give what runs the command in this process, with that registry."""
    return invoke


def fill(folder: Path) -> Path:
    """Write weights and a prompt into a new folder."""
    (folder / "prompts").mkdir(parents=True)
    (folder / "prompts" / "system.txt").write_text("Review: {payment}")
    (folder / "model.bin").write_bytes(b"first")
    return folder


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder with weights and a prompt."""
    return fill(tmp_path / "build")


@pytest.fixture(scope="session")
def fraud_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a model of two versions, made once: 1.0.0 is staging, 1.1.0 is production and was 1.0.0 before."""
    place = tmp_path_factory.mktemp("fraud")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELVER_CACHE", str(place / "cache"))
        patch.setenv("MODELVER_REGISTRY", str(place / "registry"))
        patch.setenv("MODELVER_ACTOR", "lena@example.org")
        build = fill(place / "build")
        common = ("register", "acme/fraud", build, "--no-capture")
        invoke(*common, "--changelog", "The first.", "--metric", "f1=0.91", "--alias", "staging")
        (build / "model.bin").write_bytes(b"second")
        invoke(*common, "--changelog", "Better recall.", "--metric", "f1=0.93")
        invoke("alias", "acme/fraud", "production", "1.0.0", "--reason", "first release")
        invoke("alias", "acme/fraud", "production", "1.1.0", "--reason", "passed review")
    return place / "registry"


@pytest.fixture
def fraud(fraud_registry: Path, registry_path: Path, build: Path) -> str:
    """That model, in a registry of the test's own, beside the files of its last version."""
    shutil.copytree(fraud_registry, registry_path)
    (build / "model.bin").write_bytes(b"second")
    return "acme/fraud"


@pytest.fixture
def figures(fraud: str, tmp_path: Path) -> Path:
    """A CSV file with figures of 1.1.0, which is production, of the next half minute too: they stay in the window."""
    now = datetime.now(UTC)
    times = (now + timedelta(seconds=second / 10) for second in range(-300, 300))
    rows = [f"{time.isoformat()},1.1.0,0.2,100" for time in times]
    path = tmp_path / "kpis.csv"
    path.write_text("\n".join(["time,version,error_rate,samples", *rows]) + "\n")
    return path
