"""Project files are read strictly: every fault has its path, and unknown keys a suggestion."""

from pathlib import Path

import pytest

import modelver as mv
from modelver.project.history import tell
from modelver.project.settings import Project, read_project

HEAD = '[model]\nname = "acme/bot"\n'


def project(folder: Path, text: str, head: str = HEAD) -> Project:
    """Read a project file of this text."""
    (folder / "modelver.toml").write_text(head + text)
    return read_project(folder)


def test_everything_is_read(tmp_path: Path) -> None:
    """Each table becomes values."""
    found = project(
        tmp_path,
        """
scheme = "gpt4-cx-v{major}.{minor}"
version = "gpt4-cx-v1.2"
base = ["acme/base:1.0.0"]
[components]
weights = "out/*.onnx"
prompts = ["prompts/**", "!prompts/draft.txt"]
[metadata]
description = "Answers."
intended_use = ["answers"]
external_facing = true
preprocessing = ["lower", { name = "cut", params = { at = 80 }, code = "pre:cut" }]
prompts = { system = "2.1", user = { version = "1.0", description = "x" } }
custom = { ticket = 7 }
[metadata.architecture]
layers = 3
inputs = [{ name = "x", dtype = "float32", shape = ["batch", 3] }]
[metrics]
f1 = 0.9
recall = { value = 0.8, dataset = "eval", slice = "EU", direction = "higher", threshold = 0.7, count = 10 }
[params]
lr = 3e-4
[data.train]
uri = "train.csv"
rows = 3
snapshot = true
[data]
eval = "s3://lake/eval/"
[tags]
team = "risk"
[changelog]
added = ["Everything."]
[environment]
lock = "./uv.lock"
[require.alias.production]
approvals = ["legal"]
""",
    )
    assert found.model == "acme/bot"
    assert found.components == {"weights": ("out/*.onnx",), "prompts": ("prompts/**", "!prompts/draft.txt")}
    assert found.stated["preprocessing"] == (mv.Step("lower"), mv.Step("cut", {"at": 80}, "pre:cut"))
    assert found.stated["prompts"] == (mv.Prompt("system", "2.1"), mv.Prompt("user", "1.0", "x"))
    assert found.stated["architecture"] == mv.Architecture(
        layers=3, inputs=[mv.Port("x", "float32", ["batch", 3])]
    )
    assert found.metrics == (
        mv.Metric("f1", 0.9),
        mv.Metric("recall", 0.8, "eval", "EU", 10, direction="higher", threshold=0.7),
    )
    assert [each.name for each in found.data] == ["eval", "train"]
    assert found.data[1].snapshot
    assert found.story.stated.added == ("Everything.",)
    assert found.lock == "uv.lock"
    assert found.policy.aliases[mv.Alias("production")].approvals == ("legal",)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", '{"f1": 0.9}'),
        ("m.json", '[{"name": "f1", "value": 0.9}]'),
        ("m.toml", "f1 = 0.9"),
    ],
)
def test_metrics_may_stand_in_a_file(tmp_path: Path, name: str, content: str) -> None:
    """JSON or TOML, a table or a list; text in place of the table names the file, too."""
    (tmp_path / name).write_text(content)
    assert project(tmp_path, f'[metrics]\nfile = "{name}"').metrics == (mv.Metric("f1", 0.9),)
    assert project(tmp_path, HEAD, f'metrics = "{name}"\n').metrics == (mv.Metric("f1", 0.9),)


def test_own_keys_count_more_than_the_file(tmp_path: Path) -> None:
    """What stands in the project file is laid over the other file."""
    (tmp_path / "m.json").write_text('{"f1": 0.1, "recall": 0.8}')
    found = project(tmp_path, '[metrics]\nfile = "m.json"\nf1 = 0.9')
    assert found.metrics is not None
    assert {metric.name: metric.value for metric in found.metrics} == {"f1": 0.9, "recall": 0.8}


BAD = [
    ("[componets]\n", "modelver.toml.componets", "components"),
    ('[components]\nweight = "x"\n', "modelver.toml.components.weight", "weights"),
    ("[components]\nweights = 3\n", "modelver.toml.components.weights", "list of texts"),
    ('[components]\nweights = ["a", 3]\n', "modelver.toml.components.weights[1]", "text"),
    ('[components]\nweights = ["/etc/*"]\n', "modelver.toml.components.weights[0]", "leads out"),
    ('[components]\nweights = ["a/../../x"]\n', "modelver.toml.components.weights[0]", "leads out"),
    ('[components]\nweights = ["~/x"]\n', "modelver.toml.components.weights[0]", "leads out"),
    ('[components]\nweights = ["a\\\\b"]\n', "modelver.toml.components.weights[0]", "pattern"),
    ('[components]\nweights = ["!/etc/x"]\n', "modelver.toml.components.weights[0]", "leads out"),
    ('[metadata]\nintendet_use = ["x"]\n', "modelver.toml.metadata.intendet_use", "intended_use"),
    ("[metadata]\nlicense = 3\n", "modelver.toml.metadata.license", "text"),
    ('[metadata]\nexternal_facing = "yes"\n', "modelver.toml.metadata.external_facing", "true or false"),
    ("[metadata]\nlimitations = [1]\n", "modelver.toml.metadata.limitations[0]", "text"),
    ("[metadata.architecture]\nlayrs = 1\n", "modelver.toml.metadata.architecture.layrs", "layers"),
    ("[metadata.architecture]\nlayers = -1\n", "modelver.toml.metadata.architecture.layers", "not negative"),
    (
        "[metadata.architecture]\nlayers = true\n",
        "modelver.toml.metadata.architecture.layers",
        "not negative",
    ),
    (
        '[metadata.architecture]\ninputs = [{name = "x", shape = [1.5]}]\n',
        "modelver.toml.metadata.architecture.inputs[0]",
        "dimension",
    ),
    (
        '[metadata.architecture]\ninputs = [{nam = "x"}]\n',
        "modelver.toml.metadata.architecture.inputs[0].nam",
        "name",
    ),
    ("[metadata]\npreprocessing = 3\n", "modelver.toml.metadata.preprocessing", "list"),
    ("[metadata]\npreprocessing = [{}]\n", "modelver.toml.metadata.preprocessing[0]", "not empty"),
    ("[metadata]\npreprocessing = [3]\n", "modelver.toml.metadata.preprocessing[0]", "table"),
    ("[metadata.prompts]\nsystem = 3\n", "modelver.toml.metadata.prompts.system", "table"),
    ("[metadata.custom]\nd = 2026-01-01\n", "modelver.toml.metadata.custom.d", "text, a number"),
    ("[metrics]\nf1 = nan\n", "modelver.toml.metrics.f1", "finite"),
    ("[metrics]\nf1 = inf\n", "modelver.toml.metrics.f1", "finite"),
    ('[metrics]\nf1 = "0.9"\n', "modelver.toml.metrics.f1", "number"),
    ("[metrics]\nf1 = true\n", "modelver.toml.metrics.f1", "number"),
    ("[metrics]\nf1 = { vale = 1 }\n", "modelver.toml.metrics.f1.vale", "value"),
    ("[metrics]\nf1 = {}\n", "modelver.toml.metrics.f1.value", "number"),
    ('[metrics]\nf1 = { value = 1, direction = "up" }\n', "modelver.toml.metrics.f1", "higher"),
    ("[metrics]\nf1 = { value = 1, interval = [1] }\n", "modelver.toml.metrics.f1", "low and high"),
    ("[metrics]\nf1 = { value = 1, count = -1 }\n", "modelver.toml.metrics.f1.count", "not negative"),
    ('[metrics]\nfile = "nope.json"\n', "nope.json", "missing"),
    ('[metrics]\nfile = "../x.json"\n', "modelver.toml.metrics.file", "leads out"),
    ("[params]\nlr = nan\n", "modelver.toml.params.lr", "number"),
    ("[params]\nx = " + "[" * 20 + "]" * 20 + "\n", "modelver.toml.params.x", "levels"),
    ("[data]\ntrain = 3\n", "modelver.toml.data.train", "table"),
    ("[data.train]\nurl = 'x'\n", "modelver.toml.data.train.url", "uri"),
    ("[data.train]\nrows = 3\n", "modelver.toml.data.train.uri", "digest"),
    ('[data.train]\nuri = "x"\nrows = "3"\n', "modelver.toml.data.train.rows", "integer"),
    ('[data.train]\nuri = "x"\nsnapshot = 1\n', "modelver.toml.data.train.snapshot", "true or false"),
    ("[tags]\nteam = 3\n", "modelver.toml.tags.team", "text"),
    ('[changelog]\nadd = ["x"]\n', "modelver.toml.changelog.add", "added"),
    ('[environment]\nlok = "x"\n', "modelver.toml.environment.lok", "lock"),
    ('[environment]\nlock = "*.lock"\n', "modelver.toml.environment.lock", "one file"),
    ('[registry]\nuri = "x"\n', "modelver.toml.registry.uri", "url"),
    ("[require.register]\nfieldz = []\n", "modelver.toml.require.register.fieldz", "fields"),
    ('[require.alias.production]\nrules = ["metrics.f1 >"]\n', "require.alias.production.rules[0]", ""),
    (
        '[require.alias.production]\nmin_age = "3 moons"\n',
        "modelver.toml.require.alias.production.min_age",
        "7d",
    ),
]


@pytest.mark.parametrize(("text", "path", "said"), BAD, ids=[text[:50] for text, _, _ in BAD])
def test_a_fault_has_its_path(tmp_path: Path, text: str, path: str, said: str) -> None:
    """One line names the place, and what should be there."""
    with pytest.raises(mv.ModelverError) as caught:
        project(tmp_path, text)
    message = str(caught.value)
    assert path in message
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("", "model.name"),
        ("[model]\n", "model.name"),
        ('[model]\nname = ""\n', "model.name"),
        ('[model]\nname = "a/b/c"\n', "model.name"),
        ("[model]\nname = 3\n", "model.name"),
        ('[model]\nnam = "x"\n', "Did you mean name?"),
        ("model = 3\n", "modelver.toml.model"),
    ],
)
def test_a_model_must_be_named(tmp_path: Path, head: str, said: str) -> None:
    """The name is the one thing that a project must say."""
    with pytest.raises(mv.InvalidValue) as caught:
        project(tmp_path, "", head)
    assert said in str(caught.value)


def test_a_folder_without_a_project_is_told_how_to_begin(tmp_path: Path) -> None:
    """The hint is the command that writes a file."""
    with pytest.raises(mv.NotFound, match="modelver init --template"):
        read_project(tmp_path)


@pytest.mark.parametrize("table", ["metrics", "metadata", "params", "changelog"])
def test_a_file_that_is_a_link_out_is_not_read(tmp_path: Path, table: str) -> None:
    """A stranger's checkout can't bring a file of this machine into a version."""
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "secret.json").write_text('{"password": 1}')
    (folder / "m.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(mv.UnsafePath, match="leads out"):
        tell((found := project(folder, f'[{table}]\nfile = "m.json"')).story, found.folder)


@pytest.mark.parametrize(
    "content", ["{", "NaN", '{"f1": NaN}', "[" * 100_000, "\x00", '{"f1": 1e999}', "3", '"x"']
)
def test_a_file_of_metrics_is_read_strictly(tmp_path: Path, content: str) -> None:
    """Neither broken JSON, nor numbers that are none, nor endless nesting."""
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(mv.InvalidValue):
        project(tmp_path, '[metrics]\nfile = "m.json"')
