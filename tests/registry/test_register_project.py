"""A project file says what is registered."""

from pathlib import Path

import pytest

import modelver as mv
from tests.registry.projects import PROJECT, write_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project."""
    return write_project(tmp_path / "project")


def test_components_are_registered_with_their_roles(registry: mv.Registry, project: Path) -> None:
    """Paths are those from the project's folder; what no component names stays out."""
    version = registry.register_project(project, changelog="The first.")
    assert version.ref == "acme/bot:1.0.0"
    assert {entry.path: entry.role.value for entry in version.files} == {
        "config.json": "config",
        "out/model.safetensors": "weights",
        "prompts/system.txt": "prompt",
        "src/pre.py": "code",
        "uv.lock": "other",
    }
    assert version.metadata.limitations == ("knows nothing of orders",)
    assert version.metrics == (mv.Metric("f1", 0.9),)
    assert [(each.name, each.uri, each.method) for each in version.metadata.data] == [
        ("train", "train.csv", "content")
    ]
    assert not registry.register_project(project, changelog="Another.").created


def test_a_folder_inside_of_a_project_is_the_project(
    registry: mv.Registry, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is found upwards, and paths start at it, wherever one works."""
    monkeypatch.chdir(project / "src")
    assert registry.register_project().version == "1.0.0"


def test_what_the_caller_says_counts_more(registry: mv.Registry, project: Path) -> None:
    """Name by name: a metric replaces the file's, another one comes beside it."""
    version = registry.register_project(
        project,
        version="2.1.0",
        metrics={"f1": 0.95, "recall": 0.8},
        params={"lr": 1},
        metadata={"license": "mit"},
        tags={"team": "risk"},
        data={"eval": str(project / "train.csv")},
        prompts={"user": b"{question}"},
        aliases="staging",
        capture=False,
    )
    assert version.version == "2.1.0"
    assert {metric.name: metric.value for metric in version.metrics} == {"f1": 0.95, "recall": 0.8}
    assert (version.metadata.license, version.metadata.limitations) == (
        "mit",
        ("knows nothing of orders",),
    )
    assert [each.name for each in version.metadata.data] == ["eval", "train"]
    assert registry.resolve("acme/bot@staging") == version
    assert version.provenance == mv.Provenance()


def test_the_changelog_is_read_where_nobody_says_one(registry: mv.Registry, project: Path) -> None:
    """Unreleased, unless the version is known and has a section."""
    text = PROJECT + '[changelog]\nfile = "CHANGELOG.md"\n'
    (project / "modelver.toml").write_text(text.replace("[model]", '[model]\nversion = "1.5.0"'))
    (project / "CHANGELOG.md").write_text("## Unreleased\n### Added\n- X.\n## 1.5.0\n### Fixed\n- Y.\n")
    version = registry.register_project(project)
    assert (version.version, version.changelog.fixed) == ("1.5.0", ("Y.",))
    (project / "modelver.toml").write_text(text)
    (project / "config.json").write_text("{}")
    assert registry.register_project(project).changelog.added == ("X.",)


def test_a_new_model_gets_scheme_and_policy(registry: mv.Registry, project: Path) -> None:
    """A policy that was set is never changed by a registration: that would let a branch weaken it."""
    text = PROJECT.replace("[model]", '[model]\nscheme = "bot-v{major}.{minor}"')
    policy = '[require.register]\nfields = ["changelog"]\n'
    (project / "modelver.toml").write_text(text + policy)
    with pytest.raises(mv.Refused, match="field changelog"):
        registry.register_project(project)
    assert registry.register_project(project, changelog="The first.").version == "bot-v1.0"
    (project / "modelver.toml").write_text(text)
    (project / "config.json").write_text("{}")
    with pytest.raises(mv.Refused, match="field changelog"):
        registry.register_project(project)
    (project / "modelver.toml").write_text(PROJECT.replace("[model]", '[model]\nscheme = "semver"'))
    with pytest.raises(mv.InvalidValue, match="another version scheme"):
        registry.register_project(project, changelog="x")


def test_nothing_is_made_where_files_are_missing(registry: mv.Registry, root: Path, project: Path) -> None:
    """A component that names no file is an error before anything is written."""
    (project / "out" / "model.safetensors").unlink()
    with pytest.raises(mv.NotFound, match=r"components\.weights.*out/\*\.safetensors"):
        registry.register_project(project)
    assert not root.exists()


def test_the_registry_in_a_project_is_no_part_of_it(project: Path) -> None:
    """Nor is the cache, whatever the patterns say."""
    (project / "modelver.toml").write_text('[model]\nname = "m"\n[components]\nother = "**"\n')
    registry = mv.Registry(project / "models", cache_dir=project / "cache")
    registry.register_project(project, capture=False)
    (project / "notes.txt").write_text("changed")
    paths = {entry.path for entry in registry.register_project(project, capture=False).files}
    assert "config.json" in paths
    assert not any(path.startswith(("models/", "cache/")) for path in paths)


def test_a_pyproject_will_do(registry: mv.Registry, project: Path) -> None:
    """[tool.modelver] has the same tables."""
    tables = "\n".join(
        line.replace("[", "[tool.modelver.", 1) if line.startswith("[") else line
        for line in PROJECT.splitlines()
    )
    (project / "modelver.toml").unlink()
    (project / "pyproject.toml").write_text(tables)
    assert registry.register_project(project).ref == "acme/bot:1.0.0"
    assert registry.check_project(project)


def test_a_snapshot_is_stored_with_the_version(registry: mv.Registry, project: Path) -> None:
    """Its bytes are files of the role data, and equal bytes are one blob."""
    (project / "modelver.toml").write_text(PROJECT.replace('"train.csv"', '"train.csv"\nsnapshot = true'))
    version = registry.register_project(project)
    assert version.metadata.data[0].snapshot
    entry = next(entry for entry in version.files if entry.path == "data/train.csv")
    assert entry.role is mv.Role.DATA
    assert version.metadata.data[0].digest == f"sha256:{entry.sha256}"
    assert registry.load(version).path.joinpath("data/train.csv").read_text() == "amount\n1\n"
    assert registry.check_project(project)


def test_components_may_list_datasets(registry: mv.Registry, tmp_path: Path) -> None:
    """Among the patterns of files that are stored, tables are datasets, which are recorded by their digests."""
    (tmp_path / "train.csv").write_text("a,b")
    (tmp_path / "labels.txt").write_text("x")
    project = tmp_path / "modelver.toml"
    listed = 'data = ["labels.txt", { name = "train", uri = "train.csv", split = "train" }]'
    project.write_text(f'[model]\nname = "m"\n[components]\n{listed}\n')
    version = registry.register_project(tmp_path, changelog="The first.", capture=False)
    assert [entry.path for entry in version.files] == ["labels.txt"]
    assert [(each.name, each.split, bool(each.digest)) for each in version.metadata.data] == [
        ("train", "train", True)
    ]
    assert registry.check_project(tmp_path)
    (tmp_path / "train.csv").write_text("other")
    assert not registry.check_project(tmp_path)
    project.write_text(f'[model]\nname = "m"\n[components]\n{listed}\n[data]\ntrain = "train.csv"\n')
    with pytest.raises(mv.InvalidValue, match=r"components\.data\[1\]\.name"):
        registry.check_project(tmp_path)
