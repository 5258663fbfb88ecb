"""``modelver check``, ``modelver register`` without arguments, and ``modelver init --template``."""

import json
from pathlib import Path

import pytest

from tests.cli.support import Run

TEXT = """
[model]
name = "acme/bot"
[components]
prompts = "prompts/**"
"""


@pytest.fixture
def project(registry_path: Path, run: Run) -> Path:
    """Give a project in the current folder, registered as 1.0.0."""
    folder = registry_path.parent
    (folder / "modelver.toml").write_text(TEXT)
    (folder / "prompts").mkdir()
    (folder / "prompts" / "system.txt").write_text("Be kind.\nAnswer {question}.\n")
    run("register", "--changelog", "The first.")
    return folder


def test_a_project_goes_from_template_to_version(run: Run, registry_path: Path) -> None:
    """Three commands: begin, register, check."""
    done = run("init", "--template", "llm")
    assert done.stdout.strip() == str(registry_path.parent / "modelver.toml")
    assert not registry_path.exists()
    (registry_path.parent / "prompts").mkdir()
    (registry_path.parent / "prompts" / "system.txt").write_text("x")
    assert run("register", code=6).stderr.count("\n") == 1
    assert run("register", "--changelog", "The first.").stdout.strip() == "my-assistant:1.0.0"
    run("check")


def test_a_template_is_not_written_over_anything(run: Run, project: Path) -> None:
    """The file that is there stays, and an address with it is a mistake."""
    assert run("init", "--template", "minimal", "--json", code=4).json["error"]["exit_code"] == 4
    assert (project / "modelver.toml").read_text() == TEXT
    run("init", "--template", "nope", code=2)
    run("init", "somewhere", "--template", "minimal", code=2)
    assert not (project / "somewhere").exists()


def test_what_changed_fails_the_check(run: Run, project: Path) -> None:
    """Exit code 1, the place on stdout, and the version that it calls for."""
    assert "all is well" in run("check").stdout
    (project / "prompts" / "system.txt").write_text("Be kind.\nAnswer {question} briefly.\n")
    done = run("check", code=1)
    assert "this calls for 1.1.0 (minor)\n  minor: prompt files: 1 changed\n" in done.stdout
    assert "prompts/system.txt: prompt system: changed in line 2" in done.stdout
    for option in (["--json"], ["--format", "json"]):
        answer = run("check", *option, code=1).json
        assert (answer["ok"], answer["bump"], answer["next"]) == (False, "minor", "1.1.0")
        assert answer["findings"][0]["line"] == 2
    assert run("check", "--project", project / "modelver.toml", "--json", code=1).json == answer
    assert run("register", "--json", "--changelog", "Shorter.").json["version"] == "1.1.0"
    run("check")
    run("check", "--against", "1.0.0", code=1)


def test_findings_become_annotations(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths from the checkout's top, and nothing in a text can begin another command."""
    (project / "prompts" / "system.txt").write_text("Be kind.\n100%::error::\u2028pwned, {question}\n")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.parent))
    done = run("check", "--format", "github", code=1)
    [line, note] = done.stdout.splitlines()
    where, _, message = line.removeprefix("::").partition("::")
    assert where == f"error file={project.name}/prompts/system.txt,line=2,title=modelver%3A prompts"
    assert "100%25::error::" in message
    assert "\u2028" not in message
    assert note.startswith(f"::notice file={project.name}/modelver.toml,")
    assert "1 finding(s)" in done.stderr


def test_a_hostile_name_stays_in_its_annotation(run: Run, project: Path) -> None:
    """Commas, colons and line breaks of file names are escaped as GitHub's own toolkit does."""
    (project / "prompts" / "a,line=1\n::stop-commands::x").write_text("x")
    assert "portable" in run("check", "--format", "github", code=2).stderr
    (project / "prompts" / "a,line=1\n::stop-commands::x").unlink()
    (project / "prompts" / "a,line=1%0A.txt").write_text("x")
    line = run("check", "--format", "github", code=1).stdout.splitlines()[0]
    assert line.startswith("::error file=prompts/a%2Cline=1%250A.txt,title=")


def test_what_is_in_use_is_checked(run: Run, project: Path) -> None:
    """With a reference: the prompt, the dataset, the environment; exit code 1 where one is another."""
    prompt = project / "prompts" / "system.txt"
    ref = "acme/bot:1.0.0"
    assert run("check", ref, "--prompt", f"system={prompt}", "--environment").stdout.startswith(ref)
    prompt.write_text("Be kind.")
    answer = run("check", ref, "--prompt", f"system={prompt}", "--json", code=1).json
    assert answer["findings"][0]["component"] == "prompts"
    run("check", ref, "--prompt", f"sytem={prompt}", code=1)
    run("check", ref, "--data", f"train={prompt}", code=1)
    run("check", ref, "--prompt", "system=nowhere", code=3)
    run("check", ref, code=2)


def test_requirements_are_written(run: Run, project: Path) -> None:
    """To a file or to stdout; each line is a pin."""
    ref = "acme/bot:1.0.0"
    run("check", ref, "--requirements", project / "req.txt")
    pins = (project / "req.txt").read_text().splitlines()
    assert pins[0].startswith("# acme/bot:1.0.0: CPython")
    assert all("==" in line for line in pins[1:])
    assert "==" in run("check", ref, "--requirements", "-").stdout
    run("check", ref, "--requirements", project / "no" / "such" / "folder", code=8)


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--prompt", "system=x"],
        ["check", "--requirements", "x"],
        ["check", "acme/bot:1.0.0", "--against", "1.0.0"],
        ["check", "--format", "xml"],
        ["register", "--move"],
        ["register", "--version", "1.0.0", "--bump", "minor"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told(run: Run, project: Path, arguments: list[str]) -> None:
    """With exit code 2."""
    run(*arguments, code=2)


def test_a_mistake_in_the_project_is_one_line(run: Run, project: Path) -> None:
    """The path of the fault, and what was probably meant."""
    (project / "modelver.toml").write_text(TEXT.replace("prompts =", "promts ="))
    for verb in ("check", "register"):
        done = run(verb, code=2)
        assert (
            done.stderr == "Error: an unknown key: modelver.toml.components.promts. Did you mean prompts?\n"
        )


def test_without_a_project_both_say_how_to_begin(run: Run, registry_path: Path) -> None:
    """Exit code 3."""
    for verb in ("check", "register"):
        assert "modelver init --template" in run(verb, code=3).stderr


def test_show_has_what_files_tell(run: Run, project: Path) -> None:
    """Architecture, steps and prompts, for people and as JSON."""
    (project / "config.json").write_text(json.dumps({"model_type": "llama", "num_hidden_layers": 2}))
    text = TEXT + (
        'config = "config.json"\n[metadata]\npreprocessing = [{name = "cut", params = {at = 80}}]\n'
        '[metadata.prompts]\nsystem = "2.1"\n'
    )
    (project / "modelver.toml").write_text(text)
    ref = run("register", "--changelog", "x").stdout.strip()
    shown = run("show", ref).stdout
    assert "llama" in shown
    assert "cut(at=80)" in shown
    assert "system  2.1  takes question" in shown
    answer = run("show", ref, "--json").json
    assert answer["architecture"] == {"family": "llama", "layers": 2}
    assert answer["prompts"][0]["variables"] == ["question"]


def test_a_snapshot_is_stored(run: Run, registry_path: Path) -> None:
    """By --snapshot, which names a dataset once."""
    (registry_path.parent / "train.csv").write_text("1")
    (registry_path.parent / "model.bin").write_text("x")
    arguments = ("register", "m", "model.bin", "--snapshot", "train=train.csv", "--changelog", "x")
    ref = run(*arguments, "--no-capture").stdout.strip()
    answer = run("show", ref, "--json").json
    assert [entry["path"] for entry in answer["files"]] == ["data/train.csv", "model.bin"]
    assert answer["metadata"]["data"][0]["snapshot"] is True
    assert "stored" in run("show", ref).stdout
    run(*arguments, "--data", "train=train.csv", code=2)
