"""Registering: what goes in, what comes out, and what is refused before anything changes."""

import logging
from pathlib import Path

import fsspec
import numpy as np
import pytest

import modelver as mv
from tests.registries import MODEL, objects, publish, snapshot, weights, write_tree


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what this library logged; others may complain of what earlier tests left."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("modelver")]


def test_the_first_version_is_1_0_0(registry: mv.Registry, build: Path) -> None:
    """A new model gets the semver scheme; the version says what it is, who made it and when."""
    version = registry.register(MODEL, build, capture=False)
    assert str(version) == version.ref == "acme/fraud:1.0.0"
    assert version.created
    assert version.created_by == "tester@example.org"
    assert [entry.path for entry in version.files] == ["config.json", "model.bin", "prompts/system.txt"]
    assert version.size == sum(entry.size for entry in version.files)
    assert version == registry.get("acme/fraud:1.0.0")
    assert not registry.get(version).created
    assert registry.verify()


def test_the_digest_is_that_of_the_stored_manifest(registry: mv.Registry, root: Path) -> None:
    """A version's digest is the name of a blob: its manifest."""
    version = publish(registry)
    data = (root / "blobs" / "sha256" / version.digest.hex[:2] / version.digest.hex).read_bytes()
    assert mv.Digest.of(data) == version.digest
    assert data == version.manifest.to_bytes()


def test_the_same_statement_has_the_same_digest_everywhere(tmp_path: Path, build: Path) -> None:
    """Two registries, two actors, two places of the same files: one digest."""
    statement = {
        "metrics": {"f1": 0.9},
        "params": {"lr": 3e-4},
        "metadata": {"license": "MIT"},
        "changelog": "x",
    }
    found = set()
    for number in range(2):
        folder = tmp_path / str(number)
        write_tree(folder / "data", {"train.csv": "1"})
        copied = write_tree(folder / "files", {"m.bin": b"1", "prompts/a.txt": "hi"})
        registry = mv.Registry(folder / "registry", actor=f"actor-{number}")
        version = registry.register(
            MODEL, copied, data={"train": folder / "data" / "train.csv"}, capture=bool(number), **statement
        )  # type: ignore[arg-type] # one dict of all kinds
        found.add(version.digest)
    assert len(found) == 1


def test_every_kind_of_source_goes_in(memory: mv.Registry, build: Path) -> None:
    """Files, folders, lists, mappings, bytes and addresses, in one version if need be."""
    fsspec.filesystem("memory").pipe(f"{build}/remote.bin", b"far")
    forms: list[object] = [
        build / "model.bin",
        str(build),
        [build / "model.bin", build / "config.json"],
        {"a/model.bin": build / "model.bin", "b": b"bytes", "far": f"memory:/{build}/remote.bin"},
        f"memory:/{build}/remote.bin",
        (build / "config.json").as_uri(),
    ]
    for number, source in enumerate(forms):
        version = memory.register(f"model-{number}", source, capture=False)  # type: ignore[arg-type] # any of them
        assert version.version == "1.0.0"
    assert [entry.path for entry in memory.get("model-3:1.0.0").files] == ["a/model.bin", "b", "far"]
    loaded = memory.load("model-3:1.0.0")
    assert (loaded / "far").read_bytes() == b"far"


def test_prompts_are_given_or_recognised(memory: mv.Registry, build: Path) -> None:
    """Prompts in the folder and named ones stand beside each other."""
    version = memory.register(
        MODEL, build, prompts={"user": build / "config.json", "judge": b"Judge {x}"}, capture=False
    )
    assert [entry.path for entry in version.files if entry.role is mv.Role.PROMPT] == [
        "prompts/judge.txt",
        "prompts/system.txt",
        "prompts/user.json",
    ]
    loaded = memory.load(version)
    assert loaded.prompt("judge") == "Judge {x}"
    assert loaded.prompt("system") == "Case: {case}"


def test_what_was_left_out_is_said(
    memory: mv.Registry, build: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Litter is no part of the version; the log of this library names it once."""
    write_tree(build, {".git/config": "", ".DS_Store": ""})
    with caplog.at_level(logging.WARNING, logger="modelver"):
        memory.register(MODEL, build, changelog="x", capture=False)
    assert told(caplog) == ["left out of the version: .DS_Store, .git"]


def test_a_missing_changelog_is_told(memory: mv.Registry, caplog: pytest.LogCaptureFixture) -> None:
    """Where a version was made; any section is enough."""
    with caplog.at_level(logging.WARNING, logger="modelver"):
        publish(memory, changelog=mv.Changelog(caveats=("Slow.",)))
        publish(memory, b"2")
        publish(memory, b"2")
    assert told(caplog) == ["acme/fraud:1.1.0 has no changelog: nobody will know what changed"]


def test_everything_stated_comes_back(memory: mv.Registry, tmp_path: Path) -> None:
    """Metrics, parameters, datasets, metadata, changelog and tags are read as they were given."""
    write_tree(tmp_path, {"train.csv": "1"})
    version = publish(
        memory,
        changelog=mv.Changelog(added=["Refunds."], caveats="Slower."),  # type: ignore[arg-type] # one text will do
        metrics=[
            mv.Metric("f1", 0.9, dataset="eval", slice="EU", count=100),
            mv.Metric("f1", 0.8, dataset="eval"),
        ],
        params={"lr": 3e-4, "layers": (64, 16), "dropout": None, "deep": {"a": [True, "x"]}},
        data=[mv.Dataset("train", uri=str(tmp_path / "train.csv"), split="train", rows=1)],
        metadata={
            "intended_use": "cards",
            "limitations": ["loans"],
            "external_facing": False,
            "custom": {"k": 1},
        },
        tags={"team": "risk"},
        base=mv.BaseModel("bert-base", None),
    )
    metadata = version.metadata
    assert [metric.key for metric in version.metrics] == [("f1", "eval", ""), ("f1", "eval", "EU")]
    assert version.params == {"lr": 3e-4, "layers": [64, 16], "dropout": None, "deep": {"a": [True, "x"]}}
    assert (metadata.data[0].method, metadata.data[0].uri, metadata.data[0].rows) == (
        "content",
        "train.csv",
        1,
    )
    assert (metadata.intended_use, metadata.limitations) == (("cards",), ("loans",))
    assert (metadata.external_facing, metadata.custom, metadata.tags) == (False, {"k": 1}, {"team": "risk"})
    assert metadata.base[0].name == "bert-base"
    assert version.changelog.caveats == ("Slower.",)


def test_numbers_of_training_scripts_are_taken(memory: mv.Registry) -> None:
    """NumPy's scalars, paths and tuples become JSON; metrics of any number type become floats."""
    version = publish(
        memory,
        metrics={"f1": np.float32(0.5), "n": np.int64(3), "one": 1},
        params={
            "a": np.int64(1),
            "b": np.float64(0.5),
            "c": np.bool_(True),
            "d": Path("x/y"),
            "e": np.float32(0.25),
        },
    )
    assert {metric.name: metric.value for metric in version.metrics} == {"f1": 0.5, "n": 3.0, "one": 1.0}
    assert version.params == {"a": 1, "b": 0.5, "c": True, "d": "x/y", "e": 0.25}
    assert type(version.params["c"]) is bool


def test_metadata_of_a_version_can_be_given_again(memory: mv.Registry, tmp_path: Path) -> None:
    """A version's metadata is a statement like any other: the same one changes nothing."""
    write_tree(tmp_path, {"train.csv": "1"})
    first = publish(
        memory, data={"train": tmp_path / "train.csv"}, metrics={"f1": 0.9}, params={"a": 1}, tags={"b": "c"}
    )
    again = publish(memory, metadata=first.metadata)
    assert (again, again.created) == (first, False)


def test_arguments_win_over_metadata(memory: mv.Registry) -> None:
    """What is given beside the metadata takes the place of what is in it."""
    metadata = mv.Metadata(metrics=(mv.Metric("f1", 0.1),), params={"a": 1}, tags={"a": "b"})
    version = publish(memory, metadata=metadata, metrics={"f1": 0.9}, params={"b": 2}, tags={})
    assert version.metrics == (mv.Metric("f1", 0.9),)
    assert (version.params, version.metadata.tags) == ({"b": 2}, {})


def test_base_versions_are_pinned(memory: mv.Registry) -> None:
    """A base in this registry is recorded by number and digest, whichever way it is named."""
    base = publish(memory, aliases="production")
    for given in ("acme/fraud@production", base, ["acme/fraud:1.0.0"], "models:/acme/fraud@production"):
        version = memory.register("tuned", {"m": str(given).encode()}, base=given, capture=False)  # type: ignore[arg-type]
        assert version.metadata.base == (mv.BaseModel("acme/fraud:1.0.0", base.digest),)
    for missing in ("acme/fraud:9.9.9", "nothing:1.0.0", "bert"):
        with pytest.raises((mv.NotFound, mv.InvalidName), match=r"mv\.BaseModel"):
            memory.register("tuned", {"m": b"2"}, base=missing, capture=False)


def test_aliases_are_set_in_the_same_commit(memory: mv.Registry) -> None:
    """One text or several; each once, whatever its case."""
    first = publish(memory, aliases="staging")
    second = publish(memory, b"2", aliases=["staging", "Production", "production"])
    assert memory.aliases(MODEL) == {"production": second, "staging": second}
    moves = memory.history(MODEL, alias="staging")
    assert [entry.version for entry in moves] == [first.version, second.version]
    assert {entry.generation for entry in moves[-1:]} == {
        memory.history(MODEL, alias="production")[0].generation
    }


def test_an_alias_of_unchanged_content_moves_there(memory: mv.Registry) -> None:
    """Registering again what is the last version still sets the aliases, without a new version."""
    first = publish(memory)
    again = publish(memory, aliases=["production"])
    assert (again, again.created) == (first, False)
    assert memory.resolve(f"{MODEL}@production") == first


def test_an_alias_is_never_set_to_a_yanked_version_this_way_either(memory: mv.Registry) -> None:
    """What set_alias refuses, register refuses too."""
    version = publish(memory)
    memory.yank(version, reason="bad")
    with pytest.raises(mv.Refused, match="yanked"):
        publish(memory, version="1.0.0", aliases=["production"])
    assert memory.aliases(MODEL) == {}


BAD_ARGUMENTS: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"version": "1.0"}, mv.InvalidName, "1.0"),
    ({"version": "latest"}, mv.InvalidName, "latest"),
    ({"bump": "huge"}, mv.InvalidValue, "bump"),
    ({"if_unchanged": "maybe"}, mv.InvalidValue, "if_unchanged"),
    ({"commit_id": ""}, mv.InvalidValue, "commit_id"),
    ({"commit_id": "auto-1"}, mv.InvalidValue, "commit_id"),
    ({"aliases": ["1.2.3"]}, mv.InvalidName, "version"),
    ({"aliases": ["v2.0.0"]}, mv.InvalidName, "version"),
    ({"aliases": ["latest"]}, mv.InvalidName, "latest"),
    ({"aliases": ["a b"]}, mv.InvalidName, "alias"),
    ({"aliases": [5]}, mv.InvalidValue, "aliases"),
    ({"aliases": 5}, mv.InvalidValue, "aliases"),
    ({"metrics": {"f1": float("nan")}}, mv.InvalidValue, r"metrics\['f1'\]"),
    ({"metrics": {"f1": "0.9"}}, mv.InvalidValue, r"metrics\['f1'\]"),
    ({"metrics": {"f1": True}}, mv.InvalidValue, r"metrics\['f1'\]"),
    ({"metrics": {"": 1}}, mv.InvalidValue, "metrics"),
    ({"metrics": {5: 1}}, mv.InvalidValue, "metrics"),
    ({"metrics": {"f1": mv.Metric("acc", 1)}}, mv.InvalidValue, "another name"),
    ({"metrics": [mv.Metric("f1", 1), mv.Metric("f1", 2)]}, mv.InvalidValue, "twice"),
    ({"metrics": ["f1"]}, mv.InvalidValue, "metrics"),
    ({"metrics": "f1"}, mv.InvalidValue, "metrics"),
    ({"metrics": 5}, mv.InvalidValue, "metrics"),
    ({"metrics": [mv.Metric("f1", 1, dataset=5)]}, mv.InvalidValue, "dataset"),
    ({"params": {"a": float("inf")}}, mv.InvalidValue, r"params\['a'\]"),
    ({"params": {"a": [1, {"b": object()}]}}, mv.InvalidValue, r"params\['a'\]\[1\]\['b'\]"),
    ({"params": {"seed": 2**60}}, mv.LimitExceeded, "seed"),
    ({"params": {1: 2}}, mv.InvalidValue, "key"),
    ({"params": [1]}, mv.InvalidValue, "params"),
    ({"params": {"a": np.ones(2)}}, mv.InvalidValue, "ndarray"),
    ({"params": {"a": "\ud800"}}, mv.InvalidValue, "surrogate"),
    ({"prompts": {"system": "nothing/here.txt"}}, mv.NotFound, "Prompts are files"),
    ({"prompts": ["a"]}, mv.InvalidValue, "prompts"),
    ({"prompts": {"a.b": b"1"}}, mv.InvalidValue, "dots"),
    ({"data": {"train": "nothing/here.csv"}}, mv.NotFound, "train"),
    ({"data": {"train": 5}}, mv.InvalidValue, "train"),
    ({"data": {"train": None}}, mv.InvalidValue, "train"),
    ({"data": {"train": mv.Dataset("test", uri="x")}}, mv.InvalidValue, "another name"),
    ({"data": [mv.Dataset("a", uri="x"), mv.Dataset("a", uri="y")]}, mv.InvalidValue, "one name"),
    ({"data": "train.csv"}, mv.InvalidValue, "data"),
    ({"data": [mv.Dataset("a", digest="md5:1")]}, mv.InvalidValue, "a"),
    ({"metadata": {"intended_usage": "x"}}, mv.InvalidValue, "Did you mean 'intended_use'"),
    ({"metadata": {"flavour": "x"}}, mv.InvalidValue, "custom"),
    ({"metadata": {"metrics": {"f1": 1}}}, mv.InvalidValue, r"register\(\.\.\., metrics=\.\.\.\)"),
    ({"metadata": {"license": 5}}, mv.InvalidValue, "license"),
    ({"metadata": {"limitations": [5]}}, mv.InvalidValue, "limitations"),
    ({"metadata": {"external_facing": "no"}}, mv.InvalidValue, "external_facing"),
    ({"metadata": {"custom": [1]}}, mv.InvalidValue, "custom"),
    ({"metadata": {"custom": {"a": object()}}}, mv.InvalidValue, "custom"),
    ({"metadata": "text"}, mv.InvalidValue, "metadata"),
    ({"metadata": {5: "x"}}, mv.InvalidValue, "5"),
    ({"tags": {"a": 5}}, mv.InvalidValue, "tags"),
    ({"tags": ["a"]}, mv.InvalidValue, "tags"),
    ({"changelog": 5}, mv.InvalidValue, "changelog"),
    ({"base": [5]}, mv.InvalidValue, "base"),
    ({"base": 5}, mv.InvalidValue, "base"),
    ({"run": 5}, mv.InvalidValue, "run"),
    ({"code": "."}, mv.InvalidValue, "capture is off"),
    ({"metadata": {"description": "x" * 17 * 2**20}}, mv.LimitExceeded, "too large"),
]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    BAD_ARGUMENTS,
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_change_nothing(
    arguments: dict[str, object], error: type[Exception], message: str, registry: mv.Registry, root: Path
) -> None:
    """Each has an error that names it, and not even an empty registry is made."""
    with pytest.raises(error, match=message):
        publish(registry, **arguments)
    assert not root.exists()


def test_a_cyclic_parameter_is_refused(registry: mv.Registry) -> None:
    """A dict that holds itself is nested too deep, not a crash."""
    params: dict[str, object] = {}
    params["self"] = params
    with pytest.raises(mv.LimitExceeded, match="nested"):
        publish(registry, params=params)


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b/c", "con", "-a", "a--b", "a" * 65, "é"])
def test_a_name_that_breaks_the_grammar_changes_nothing(name: str, registry: mv.Registry, root: Path) -> None:
    """The name is looked at before all else."""
    with pytest.raises(mv.InvalidName):
        registry.register(name, {"a": b"1"}, capture=False)
    assert not root.exists()


def test_a_malformed_weight_file_changes_nothing(registry: mv.Registry, root: Path, build: Path) -> None:
    """A truncated safetensors file among good files is found before the first byte is stored."""
    publish(registry)
    before = snapshot(root)
    write_tree(build, {"model.safetensors": weights(a=[1, 2, 3])[:-1]})
    with pytest.raises(mv.InvalidValue, match=r"model\.safetensors"):
        registry.register(MODEL, build, capture=False)
    with pytest.raises(mv.InvalidValue, match=r"model\.safetensors"):
        registry.register("new", build, capture=False)
    assert snapshot(root) == before


def test_models_are_one_whatever_their_case(memory: mv.Registry) -> None:
    """The name keeps its maker's spelling in every version."""
    memory.create_model("Llama-3.1-8B")
    version = memory.register("llama-3.1-8b", {"a": b"1"}, capture=False)
    assert version.name == version.manifest.model == "Llama-3.1-8B"
    assert memory.models() == ["Llama-3.1-8B"]


def test_content_is_stored_once_over_all_models(registry: mv.Registry, root: Path) -> None:
    """Equal files of two models are one blob."""
    registry.register("one", {"a.bin": b"same bytes"}, capture=False)
    registry.register("two", {"b.bin": b"same bytes"}, capture=False)
    assert sum(data == b"same bytes" for data in objects(root).values()) == 1


def test_the_registry_itself_is_never_registered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registering the folder that holds the registry leaves the registry out, and says so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODELVER_REGISTRY", raising=False)
    write_tree(tmp_path, {"model.bin": b"1"})
    registry = mv.Registry()
    first = registry.register(MODEL, ".", capture=False)
    caplog.clear()
    again = registry.register(MODEL, ".", capture=False)
    assert (again, again.created) == (first, False)
    assert [entry.path for entry in first.files] == ["model.bin"]
    assert "modelver-registry" in caplog.text


def test_more_files_than_a_commit_can_name_are_refused_at_once(registry: mv.Registry, root: Path) -> None:
    """Before anything is read or stored; the message says what to do."""
    with pytest.raises(mv.LimitExceeded, match="zip"):
        registry.register(MODEL, {f"{number:06}": b"" for number in range(12_000)}, capture=False)
    assert not root.exists()


def test_as_many_files_as_a_commit_can_name_go_in(memory: mv.Registry) -> None:
    """The limit that is checked beforehand is a real one."""
    assert memory.register(MODEL, {f"{number:06}": b"" for number in range(11_000)}, capture=False).created


def test_a_long_changelog_is_kept_whole(memory: mv.Registry) -> None:
    """The log has its first line, the manifest all of it: a text larger than a commit may be is fine."""
    text = "The first line.\n" + "x" * 2 * 2**20
    version = publish(memory, changelog=text)
    assert version.changelog.summary == text
    assert memory.history(MODEL)[-1].reason == "The first line."


def test_a_card_in_the_folder_completes_what_is_stated(memory: mv.Registry) -> None:
    """What the caller states wins; a card that can't be read is told of, and fails nothing."""
    card = b"---\nlicense: mit\ndatasets: [squad]\n---\n# A model\n\n## Limitations\n\n- German only.\n"
    version = memory.register(
        "m", {"README.md": card, "w": b"1"}, metadata={"license": "apache-2.0"}, capture=False
    )
    assert version.metadata.license == "apache-2.0"
    assert version.metadata.limitations == ("German only.",)
    assert [dataset.name for dataset in version.metadata.data] == ["squad"]
    assert memory.register("m", {"README.md": b"---\n: [\n---\n", "w": b"2"}, capture=False).created
