"""Registries of every released format open, verify, load and go on, for ever."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import modelver as mv

FORMATS = sorted(Path(__file__).parent.glob("format-*"))


@pytest.fixture(params=FORMATS, ids=lambda folder: folder.name)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[mv.Registry, dict[str, Any]]:
    """Give a copy of a golden registry, so that the original stays as it was made, and what must be in it."""
    shutil.copytree(request.param / "registry", tmp_path / "registry")
    return mv.Registry(tmp_path / "registry"), json.loads((request.param / "expected.json").read_text())


def test_there_is_a_golden_registry_of_each_format() -> None:
    """Format 1 has one."""
    assert [folder.name for folder in FORMATS] == ["format-1"]


def test_every_version_has_the_digest_it_had(golden: tuple[mv.Registry, dict[str, Any]]) -> None:
    """Names, versions and digests are read as they were written."""
    registry, expected = golden
    assert registry.models() == expected["models"]
    found = {
        model: {version.version: version.digest for version in registry.versions(model)}
        for model in registry.models()
    }
    assert found == expected["versions"]


def test_everything_verifies(golden: tuple[mv.Registry, dict[str, Any]]) -> None:
    """Every stored byte is checked and good."""
    registry, expected = golden
    report = registry.verify()
    assert report, report
    assert dict(report.checked) == expected["verified"]


def test_the_past_is_what_it_was(golden: tuple[mv.Registry, dict[str, Any]]) -> None:
    """As-of questions are answered as the history says."""
    registry, expected = golden
    for at, _, version in expected["production"]:
        assert registry.resolve("acme/fraud@production", at=at).version == version
    actions = [entry.action for entry in registry.history("acme/fraud", alias="production")]
    assert actions == [action for _, action, _ in expected["production"]]


def test_what_was_stated_is_read_in_full(golden: tuple[mv.Registry, dict[str, Any]]) -> None:
    """Metadata, changelog, later metrics and notes come back as they were given."""
    registry, _ = golden
    version = registry.get("acme/fraud:1.0.0")
    assert version.name == "acme/Fraud"
    assert version.changelog.added == ("Everything.",)
    assert version.metadata.data[0].rows == 10
    assert version.metadata.code is not None
    assert version.provenance.run is not None
    assert registry.status(version).tags == {"team": "risk", "reviewed": "yes"}
    assert len(registry.status("support-bot@latest").notes) == 70


def test_files_load_and_compare(golden: tuple[mv.Registry, dict[str, Any]]) -> None:
    """Bytes are handed out verified, and file maps still tell which tensors changed."""
    registry, _ = golden
    model = registry.load("acme/fraud@production", verify="full")
    assert model.prompt("system") == "You review {payment}."
    assert model.config == {"threshold": 0.5}
    comparison = registry.compare("acme/fraud:1.0.0", "acme/fraud:2.0.0")
    assert [row.name for row in comparison.tensors.changed] == ["head"]
    assert comparison.tensors.unchanged == 2


def test_it_goes_on(golden: tuple[mv.Registry, dict[str, Any]]) -> None:
    """This release writes on where the old one stopped."""
    registry, _ = golden
    version = registry.register("acme/fraud", {"model.bin": b"new"}, bump="major", capture=False)
    assert version.version == "3.0.0"
    assert registry.set_alias("acme/fraud", "production", version).version == "3.0.0"
    assert registry.verify()
