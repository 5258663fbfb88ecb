"""What a project file says, as values."""

import json
from collections.abc import Mapping
from pathlib import Path

import attrs

from modelver.errors import InvalidName, InvalidValue, NotFound
from modelver.gates import Policy
from modelver.gates.parse import TABLES, read_policy
from modelver.gates.reading import Reader
from modelver.project.file import (
    MAX_FILE,
    ProjectFile,
    find_project_file,
    load_project_file,
    parse_toml,
    read_inside,
)
from modelver.project.globs import check_pattern
from modelver.project.guards import GuardSettings, read_guards
from modelver.project.history import Story, read_story
from modelver.project.statements import read_datasets, read_json, read_metadata, read_metrics, read_texts
from modelver.values.canonical import Json
from modelver.values.file import Role
from modelver.values.name import ModelName
from modelver.values.record import Dataset, Metric

ROLES = {
    "weights": Role.WEIGHTS,
    "prompts": Role.PROMPT,
    "config": Role.CONFIG,
    "tokenizer": Role.TOKENIZER,
    "data": Role.DATA,
    "code": Role.CODE,
    "docs": Role.DOC,
    "other": Role.OTHER,
}
"""The components that a project names, and the role of their files."""

_TABLES = (
    "registry",
    "model",
    "components",
    "metadata",
    "metrics",
    "params",
    "data",
    "tags",
    "changelog",
    "environment",
    "publish",
    "notify",
    "guard",
    *TABLES,
)


@attrs.frozen
class Project:
    """A project: a working tree, and what its file says of it.

    Attributes:
        file: The project file.
        model: The model that it makes versions of.
        scheme: The model's version scheme; empty where it is not said.
        version: The version that the tree claims to be; empty where it is not said.
        base: Base models, as references.
        components: Component to patterns of files.
        policy: What registering and each alias require.
        stated: The fields of `Metadata` that are stated, but metrics, params, data and tags.
        metrics: Metrics; None where nothing is said.
        params: Hyperparameters; None where nothing is said.
        data: Datasets, with their places as they are written.
        tags: Labels; None where nothing is said.
        story: Where the changelog comes from.
        lock: Path of the file that pins the environment, from the project's folder; empty where there is none.
        guards: How aliases are guarded, by their names.
        without: Files that are no part of it, whatever the patterns say, links resolved.
    """

    file: ProjectFile
    model: ModelName
    scheme: str = ""
    version: str = ""
    base: tuple[str, ...] = ()
    components: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    policy: Policy = attrs.field(factory=Policy)
    stated: Mapping[str, object] = attrs.field(factory=dict)
    metrics: tuple[Metric, ...] | None = None
    params: Mapping[str, Json] | None = None
    data: tuple[Dataset, ...] = ()
    tags: Mapping[str, str] | None = None
    story: Story = attrs.field(factory=Story)
    lock: str = ""
    guards: Mapping[str, GuardSettings] = attrs.field(factory=dict)
    without: frozenset[Path] = frozenset()

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.file.folder


def read_project(place: Path) -> Project:
    """Read the project that a folder is in, or a project file.

    Args:
        place: A folder, whose project file is found upwards, or the file itself.

    Raises:
        NotFound: There is no project file.
        InvalidValue: It breaks the grammar; the message has the path of the fault, such as
            ``modelver.toml.components.weights[1]``, and what was probably meant.
    """
    path = place.absolute()
    file = load_project_file(path) if path.is_file() else find_project_file(path)
    if file is None:
        raise NotFound(
            "there is no project file",
            where=place,
            expected="modelver.toml, or [tool.modelver] in pyproject.toml, here or above",
            hint="`modelver init --template minimal` writes one.",
        )
    return _project(file)


def policy_tables(file: ProjectFile) -> dict[str, object]:
    """Return the tables of a project file that are a policy.

    Raises:
        InvalidValue: There is a table that no project has, such as ``requires``; a similar one is suggested.
    """
    Reader(file.tables, file.label).known(_TABLES)
    return {key: file.tables[key] for key in TABLES if key in file.tables}


def _project(file: ProjectFile) -> Project:
    top = Reader(file.tables, file.label)
    top.known(_TABLES)
    top.table("registry").known(("url",))
    model = top.table("model")
    model.known(("name", "scheme", "version", "base"))
    metrics = Reader({"metrics": _from_file(file, top, "metrics")}, file.label)
    return Project(
        file=file,
        model=_name(model),
        scheme=model.text("scheme"),
        version=model.text("version"),
        base=model.texts("base"),
        components=_components(top.table("components")),
        policy=read_policy(policy_tables(file), what=file.label),
        stated=read_metadata(_table(file, top, "metadata")),
        metrics=read_metrics(metrics, "metrics") if top.has("metrics") else None,
        params=read_json(_table(file, top, "params")) if top.has("params") else None,
        data=_datasets(top),
        tags=read_texts(top.table("tags")) if top.has("tags") else None,
        story=read_story(top.table("changelog")),
        lock=_lock(top.table("environment")),
        guards=read_guards(top.table("guard")),
    )


def _name(model: Reader) -> ModelName:
    if not model.has("name"):
        raise model.fault("name", "the model's name", "none")
    try:
        return ModelName(model.text("name"))
    except InvalidName as error:
        raise InvalidName(
            error.what, where=model.at("name"), expected=error.expected, found=error.found or error.where
        ) from None


def _components(table: Reader) -> dict[str, tuple[str, ...]]:
    table.known(ROLES)
    data, _ = _split_data(table)
    found = {name: (data if name == "data" else table).texts(name) for name in ROLES if table.has(name)}
    for name, patterns in found.items():
        for index, pattern in enumerate(patterns):
            check_pattern(pattern, table.at(f"{name}[{index}]"))
    return found


def _split_data(components: Reader) -> tuple[Reader, list[tuple[str, Mapping[object, object]]]]:
    """Return the patterns of the components' data, and the datasets that are listed among them, each with its path."""
    listed = dict(components.items()).get("data", ())
    if not isinstance(listed, list):
        return components, []
    patterns = [each for each in listed if not isinstance(each, Mapping)]
    tables = [
        (components.at(f"data[{i}]"), each) for i, each in enumerate(listed) if isinstance(each, Mapping)
    ]
    return Reader({"data": patterns}, components.path), tables


def _datasets(top: Reader) -> tuple[Dataset, ...]:
    """Return the datasets: those of the table ``data``, and those that the components list, with their names."""
    found = list(read_datasets(top.table("data")))
    for path, each in _split_data(top.table("components"))[1]:
        table = Reader(each, path)
        name = table.text("name")
        if not name or name in {known.name for known in found}:
            raise table.fault("name", "a name of its own", repr(name))
        found += read_datasets(
            Reader({name: {key: value for key, value in each.items() if key != "name"}}, path)
        )
    return tuple(sorted(found, key=lambda each: each.name))


def _lock(table: Reader) -> str:
    table.known(("lock",))
    path = table.text("lock")
    check_pattern(path, table.at("lock"))
    if set(path) & set("*?[!"):
        raise table.fault("lock", "one file", repr(path))
    return path.removeprefix("./")


def _table(file: ProjectFile, top: Reader, key: str) -> Reader:
    return Reader(_from_file(file, top, key), top.at(key))


def _from_file(file: ProjectFile, top: Reader, key: str) -> object:
    """Return a table; where it says ``file = "metrics.json"``, that file's content with the table's own keys over it.

    A text in place of the table is such a file too.
    """
    value = file.tables.get(key, {})
    if isinstance(value, str):
        value = {"file": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("file"), str):
        return value
    check_pattern(value["file"], top.at(f"{key}.file"))
    loaded = _load(file.folder, value["file"])
    own = {name: each for name, each in value.items() if name != "file"}
    if not own:
        return loaded
    if not isinstance(loaded, Mapping):
        raise top.fault(f"{key}.file", "a file with a table", "a list")
    return {**loaded, **own}


def _load(folder: Path, name: str) -> object:
    """Read a JSON or TOML file of at most 1 MiB."""
    path = folder / name
    data = read_inside(folder, name, what="a file that the project names")
    if path.suffix.lower() == ".toml":
        return parse_toml(data, path)
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(
            "neither a JSON nor a TOML file", where=path, expected=f"at most {MAX_FILE} bytes", found=error
        ) from None


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no JSON")
