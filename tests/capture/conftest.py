"""Real git checkouts that no setting of the machine reaches into."""

import os
import subprocess
from pathlib import Path

import attrs
import pytest

from modelver.capture.git import capture_code


@attrs.frozen
class Checkout:
    """A checkout with one commit on the branch `main`."""

    top: Path

    def git(self, *arguments: str) -> str:
        """Run git in it, and return what it printed."""
        done = subprocess.run(["git", *arguments], cwd=self.top, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> Path:
        """Write a file."""
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self) -> str:
        """Commit everything, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for git as long as it takes on a busy machine, where a test doesn't say otherwise."""
    monkeypatch.setitem(capture_code.__kwdefaults__, "patience", 120.0)


@pytest.fixture
def user_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own git settings, in a file of the test."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        '[user]\nname = Ann\nemail = ann@example.org\n[init]\ndefaultBranch = main\n[protocol "file"]\nallow = always\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return settings


@pytest.fixture
def checkout(tmp_path: Path, user_settings: Path) -> Checkout:
    """A clean checkout."""
    made = Checkout(tmp_path / "checkout")
    made.write("train.py", "print('training')\n")
    made.git("init", "--quiet")
    made.commit()
    return made
