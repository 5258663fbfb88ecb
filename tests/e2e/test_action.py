"""The GitHub Action: its steps' own shell runs here as a runner would run it, on a real checkout."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

import modelver as mv
from tests.registry.releases import PROJECT, Checkout, git_settings, make_checkout, plain_environment

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
INSTALL, RELEASE = ACTION["runs"]["steps"]
BIN = Path(sys.executable).parent
_EXPRESSION = re.compile(r"\$\{\{ *([a-z_.-]+) *\}\}")


@attrs.frozen
class Done:
    """What a step returned, wrote and said to the runner."""

    code: int
    said: str
    outputs: Mapping[str, str]
    summary: str
    path: tuple[str, ...]


@attrs.frozen
class Runner:
    """A job of a workflow: a checkout, and the files and variables that a runner gives."""

    folder: Path
    checkout: Checkout
    path: str = f"{BIN}{os.pathsep}{os.environ['PATH']}"

    def run(self, step: Mapping[str, Any], variables: Mapping[str, str] | None = None, **inputs: str) -> Done:
        """Run a step as a runner does, with files of its own to write to."""
        given = {name: value["default"] for name, value in ACTION["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() == ACTION["inputs"].keys()
        script = self.folder / "script.sh"
        script.write_text(step["run"])
        files = {name: self.folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
        for file in files.values():
            file.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.checkout.top,
            env={
                **os.environ,
                "PATH": self.path,
                "RUNNER_TEMP": str(self.folder),
                "GIT_CONFIG_GLOBAL": str(self.folder / "runner.gitconfig"),
                **{name: str(file) for name, file in files.items()},
                **{name: _filled(value, given) for name, value in step["env"].items()},
                **(variables or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        outputs, summary, path = (file.read_text() for file in files.values())
        return Done(done.returncode, done.stdout, parsed(outputs), summary, tuple(path.split()))


def _filled(value: str, inputs: Mapping[str, str]) -> str:
    """Fill expressions in, once, as a runner does: what they give is not looked into again."""
    known = {f"inputs.{name}": text for name, text in inputs.items()}
    known |= {"github.action_path": str(ROOT), "github.actor": "octocat"}
    whole = _EXPRESSION.sub(lambda found: known[found[1]], value)
    return _EXPRESSION.sub(lambda found: known[found[1]], whole) if whole == "${{ github.actor }}" else whole


def parsed(text: str) -> dict[str, str]:
    """Read outputs by GitHub's rules."""
    found = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, sign, delimiter = line.partition("<<")
        if not sign:
            name, _, value = line.partition("=")
            found[name] = value
            continue
        values = []
        for each in lines:
            if each == delimiter:
                break
            values.append(each)
        found[name] = "\n".join(values)
    return found


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Give a job whose checkout has a project, with a registry beside it."""
    for name in plain_environment():
        monkeypatch.delenv(name)
    for name, value in git_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    text = PROJECT + f'[registry]\nurl = "{tmp_path / "registry"}"\n'
    (tmp_path / "runner.gitconfig").write_text("[user]\nuseConfigOnly = true\n")
    return Runner(tmp_path, make_checkout(tmp_path / "project", text))


def test_the_action_is_what_github_takes() -> None:
    """By the schema of SchemaStore; and inputs reach scripts as variables alone."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-actions",
        ROOT / "action.yml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
        assert all(f"${name}" in step["run"] or name == "MODELVER_ACTOR" for name in step["env"])
    used = set(re.findall(r"inputs\.([a-z-]+)", str(ACTION["runs"])))
    assert used == ACTION["inputs"].keys()


def test_the_workflow_of_the_guide_is_what_github_takes(tmp_path: Path) -> None:
    """By the schema of SchemaStore, with inputs and outputs that the Action has; a release waits for no approval."""
    text = (ROOT / "docs" / "how-to" / "ci.md").read_text().split("```yaml\n")[1].split("```")[0]
    (tmp_path / "release.yml").write_text(text)
    arguments = ["--builtin-schema", "vendor.github-workflows", tmp_path / "release.yml"]
    command = [sys.executable, "-m", "check_jsonschema", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    steps = yaml.safe_load(text)["jobs"]["release"]["steps"]
    [release] = [step for step in steps if "modelver" in step.get("uses", "")]
    assert release["with"].keys() <= ACTION["inputs"].keys()
    assert {*re.findall(r"steps\.release\.outputs\.([a-z]+)", text)} <= ACTION["outputs"].keys()
    assert steps[-1]["if"] == "always() && steps.release.outputs.tag != ''"
    subprocess.run(["bash", "-n", "-c", steps[-1]["run"]], check=True)


def test_the_scripts_have_no_faults_that_bash_sees() -> None:
    """Its own parser is asked."""
    for step in ACTION["runs"]["steps"]:
        subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


def test_a_job_releases_and_runs_again(runner: Runner, tmp_path: Path) -> None:
    """Outputs, summary, tag and alias are there; the second run does nothing and says the same."""
    assert "on the PATH already" in runner.run(INSTALL).said
    done = runner.run(RELEASE, alias="staging", metrics="f1=0.91\nrecall=0.8\r\n", reason="Run 7")
    assert done.code == 0, done.said
    registry = mv.Registry(tmp_path / "registry")
    version = registry.resolve("acme/fraud@staging")
    assert set(done.outputs) == ACTION["outputs"].keys()
    assert {**done.outputs, "card": "", "notes": ""} == {
        "version": "1.0.0",
        "ref": "acme/fraud:1.0.0",
        "digest": str(version.digest),
        "created": "true",
        "passed": "true",
        "previous": "",
        "bump": "",
        "why": "the first release",
        "tag": "acme/fraud@v1.0.0",
        "alias": "staging",
        "moved": "true",
        "card": "",
        "notes": "",
    }
    assert Path(done.outputs["card"]).is_file()
    assert Path(done.outputs["notes"]).is_file()
    assert {metric.name: metric.value for metric in version.metrics} == {"f1": 0.91, "recall": 0.8}
    assert version.created_by == "octocat"
    assert registry.history("acme/fraud", alias="staging")[-1].reason == "Run 7"
    assert "tagger octocat <modelver@localhost>" in runner.checkout.git(
        "cat-file", "tag", "acme/fraud@v1.0.0"
    )
    assert done.summary.startswith("## acme/fraud:1.0.0 was registered\n")
    before = len(registry.history("acme/fraud"))
    again = runner.run(RELEASE, alias="staging", metrics="f1=0.91\nrecall=0.8", reason="Run 8")
    assert again.outputs == {**done.outputs, "created": "false"}
    assert len(registry.history("acme/fraud")) == before


def test_the_outputs_of_the_action_are_those_of_the_command() -> None:
    """Each is passed on under its own name."""
    assert ACTION["outputs"].keys() == {
        found[1]
        for each in ACTION["outputs"].values()
        if (found := re.fullmatch(r"\$\{\{ steps\.release\.outputs\.([a-z]+) \}\}", each["value"]))
    }


def test_a_dry_run_fails_where_something_is_in_the_way(runner: Runner, tmp_path: Path) -> None:
    """Its outputs and summary are there, and nothing else is."""
    done = runner.run(RELEASE, dry_run="true", alias="staging", args="--bump\nmajor\n--no-files")
    assert (done.code, done.outputs["version"], done.outputs["created"]) == (0, "1.0.0", "false")
    runner.checkout.git("tag", "-a", "-m", "mine", "acme/fraud@v1.0.0")
    done = runner.run(RELEASE, dry_run="true", alias="staging")
    assert (done.code, done.outputs["passed"]) == (1, "false")
    assert "| tag | refused |" in done.summary
    assert runner.run(RELEASE, alias="staging").code == 4
    assert not (tmp_path / "registry").exists()


def test_a_flag_that_is_no_flag_is_an_error(runner: Runner, tmp_path: Path) -> None:
    """`yes` is not taken for no: that would release what was to be tried."""
    done = runner.run(RELEASE, dry_run="yes")
    assert (done.code, "neither true nor false" in done.said) == (2, True)
    assert not (tmp_path / "registry").exists()


def test_inputs_never_become_commands(runner: Runner, tmp_path: Path) -> None:
    """Wherever they stand, and with lines that GitHub would read as outputs."""
    hostile = "$(touch pwned) `touch pwned` '; touch pwned; ' \"; touch pwned; \" ${{ github.token }}"
    forged = f"{hostile}\nversion=6.6.6\ndigest<<EOF\nforged\nEOF"
    done = runner.run(RELEASE, changelog=forged, reason=forged, alias="staging")
    assert done.code == 0, done.said
    assert done.outputs["version"] == "1.0.0"
    assert done.outputs["digest"].startswith("sha256:")
    for name in ("registry", "metrics", "project", "args"):
        assert runner.run(RELEASE, **{name: forged}).code != 0
    assert not list(tmp_path.rglob("pwned"))
    version = mv.Registry(tmp_path / "registry").resolve("acme/fraud@staging")
    assert version.changelog.summary == forged


def test_a_refusal_is_told_in_the_summary(runner: Runner) -> None:
    """With the verdicts, and the exit code of the refusal; the outputs say what is there."""
    top = runner.checkout.top
    (top / "modelver.toml").write_text(
        f'{(top / "modelver.toml").read_text()}[require.alias.production]\napprovals = ["legal"]\n'
    )
    runner.checkout.commit()
    done = runner.run(RELEASE, alias="production")
    assert (done.code, done.outputs["created"], done.outputs["moved"]) == (6, "true", "false")
    assert "| **FAILED** | `approval legal` | nobody approved |" in done.summary
    (top / "modelver.toml").write_text("[model]\nname = 1\n")
    done = runner.run(RELEASE, allow_dirty="true")
    assert (done.code, done.outputs) == (2, {})
    assert done.summary.startswith("## The release failed\n")


def test_the_action_installs_itself_where_nobody_did(runner: Runner, tmp_path: Path) -> None:
    """Into a virtual environment of its own, which later steps find; what it needs is at hand, so no network is asked."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    plain = "/usr/bin:/bin"
    variables = {
        "PYTHONPATH": site,
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_CACHE_DIR": "1",
    }
    bare = attrs.evolve(runner, path=plain)
    done = bare.run(INSTALL, variables, python=sys.executable, extras="cli,publish")
    assert done.code == 0, done.said
    [place] = done.path
    assert place == str(tmp_path / "modelver" / "bin")
    later = attrs.evolve(runner, path=f"{place}:{plain}")
    found = later.run(RELEASE, {"PYTHONPATH": site})
    assert (found.code, found.outputs["version"]) == (0, "1.0.0"), found.said
