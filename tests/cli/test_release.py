"""``modelver release`` and ``modelver status``: what they print, return, and write for a GitHub workflow."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import Run
from tests.registry.releases import PROJECT, Checkout, git_settings, make_checkout, plain_environment

GTO = Path(sys.executable).with_name("gto")


@pytest.fixture
def checkout(registry_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """Give a project in a checkout, in the current folder."""
    for name in plain_environment():
        monkeypatch.delenv(name)
    for name, value in git_settings(tmp_path).items():
        monkeypatch.setenv(name, value)
    made = make_checkout(tmp_path / "project")
    monkeypatch.chdir(made.top)
    return made


def test_the_reference_is_printed_and_the_steps_are_told(run: Run, checkout: Checkout) -> None:
    """Stdout has the one thing that a script wants."""
    dry = run("release", "--alias", "staging", "--dry-run")
    assert (dry.stdout, "register  would    1.0.0" in dry.stderr) == ("acme/fraud:1.0.0\n", True)
    done = run("release", "--alias", "staging", "--metric", "f1=0.95")
    assert done.stdout == "acme/fraud:1.0.0\n"
    assert "alias     done     staging: - -> 1.0.0" in done.stderr
    again = run("release", "--alias", "staging", "--metric", "f1=0.95", "--json").json
    assert (again["created"], again["moved"], again["passed"]) == (False, True, True)
    assert again["files"]["notes"] == str(checkout.top / "release" / "notes.md")
    assert run("show", "acme/fraud@staging", "--json").json["metadata"]["metrics"][0]["value"] == 0.95


def test_refusals_have_their_exit_codes(run: Run, checkout: Checkout) -> None:
    """1 for a dry run, else that of the error; JSON has the error, the verdicts, and what was done all the same."""
    (checkout.top / "modelver.toml").write_text(f'{PROJECT}[require.alias.prod]\napprovals = ["legal"]\n')
    run("release", code=6)
    checkout.commit()
    done = run("release", "--alias", "prod", "--dry-run", code=1)
    assert "FAILED  approval legal" in done.stdout
    answer = run("release", "--alias", "prod", "--json", code=6).json
    assert (answer["created"], answer["moved"], answer["tag"]) == (True, False, "acme/fraud@v1.0.0")
    assert (answer["error"]["type"], answer["error"]["exit_code"]) == ("ApprovalRequired", 6)
    assert [each["check"] for each in answer["verdicts"]] == ["approval legal"]
    checkout.change("Be polite.")
    checkout.git("tag", "acme/fraud@v1.1.0")
    done = run("release", code=4)
    assert (done.stdout, "git show acme/fraud@v1.1.0" in done.stderr) == ("", True)
    for options in (["--version", "2.0.0", "--bump", "minor"], ["--output", "x", "--no-files"]):
        run("release", *options, code=2)
    run("release", "--changelog", "x", "--changelog-file", "-", code=2, stdin=b"y")
    run("release", "--github", code=2)


def test_a_dry_run_of_what_can_not_be_planned_exits_as_the_release(run: Run, checkout: Checkout) -> None:
    """With 2, 3 or 4; with 1 where there is a plan, and something in its way."""
    run("release")
    checkout.change("Be polite.")
    for options, code in (
        (["--version", "one"], 2),
        (["--push-tag"], 3),
        (["--version", "1.0.0"], 4),
        (["--alias", "1.0.0"], 1),
    ):
        run("release", "--dry-run", *options, code=code)
        if code > 1:
            run("release", *options, code=code)


def test_a_failure_told_to_a_workflow_does_nothing(
    run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a stranger wrote is no link there, and calls nobody."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    run("release", "--push-tag", "--remote", "https://evil.example www.evil.example @acme/all", code=3)
    summary = (tmp_path / "summary").read_text()
    assert summary.startswith("## The release failed\n")
    assert r"https\://evil.example www\.evil.example \@acme/all" in summary


def test_a_workflow_is_told(
    run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where GitHub's variables are set, unless it is not wanted; what is there already stays."""
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for name, file in files.items():
        monkeypatch.setenv(name, str(file))
        file.write_text("before\n")
    run("release", "--no-github", "--dry-run")
    assert {file.read_text() for file in files.values()} == {"before\n"}
    run("release", "--no-files", "--no-tag")
    outputs, summary = (file.read_text() for file in files.values())
    assert outputs.startswith("before\nversion<<modelver-")
    assert summary.startswith("before\n## acme/fraud:1.0.0 was registered\n")
    assert "| tag | skipped | no tag was asked for |" in summary


def test_a_workflow_that_can_not_be_told_is_an_error(
    run: Run, checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full disk, and a file that is not there to be written; the release itself is whole, and a rerun says so."""
    monkeypatch.setenv("GITHUB_OUTPUT", "/dev/full")
    assert "GITHUB_OUTPUT" in run("release", code=8).stderr
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "no" / "such"))
    run("release", code=8)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    run("release")
    assert "created<<" in (tmp_path / "out").read_text()


def test_a_long_summary_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub refuses one of more than a mebibyte, all of it."""
    from modelver.cli import github

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    github.write_summary("| ü |\n" * 300_000)
    data = (tmp_path / "summary").read_bytes()
    assert len(data) <= 2**20
    assert data.decode().endswith("| ü |\n\n(The rest was left out.)\n".removeprefix("| ü |\n"))


def test_gto_shows_what_was_released(run: Run, checkout: Checkout) -> None:
    """The real one, on the checkout: model and version, also beside tags that it can't read."""
    run("release")
    checkout.change("Be polite.")
    run("release")
    checkout.git("tag", "-a", "-m", "x", "Llama-3.1@v1.0.0")
    done = subprocess.run(
        [GTO, "show", "--plain"], cwd=checkout.top, capture_output=True, text=True, check=True
    )
    assert "acme/fraud" in done.stdout
    assert "v1.1.0" in done.stdout
    done = subprocess.run(
        [GTO, "show", "acme/fraud@latest", "--ref"],
        cwd=checkout.top,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "acme/fraud@v1.1.0"


def test_status_tells_how_far_staging_is_ahead(run: Run, checkout: Checkout) -> None:
    """Of one model and of all, against production or another alias."""
    run("release", "--alias", "production")
    for text in ("Be polite.", "Be brief."):
        checkout.change(text)
        run("release", "--alias", "staging")
    done = run("status", "acme/fraud")
    assert "staging is 2 versions ahead of production, for " in done.stdout
    answer = run("status", "acme/fraud", "--json").json
    [_, staging] = answer["aliases"]
    assert (staging["distance"]["relation"], staging["distance"]["between"]) == ("ahead", ["1.1.0", "1.2.0"])
    assert run("status", "--json").json == {"models": [answer]}
    assert "production is 2 versions behind staging" in run("status", "--against", "staging").stdout
    run("status", "acme/fraud@staging", "--against", "production", code=2)
    run("rollback", "acme/fraud", "staging")
    assert "staging is 1 version ahead" in run("status").stdout


def test_status_of_an_empty_registry(run: Run) -> None:
    """No model is no error, but no registry is one."""
    run("status", code=3)
    run("init")
    assert run("status").stdout == "There are no models.\n"
    assert run("status", "--json").json == {"models": []}
