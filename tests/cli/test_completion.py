"""Completion in the shell: verbs, options, models, aliases, versions; and bash's own way of splitting words."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from modelver.cli.main import SHELLS, modelver
from tests.cli.support import Run

pytestmark = pytest.mark.usefixtures("unmeasured")

PROGRAM = Path(sys.executable).with_name("modelver")
COMPLETE_IN_BASH = """
source <("$0" --completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
_modelver_completion "$0" "$2" 2> /dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def words(*line: str) -> list[str]:
    """Return the completions of the last word of a line."""
    *before, incomplete = line
    found = ShellComplete(modelver, {}, "modelver", "").get_completions(before, incomplete)
    return [item.value for item in found]


def in_bash(line: str, word: str) -> list[str]:
    """Return what bash is told to put in place of the word that it takes to be under the cursor."""
    done = subprocess.run(
        ["bash", "-c", COMPLETE_IN_BASH, PROGRAM, line, word], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def models(run: Run, fraud: str, build: Path) -> str:
    """Three models, of which two begin alike."""
    run("register", "acme/fraud-eu", build, "--no-capture")
    run("register", "speech", build, "--no-capture")
    return fraud


def test_verbs_and_options(models: str) -> None:
    """Verbs complete, and the options of a verb."""
    assert words("ro") == ["rollback"]
    assert words("register", "--bu") == ["--bump"]
    assert words("register", "--bump", "mi") == ["minor"]


def test_models(models: str) -> None:
    """A model's name completes wherever one is due."""
    for verb in ("register", "alias", "list", "log", "rollback"):
        assert words(verb, "acme/") == ["acme/fraud", "acme/fraud-eu"]
    assert words("status", "sp") == ["speech", "speech@latest", "speech:1.0.0"]


def test_references(models: str) -> None:
    """Models come first; their aliases and versions once one is chosen, or only one fits."""
    assert words("show", "acme/fraud") == ["acme/fraud", "acme/fraud-eu"]
    assert words("show", "acme/fraud@") == [
        "acme/fraud@production",
        "acme/fraud@staging",
        "acme/fraud@latest",
    ]
    assert words("compare", "speech:1.0.0", "acme/fraud:1.") == ["acme/fraud:1.1.0", "acme/fraud:1.0.0"]
    assert words("load", "sp") == ["speech@latest", "speech:1.0.0"]
    assert words("verify", "nope:") == []


def test_aliases_and_versions_of_a_model(models: str) -> None:
    """After the model's name come its own aliases and versions."""
    assert words("alias", "acme/fraud", "") == ["production", "staging"]
    assert words("rollback", "acme/fraud", "pro") == ["production"]
    assert words("log", "acme/fraud", "--alias", "st") == ["staging"]
    assert words("alias", "acme/fraud", "production", "") == ["1.1.0", "1.0.0", "production", "staging"]
    assert words("rollback", "acme/fraud", "production", "--to", "1.0") == ["1.0.0"]


def test_another_registry(models: str, registry_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry that the line names is asked, before the verb or after it."""
    monkeypatch.delenv("MODELVER_REGISTRY")
    assert words("list", "sp") == []
    assert words("--registry", str(registry_path), "list", "sp") == ["speech"]
    assert words("list", f"--registry={registry_path}", "sp") == ["speech"]


def test_a_registry_is_a_folder() -> None:
    """The shell completes folders by itself."""
    for line in (["--registry"], ["list", "--registry"]):
        (item,) = ShellComplete(modelver, {}, "modelver", "").get_completions(line, "mod")
        assert (item.type, item.value) == ("dir", "mod")


@pytest.mark.parametrize("place", ["nowhere", "file", "s3://bucket/models", "ftp://\x00"])
def test_what_cannot_be_asked_is_no_error(
    registry_path: Path, tmp_path: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a registry, with a broken one, or with one across a network: nothing is offered, said or made."""
    (tmp_path / "file").write_text("")
    for line in (["show", ""], ["alias", "a", ""], ["log", "a", "--alias", ""]):
        assert words("--registry", place, *line) == []
    assert capfd.readouterr() == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_damaged_registry_is_no_error(models: str, registry_path: Path) -> None:
    """Damage is for real commands to tell."""
    for commit in registry_path.rglob("*.json"):
        commit.chmod(0o644)
        commit.write_bytes(b"{}")
    assert words("show", "acme/fraud@") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell(run: Run, shell: str) -> None:
    """`--completion` prints a script for the command by its name."""
    script = run("--completion", shell).stdout
    assert f"_MODELVER_COMPLETE={shell}_complete" in script
    assert "modelver" in script


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_answered(models: str, shell: str) -> None:
    """Zsh and fish get whole words: they don't split at `:` and `@`."""
    environment = {
        **os.environ,
        "_MODELVER_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "modelver show acme/fraud@pro",
        "COMP_CWORD": "2" if shell == "zsh" else "acme/fraud@pro",
    }
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert "acme/fraud@production" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("line", "word", "replies"),
    [
        ("modelver ro", "ro", ["rollback"]),
        ("modelver show acme/fraud-", "acme/fraud-", ["acme/fraud-eu@latest", "acme/fraud-eu:1.0.0"]),
        ("modelver show acme/fraud:1.", "1.", ["1.1.0", "1.0.0"]),
        ("modelver show acme/fraud:", "", ["1.1.0", "1.0.0"]),
        ("modelver show acme/fraud@pro", "@pro", ["@production"]),
        ("modelver alias acme/fraud ", "", ["production", "staging"]),
        ("modelver show 'acme/fraud@pro", "acme/fraud@pro", ["acme/fraud@production"]),
    ],
)
def test_bash_splits_words_its_own_way(models: str, line: str, word: str, replies: list[str]) -> None:
    """Bash takes `:` for the end of a word and `@` for the start of one; it gets what belongs after that."""
    assert in_bash(line, word) == replies


def test_bash_completes_the_word_under_the_cursor(models: str) -> None:
    """What follows the cursor is not looked at; letters beyond ASCII before it don't shift it."""
    script = COMPLETE_IN_BASH.replace("${#1}", "${3}")
    line = "modelver --registry 'Größe' ro X"
    done = subprocess.run(
        ["bash", "-c", script, PROGRAM, line, "ro", str(len(line.encode()) - 2)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["rollback"]


def test_an_unknown_shell_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that no shell of ours makes fails, and says nothing."""
    monkeypatch.setenv("_MODELVER_COMPLETE", "tcsh_complete")
    with pytest.raises(SystemExit) as ended:
        click.Group.__call__(modelver, [])
    assert ended.value.code == 1
