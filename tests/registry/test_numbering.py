"""Which number a version gets, or which version the content is already."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

import modelver as mv
from tests.registries import MODEL, onnx_model, publish, weights

Files = Mapping[str, bytes]
BASE: Files = {
    "m.safetensors": weights(a=[1, 2], b=[3]),
    "m.onnx": onnx_model([1.0, 2.0]),
    "config.json": b"{}",
    "prompts/system.txt": b"Case: {case}",
    "tokenizer.json": b"{}",
    "train.py": b"pass",
    "README.md": b"#",
}


def without(path: str) -> Files:
    """Return the base without a file."""
    return {name: data for name, data in BASE.items() if name != path}


AUTO: dict[str, tuple[Files, dict[str, object], str]] = {
    "metrics": (BASE, {"metrics": {"f1": 0.9}}, "1.0.1"),
    "parameters": (BASE, {"params": {"lr": 1}}, "1.0.1"),
    "tags": (BASE, {"tags": {"a": "b"}}, "1.0.1"),
    "intended use": (BASE, {"metadata": {"intended_use": "cards"}}, "1.0.1"),
    "stated code": (BASE, {"code": mv.Code(commit="ab" * 20)}, "1.0.1"),
    "base model": (BASE, {"base": mv.BaseModel("bert")}, "1.0.1"),
    "dataset": (BASE, {"data": [mv.Dataset("train", digest="sha256:" + "ab" * 32)]}, "1.1.0"),
    "values": ({**BASE, "m.safetensors": weights(a=[1, 2], b=[4])}, {}, "1.1.0"),
    "onnx values": ({**BASE, "m.onnx": onnx_model([1.0, 3.0])}, {}, "1.1.0"),
    "config": ({**BASE, "config.json": b"[]"}, {}, "1.1.0"),
    "tokenizer": ({**BASE, "tokenizer.json": b"[]"}, {}, "1.1.0"),
    "prompt text": ({**BASE, "prompts/system.txt": b"The case: {case}"}, {}, "1.1.0"),
    "new prompt": ({**BASE, "prompts/user.txt": b"{question}"}, {}, "1.1.0"),
    "code": ({**BASE, "train.py": b"1"}, {}, "1.1.0"),
    "document": (without("README.md"), {}, "1.1.0"),
    "renamed": ({**without("config.json"), "conf.json": b"{}"}, {}, "1.1.0"),
    "reshaped": ({**BASE, "m.safetensors": weights(a=[[1, 2]], b=[3])}, {}, "2.0.0"),
    "tensor added": ({**BASE, "m.safetensors": weights(a=[1, 2], b=[3], c=[4])}, {}, "2.0.0"),
    "tensor removed": ({**BASE, "m.safetensors": weights(a=[1, 2])}, {}, "2.0.0"),
    "weights removed": (without("m.safetensors"), {}, "2.0.0"),
    "prompt variable": ({**BASE, "prompts/system.txt": b"{case} {country}"}, {}, "2.0.0"),
    "prompt removed": (without("prompts/system.txt"), {}, "2.0.0"),
}


@pytest.mark.parametrize("change", AUTO)
def test_the_content_tells_how_far_to_go(change: str, memory: mv.Registry) -> None:
    """A changed interface is major; changed files and datasets are minor; metadata alone is patch."""
    files, arguments, expected = AUTO[change]
    memory.register(MODEL, BASE, capture=False)
    version = memory.register(MODEL, files, capture=False, **arguments)  # type: ignore[arg-type] # as the table says
    assert (version.version, version.created) == (expected, True)


def test_provenance_and_changelog_are_no_content(memory: mv.Registry) -> None:
    """Another run, another checkout, another text: the same version."""
    first = memory.register(MODEL, BASE, changelog="one", run="run-1", capture=True)
    again = memory.register(MODEL, BASE, changelog="two", run="run-2", capture=False)
    assert (again, again.created, again.changelog.summary) == (first, False, "one")


@pytest.mark.parametrize(
    ("bump", "expected"),
    [("major", "2.0.0"), ("minor", "1.3.0"), ("patch", "1.2.4"), ("prerelease", "1.3.0-exp.1")],
)
def test_a_bump_may_be_given(bump: str, expected: str, memory: mv.Registry) -> None:
    """The next number after the last release."""
    publish(memory, version="1.2.3")
    assert publish(memory, b"2", bump=bump).version == expected


def test_a_new_model_begins_at_1_0_0_whatever_the_bump(memory: mv.Registry) -> None:
    """But for a pre-release, which leads there."""
    for bump in ("major", "minor", "patch", "auto"):
        assert memory.register(f"m-{bump}", {"a": b"1"}, bump=bump, capture=False).version == "1.0.0"  # type: ignore[arg-type]
    first = publish(memory, bump="prerelease")
    assert first.version == "1.0.0-exp.1"
    assert publish(memory, b"2", bump="prerelease").version == "1.0.0-exp.2"
    assert publish(memory, b"3").version == "1.0.0"


def test_pre_releases_follow_the_highest_version(memory: mv.Registry) -> None:
    """Releases follow the highest release, whatever pre-releases there are."""
    publish(memory, version="1.3.0")
    assert publish(memory, b"2", bump="prerelease").version == "1.4.0-exp.1"
    assert publish(memory, b"3", bump="prerelease").version == "1.4.0-exp.2"
    assert publish(memory, b"4", bump="patch").version == "1.3.1"
    assert publish(memory, b"5", bump="prerelease").version == "1.4.0-exp.3"


def test_an_exact_version_is_taken(memory: mv.Registry) -> None:
    """In any order, with a `v` or build metadata; later bumps go on from the highest."""
    for given, expected in (("v2.0.0", "2.0.0"), ("1.5.0-rc.1", "1.5.0-rc.1"), ("1.0.0+cpu", "1.0.0+cpu")):
        assert publish(memory, given.encode(), version=given).version == expected
    assert publish(memory, b"next", bump="patch").version == "2.0.1"


def test_a_version_is_registered_once(memory: mv.Registry) -> None:
    """The same statement again gives it back; another one is AlreadyExists, naming what differs."""
    arguments = {"version": "1.0.0", "changelog": "x", "metrics": {"f1": 0.9}}
    first = publish(memory, **arguments)
    again = publish(memory, **arguments)
    assert (again, again.created) == (first, False)
    for change, named in (
        ({"changelog": "y"}, "changelog"),
        ({"metrics": {"f1": 0.8}}, r"metadata\.metrics"),
        ({"tags": {"a": "b"}}, r"metadata\.tags"),
    ):
        with pytest.raises(mv.AlreadyExists, match=f"other {named}"):
            publish(memory, **{**arguments, **change})
    with pytest.raises(mv.AlreadyExists, match="weights"):
        publish(memory, b"other", **arguments)
    with pytest.raises(mv.AlreadyExists, match="config"):
        memory.register(MODEL, {"model.bin": b"weights", "config.json": b"{}"}, capture=False, **arguments)  # type: ignore[arg-type] # one dict of all kinds
    assert len(memory.versions(MODEL)) == 1


def test_unchanged_content_can_be_an_error(memory: mv.Registry) -> None:
    """A CI job that must publish something new says so; nothing is written."""
    publish(memory)
    entries = len(memory.history(MODEL))
    for arguments in ({}, {"version": "1.0.0"}, {"aliases": ["staging"]}):
        with pytest.raises(mv.AlreadyExists, match="nothing has changed"):
            publish(memory, if_unchanged="error", **arguments)
    assert len(memory.history(MODEL)) == entries
    assert publish(memory, b"2", if_unchanged="error").created


def test_a_return_to_old_content_is_a_change(memory: mv.Registry) -> None:
    """Only the last release counts: going back to the one before makes a new version."""
    publish(memory, b"old")
    publish(memory, b"new")
    back = publish(memory, b"old")
    assert (back.version, back.created) == ("1.2.0", True)


def test_unchanged_pre_releases_are_found_among_the_highest(memory: mv.Registry) -> None:
    """An experiment that changes nothing is the last experiment."""
    publish(memory)
    first = publish(memory, b"try", bump="prerelease")
    again = publish(memory, b"try", bump="prerelease")
    assert (again, again.created) == (first, False)


def test_equal_content_at_once_is_one_version(memory: mv.Registry) -> None:
    """Eight that register the same at the same moment: one makes the version, all get it."""
    publish(memory, b"before")
    barrier = threading.Barrier(8)

    def register(_: int) -> mv.ModelVersion:
        barrier.wait()
        return publish(mv.Registry(memory.url))

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(register, range(8)))
    assert {str(version.version) for version in versions} == {"1.1.0"}
    assert sum(version.created for version in versions) == 1


def test_a_yanked_version_is_not_returned(memory: mv.Registry) -> None:
    """The same content after a yank is a new version."""
    memory.yank(publish(memory), reason="bad")
    assert publish(memory).version == "1.0.1"


def test_task_tags_count_in_their_own_way(memory: mv.Registry) -> None:
    """A model with a template gives its tags; what the template lacks is raised in its last number."""
    memory.create_model("bot", scheme="gpt4-cx-v{major}.{minor}")

    def register(content: bytes, **arguments: object) -> str:
        return str(memory.register("bot", {"w.bin": content}, capture=False, **arguments).version)  # type: ignore[arg-type]

    assert register(b"1") == "gpt4-cx-v1.0"
    assert register(b"2") == "gpt4-cx-v1.1"
    assert register(b"3", bump="patch") == "gpt4-cx-v1.2"
    assert register(b"4", bump="major") == "gpt4-cx-v2.0"
    assert register(b"5", bump="prerelease") == "gpt4-cx-v2.1-exp.1"
    assert register(b"6", version="gpt4-cx-v3.7") == "gpt4-cx-v3.7"
    assert [str(version.version) for version in memory.versions("bot")] == [
        "gpt4-cx-v1.0",
        "gpt4-cx-v1.1",
        "gpt4-cx-v1.2",
        "gpt4-cx-v2.0",
        "gpt4-cx-v2.1-exp.1",
        "gpt4-cx-v3.7",
    ]
    for other in ("1.0.0", "gpt4-cx-v1", "gpt4-cx-v1.0.0", "v1.0"):
        with pytest.raises(mv.InvalidName, match="gpt4-cx"):
            register(b"7", version=other)


def test_a_scheme_is_fixed(memory: mv.Registry) -> None:
    """Making a model again is fine with the same scheme, and refused with another."""
    assert memory.create_model("Bot", scheme="v{major}") == "Bot"
    assert memory.create_model("bot", scheme="v{major}") == "Bot"
    with pytest.raises(mv.InvalidValue, match="another version scheme"):
        memory.create_model("bot")
    for scheme in ("", "v", "{minor}", "v{major}{minor}", "{major}."):
        with pytest.raises(mv.InvalidName):
            memory.create_model("other", scheme=scheme)
    assert memory.models() == ["Bot"]


def test_a_finalized_version_has_the_same_files(memory: mv.Registry) -> None:
    """The release of an experiment: the same blobs and statement, its own number; again changes nothing."""
    publish(memory, version="1.3.0")
    experiment = publish(memory, b"try", bump="prerelease", metrics={"f1": 0.9}, changelog="A try.", run="r1")
    release = memory.finalize(experiment)
    assert (release.version, release.created) == ("1.4.0", True)
    assert release.files == experiment.files
    assert (release.metadata, release.changelog) == (experiment.metadata, experiment.changelog)
    assert release.provenance == experiment.provenance
    assert memory.status(release).finalizes == "1.4.0-exp.1"
    again = memory.finalize("acme/fraud:1.4.0-exp.1")
    assert (again, again.created) == (release, False)
    assert not list(memory.compare(experiment, release).files.rows())


def test_only_pre_releases_are_finalized(memory: mv.Registry) -> None:
    """A release is final; a yanked experiment is no release; another release in the way is AlreadyExists."""
    release = publish(memory)
    with pytest.raises(mv.InvalidValue, match="not a pre-release"):
        memory.finalize(release)
    with pytest.raises(mv.NotFound):
        memory.finalize("acme/fraud:1.1.0-exp.1")
    first = publish(memory, b"1", bump="prerelease")
    second = publish(memory, b"2", bump="prerelease")
    memory.yank(second, reason="bad")
    with pytest.raises(mv.InvalidValue, match="yanked"):
        memory.finalize(second)
    assert memory.finalize(first).version == "1.1.0"
    third = publish(memory, b"3", version="1.1.0-rc.1")
    with pytest.raises(mv.AlreadyExists, match="weights"):
        memory.finalize(third)


def test_task_tags_are_finalized_too(memory: mv.Registry) -> None:
    """`bot-v1-exp.1` becomes `bot-v1`."""
    memory.create_model("bot", scheme="bot-v{major}")
    experiment = memory.register("bot", {"a": b"1"}, bump="prerelease", capture=False)
    assert experiment.version == "bot-v1-exp.1"
    assert memory.finalize(experiment).version == "bot-v1"
