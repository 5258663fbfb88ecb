"""Is what is at hand what the version was made with?"""

from pathlib import Path

import pytest

import modelver as mv


@pytest.fixture
def version(registry: mv.Registry, build: Path, tmp_path: Path) -> mv.ModelVersion:
    """Give a version with a prompt, a dataset and a recorded environment."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.csv").write_text("1")
    (tmp_path / "eval.csv").write_text("2")
    return registry.register(
        "acme/bot",
        build,
        data=[
            mv.Dataset("train", uri=str(tmp_path / "train")),
            mv.Dataset("eval", uri=str(tmp_path / "eval.csv"), split="test"),
            mv.Dataset("web", digest=f"sha256:{'a' * 64}"),
        ],
    )


def test_the_same_prompts_and_datasets_are_well(
    registry: mv.Registry, version: mv.ModelVersion, build: Path, tmp_path: Path
) -> None:
    """Files, bytes, folders and digests; where they lie does not matter."""
    (tmp_path / "elsewhere.csv").write_text("2")
    report = registry.check(
        version,
        prompts={"system": build / "prompts/system.txt"},
        data={
            "train": tmp_path / "train",
            "eval": str(tmp_path / "elsewhere.csv"),
            "web": f"sha256:{'a' * 64}",
        },
        environment=True,
    )
    assert report, report
    assert report.checked["prompts"] == 1
    assert report.checked["datasets"] == 3
    assert registry.check(version, prompts={"system": b"Case: {case}"})
    report.raise_if_failed()


def test_another_prompt_is_told_with_its_line(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """What the version has, and what is in use."""
    report = registry.check(version, prompts={"system": b"Case: {case}!"})
    [finding] = report.findings
    assert (finding.component, finding.line) == ("prompts", 1)
    assert (finding.expected, finding.found) == ("'Case: {case}'", "'Case: {case}!'")
    with pytest.raises(mv.Refused, match="not what the version was made with"):
        report.raise_if_failed()


def test_another_dataset_is_told(registry: mv.Registry, version: mv.ModelVersion, tmp_path: Path) -> None:
    """By content, as the version's was digested; one that was stated by its digest alone."""
    (tmp_path / "train" / "b.csv").write_text("")
    report = registry.check(version, data={"train": tmp_path / "train", "web": str(tmp_path / "eval.csv")})
    assert [(finding.object, finding.what) for finding in report.findings] == [
        ("data train", "another content"),
        ("data web", "another digest"),
    ]


def test_names_that_the_version_lacks_are_findings(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """Each with the one that was probably meant: a job that asks for the wrong name must not pass."""
    report = registry.check(version, prompts={"sytem": b"x"}, data={"evl": f"sha256:{'b' * 64}"})
    assert [(finding.object, finding.expected) for finding in report.findings] == [
        ("prompt sytem", "system"),
        ("data evl", "eval"),
    ]


def test_requirements_would_make_the_environment(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """One pin for each recorded package; this environment meets them, as it is the one that was recorded."""
    report = registry.check(version, environment=True)
    assert report
    environment = version.provenance.environment
    assert environment is not None
    pins = [line for line in report.requirements().splitlines() if not line.startswith("#")]
    assert f"attrs=={environment.packages['attrs']}" in pins
    assert len(pins) == len(environment.packages)


def test_an_environment_that_was_not_recorded_is_told(registry: mv.Registry) -> None:
    """It is a finding, and there are no requirements."""
    version = registry.register("acme/bot", {"model.bin": b"x"}, capture=False)
    report = registry.check(version, environment=True)
    assert [finding.object for finding in report.findings] == ["environment"]
    with pytest.raises(mv.NotFound, match="no recorded environment"):
        report.requirements()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, mv.InvalidValue),
        ({"prompts": {"system": "nowhere.txt"}}, mv.NotFound),
        ({"prompts": {"system": 3}}, mv.InvalidValue),
        ({"prompts": "system"}, mv.InvalidValue),
        ({"prompts": {"system": "."}}, mv.InvalidValue),
        ({"prompts": {"system": "s3://bucket/x"}}, mv.InvalidValue),
        ({"data": {"train": "nowhere"}}, mv.NotFound),
        ({"data": {"train": 3}}, mv.InvalidValue),
        ({"data": {"train": "sha256:xyz"}}, mv.InvalidValue),
    ],
    ids=str,
)
def test_wrong_questions_are_errors(
    registry: mv.Registry, version: mv.ModelVersion, asked: dict[str, object], error: type[mv.ModelverError]
) -> None:
    """What can't be asked, and what is not there, is no answer."""
    with pytest.raises(error):
        registry.check(version, **asked)  # type: ignore[arg-type] # wrong on purpose
