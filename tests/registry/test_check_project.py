"""A working tree next to the version that it claims to be: nothing slips in unnoticed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import modelver as mv
from tests.registries import weights
from tests.registry.projects import PROJECT, write_project


@pytest.fixture
def project(registry: mv.Registry, tmp_path: Path) -> Path:
    """Give a project that was registered as 1.0.0."""
    folder = write_project(tmp_path / "project")
    registry.register_project(folder, changelog="The first.")
    return folder


def found(report: mv.Report) -> set[tuple[str, str]]:
    """Return what is wrong: component and object."""
    return {(finding.component, finding.object) for finding in report.findings}


def test_what_was_just_registered_is_well(registry: mv.Registry, project: Path) -> None:
    """Nothing changed: the report is true, and no bump is called for."""
    report = registry.check_project(project)
    assert report, report
    assert (report.against, report.claimed, report.bump, report.next) == (
        "acme/bot:1.0.0",
        "acme/bot:1.0.0",
        "",
        "",
    )
    assert dict(report.checked) == {"files": 5, "datasets": 1}
    report.raise_if_failed()


def test_one_word_of_a_prompt_is_named_with_its_line(registry: mv.Registry, project: Path) -> None:
    """The line, the old words and the new ones; a minor version."""
    (project / "prompts/system.txt").write_text("Be kind.\nAnswer {question} briefly.\n")
    report = registry.check_project(project)
    assert not report
    [finding] = report.findings
    assert (finding.component, finding.file, finding.line) == ("prompts", "prompts/system.txt", 2)
    assert finding.expected == "'Answer {question}.'"
    assert finding.found == "'Answer {question} briefly.'"
    assert "prompt system" in finding.what
    assert (report.bump, report.next) == ("minor", "1.1.0")
    with pytest.raises(mv.Refused, match=r"prompt system.*Register it as 1\.1\.0"):
        report.raise_if_failed()


CHANGES: dict[str, tuple[Callable[[Path], object], tuple[str, str], str]] = {
    "weights": (
        lambda folder: (folder / "out/model.safetensors").write_bytes(weights(head=[1.0, 9.0], body=[3.0])),
        ("weights", "out/model.safetensors"),
        "minor",
    ),
    "a reshaped tensor": (
        lambda folder: (folder / "out/model.safetensors").write_bytes(weights(head=[1.0], body=[3.0])),
        ("weights", "out/model.safetensors"),
        "major",
    ),
    "a prompt's variable": (
        lambda folder: (folder / "prompts/system.txt").write_text("{question} {language}"),
        ("prompts", "prompts/system.txt"),
        "major",
    ),
    "another prompt": (
        lambda folder: (folder / "prompts/user.txt").write_text("x"),
        ("prompts", "prompts/user.txt"),
        "minor",
    ),
    "config": (
        lambda folder: (folder / "config.json").write_text('{"threshold": 0.6}'),
        ("config", "config.json"),
        "minor",
    ),
    "code": (
        lambda folder: (folder / "src/pre.py").write_text("print(1)\n"),
        ("code", "src/pre.py"),
        "minor",
    ),
    "a renamed file": (
        lambda folder: (folder / "src/pre.py").rename(folder / "src/post.py"),
        ("code", "src/post.py"),
        "minor",
    ),
    "data": (
        lambda folder: (folder / "train.csv").write_text("amount\n2\n"),
        ("data", "data.train.digest"),
        "minor",
    ),
    "the lock file": (
        lambda folder: (folder / "uv.lock").write_text("torch==3\n"),
        ("environment", "uv.lock"),
        "minor",
    ),
    "metadata": (
        lambda folder: (folder / "modelver.toml").write_text(PROJECT.replace("of orders", "at all")),
        ("metadata", "metadata.limitations"),
        "patch",
    ),
    "metrics": (
        lambda folder: (folder / "modelver.toml").write_text(PROJECT.replace("0.9", "0.91")),
        ("metadata", "metrics.f1"),
        "patch",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_is_found(registry: mv.Registry, project: Path, what: str) -> None:
    """Component, place and bump; registering it again makes the tree well."""
    change, place, bump = CHANGES[what]
    change(project)
    report = registry.check_project(project)
    assert not report
    assert place in found(report)
    assert report.bump == bump
    assert registry.register_project(project, changelog=what).version == report.next
    assert registry.check_project(project)


@given(st.sets(st.sampled_from(sorted(CHANGES)), min_size=1))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_check_and_register_agree(memory: mv.Registry, tmp_path: Path, several: set[str]) -> None:
    """Whatever changed together: the check names a version, and registering gives that one."""
    folder = tmp_path / f"p{abs(hash(frozenset(several)))}"
    if folder.exists():
        return
    write_project(folder, PROJECT.replace("acme/bot", f"m/{folder.name}"))
    memory.register_project(folder, capture=False)
    for what in several - {"metadata", "metrics"}:
        if not (what == "a renamed file" and "code" in several):
            CHANGES[what][0](folder)
    report = memory.check_project(folder)
    version = memory.register_project(folder, capture=False)
    assert (report.next or "1.0.0") == version.version
    assert bool(report) is (not version.created)


def test_a_claimed_version_that_is_to_come_must_be_high_enough(registry: mv.Registry, project: Path) -> None:
    """What changed is then a note, and only too low a number is wrong."""
    (project / "prompts/system.txt").write_text("{question} {language}")
    for claimed, well in (("1.0.1", False), ("1.1.0", False), ("2.0.0-rc.1", True), ("2.0.0", True)):
        (project / "modelver.toml").write_text(PROJECT.replace("[model]", f'[model]\nversion = "{claimed}"'))
        report = registry.check_project(project)
        assert bool(report) is well, claimed
        assert report.claimed == f"acme/bot:{claimed}"
        assert any(note.object == "prompts/system.txt" for note in report.notes)
    assert registry.register_project(project).version == "2.0.0"
    assert registry.check_project(project)


def test_a_claimed_version_that_exists_is_the_one_to_be(registry: mv.Registry, project: Path) -> None:
    """Whatever came after it; and --against asks about any other."""
    old = (project / "config.json").read_text()
    (project / "config.json").write_text("{}")
    registry.register_project(project, aliases=["production"])
    (project / "config.json").write_text(old)
    assert not registry.check_project(project)
    assert registry.check_project(project, against="1.0.0")
    assert not registry.check_project(project, against="production")
    (project / "modelver.toml").write_text(PROJECT.replace("[model]", '[model]\nversion = "1.0.0"'))
    assert registry.check_project(project)


def test_what_the_project_says_nothing_of_is_only_noted(registry: mv.Registry, project: Path) -> None:
    """Metrics that a training script added are no drift."""
    (project / "config.json").write_text("{}")
    registry.register_project(project, params={"lr": 1}, tags={"team": "risk"}, changelog="x")
    report = registry.check_project(project)
    assert report
    assert {note.object for note in report.notes} == {"metadata.params", "metadata.tags"}


def test_a_policy_that_does_not_hold_is_noted(registry: mv.Registry, project: Path) -> None:
    """The note says which command makes it hold."""
    (project / "modelver.toml").write_text(PROJECT + '[require.alias.production]\napprovals = ["legal"]\n')
    report = registry.check_project(project)
    assert report
    assert any("modelver policy acme/bot --set modelver.toml" in note.what for note in report.notes)
    registry.set_policy("acme/bot", project / "modelver.toml")
    assert not registry.check_project(project).notes


def test_another_commit_is_noted(registry: mv.Registry, project: Path) -> None:
    """A commit alone is no change of the version: its files would tell."""

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    git("init", "-q")
    git("commit", "--allow-empty", "-m", "one")
    (project / "config.json").write_text("{}")
    registry.register_project(project, changelog="x")
    git("commit", "--allow-empty", "-m", "two")
    report = registry.check_project(project)
    assert report
    [note] = [note for note in report.notes if note.component == "code"]
    assert note.object == "commit"
    assert len(note.expected) == len(note.found) == 12


def test_without_versions_there_is_nothing_to_compare_with(registry: mv.Registry, tmp_path: Path) -> None:
    """A model that is not there, and one without versions, are errors, not drift."""
    folder = write_project(tmp_path / "project")
    registry.create_model("other")
    with pytest.raises(mv.NotFound, match="no such model"):
        registry.check_project(folder)
    registry.create_model("acme/bot")
    with pytest.raises(mv.NotFound, match="no versions yet"):
        registry.check_project(folder)


def test_a_check_writes_nothing_to_the_registry(registry: mv.Registry, root: Path, project: Path) -> None:
    """It only looks."""
    from tests.registries import snapshot

    before = snapshot(root)
    (project / "config.json").write_text("{}")
    registry.check_project(project, environment=True)
    assert snapshot(root) == before
