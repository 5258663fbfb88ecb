"""Projects in git checkouts, to release."""

import os
import subprocess
from pathlib import Path

import attrs

import modelver as mv
from tests.registries import write_tree

PROJECT = """
[model]
name = "acme/fraud"
[components]
prompts = "prompts/**"
[metrics]
f1 = 0.9
[changelog]
summary = "Kinder."
"""

SETTINGS = "[user]\nname = Ann\nemail = ann@example.org\n[init]\ndefaultBranch = main\n"


@attrs.frozen
class Checkout:
    """A project in a checkout, with one commit."""

    top: Path

    def git(self, *arguments: str, top: Path | None = None) -> str:
        """Run git in it, and return what it printed."""
        done = subprocess.run(
            ["git", *arguments], cwd=top or self.top, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit everything, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change")
        return self.git("rev-parse", "HEAD")

    def change(self, text: str) -> str:
        """Change the prompt and commit it; return the commit."""
        (self.top / "prompts" / "system.txt").write_text(text)
        return self.commit()

    @property
    def tags(self) -> dict[str, str]:
        """The tags and the commits that they name."""
        shape = "--format=%(refname:short) %(*objectname)"
        return dict(line.split(" ") for line in self.git("for-each-ref", "refs/tags", shape).splitlines())


def git_settings(folder: Path, text: str = SETTINGS) -> dict[str, str]:
    """Return variables with which no setting of the machine reaches git."""
    place = folder / "gitconfig"
    place.write_text(text)
    return {"GIT_CONFIG_GLOBAL": str(place), "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)}


def make_checkout(top: Path, text: str = PROJECT) -> Checkout:
    """Make a project in a checkout, without what a release writes."""
    write_tree(
        top,
        {"modelver.toml": text, "prompts/system.txt": "Be kind.\n", ".gitignore": "release/\n"},
    )
    made = Checkout(top)
    made.git("init", "--quiet")
    made.commit()
    return made


def outcomes(release: mv.Release) -> dict[str, str]:
    """Return what became of each step."""
    return {step.name: step.outcome for step in release.steps}


def plain_environment() -> list[str]:
    """Return the variables that would lead git elsewhere, or make us believe to be in CI."""
    return [name for name in os.environ if name.startswith(("GIT_", "GITHUB_"))]
