"""Metadata, metrics, datasets and the like, from tables: strictly, each fault with its path."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar, cast

from modelver.errors import InvalidValue
from modelver.gates.reading import MAX_DEPTH, MAX_ITEMS, Reader
from modelver.values.canonical import Json
from modelver.values.making import Architecture, Port, Prompt, Step
from modelver.values.record import Dataset, Direction, Metric

T = TypeVar("T")

TEXTS = ("description", "license")
LISTS = ("intended_use", "limitations", "ethical_considerations", "owners")
METADATA = (*TEXTS, *LISTS, "external_facing", "architecture", "preprocessing", "prompts", "custom")
_ARCHITECTURE = ("family", "parameters", "layers", "dtypes", "inputs", "outputs")
_METRIC = ("value", "dataset", "slice", "count", "interval", "direction", "threshold")
_DATASET = ("uri", "digest", "split", "rows", "license", "version", "snapshot")


def read_metadata(table: Reader) -> dict[str, object]:
    """Return the fields of `Metadata` that a table states.

    Raises:
        InvalidValue: An unknown key, or a value of the wrong kind.
    """
    table.known(METADATA)
    found: dict[str, object] = {key: table.text(key) for key in TEXTS if table.has(key)}
    found |= {key: table.texts(key) for key in LISTS if table.has(key)}
    if table.has("external_facing"):
        found["external_facing"] = table.flag("external_facing", default=False)
    if table.has("architecture"):
        found["architecture"] = read_architecture(table.table("architecture"))
    if table.has("preprocessing"):
        found["preprocessing"] = read_steps(table, "preprocessing")
    if table.has("prompts"):
        found["prompts"] = read_prompts(table, "prompts")
    if table.has("custom"):
        found["custom"] = read_json(table.table("custom"))
    return found


def read_architecture(table: Reader) -> Architecture:
    """Read an architecture; see `Architecture`."""
    table.known(_ARCHITECTURE)
    return Architecture(
        family=table.text("family"),
        parameters=count(table, "parameters"),
        layers=count(table, "layers"),
        dtypes=table.texts("dtypes"),
        inputs=_ports(table, "inputs"),
        outputs=_ports(table, "outputs"),
    )


def _ports(table: Reader, key: str) -> tuple[Port, ...]:
    return tuple(_made(each, partial(_port, each)) for each in listed(table, key))


def _port(table: Reader) -> Port:
    table.known(("name", "dtype", "shape"))
    return Port(table.text("name"), table.text("dtype"), _shape(table))


def _shape(table: Reader) -> tuple[int | str, ...] | None:
    value = value_of(table, "shape")
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise table.fault("shape", "a list of numbers and names", type(value).__name__)
    return tuple(value)


def read_steps(table: Reader, key: str) -> tuple[Step, ...]:
    """Read preprocessing steps, in their order; a text is a step's name."""
    return tuple(_made(each, partial(_step, each)) for each in listed(table, key, text="name"))


def _step(table: Reader) -> Step:
    table.known(("name", "params", "code"))
    return Step(table.text("name"), read_json(table.table("params")), table.text("code"))


def read_prompts(table: Reader, key: str) -> tuple[Prompt, ...]:
    """Read what is said of prompts: ``{system: {version: "2.1"}}``, ``{system: "2.1"}``, or a list with names."""
    if not isinstance(value_of(table, key), Mapping):
        return tuple(_made(each, partial(_listed_prompt, each)) for each in listed(table, key))
    named = table.table(key)
    found = []
    for name, inner in named.items():
        each = Reader({"version": inner} if isinstance(inner, str) else inner, named.at(name))
        found.append(_made(each, partial(_prompt, name, each)))
    return tuple(sorted(found, key=lambda prompt: prompt.name))


def _listed_prompt(table: Reader) -> Prompt:
    table.known(("name", "version", "description"))
    return Prompt(table.text("name"), table.text("version"), table.text("description"))


def _prompt(name: str, table: Reader) -> Prompt:
    table.known(("version", "description"))
    return Prompt(name, table.text("version"), table.text("description"))


def read_metrics(table: Reader, key: str) -> tuple[Metric, ...]:
    """Read metrics: ``{f1: 0.91}``, ``{f1: {value: 0.91, dataset: "eval-v3"}}``, or a list with names."""
    value = value_of(table, key)
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(_made(each, partial(_listed_metric, each)) for each in listed(table, key))
    named = table.table(key)
    found = []
    for name, inner in named.items():
        each = Reader(inner if isinstance(inner, Mapping) else {"value": inner}, named.at(name))
        each.known(_METRIC)
        found.append(_made(each, partial(_metric, name, each)))
    return tuple(found)


def _listed_metric(table: Reader) -> Metric:
    table.known(("name", *_METRIC))
    return _metric(table.text("name"), table)


def _metric(name: str, table: Reader) -> Metric:
    if not table.has("value"):
        raise table.fault("value", "a number", "none")
    return Metric(
        name,
        cast("float", value_of(table, "value")),
        dataset=table.text("dataset"),
        slice=table.text("slice"),
        count=count(table, "count"),
        interval=cast("tuple[float, float] | None", value_of(table, "interval")),
        direction=cast("Direction", table.text("direction")),  # its validator looks
        threshold=cast("float | None", value_of(table, "threshold")),
    )


def read_datasets(table: Reader) -> tuple[Dataset, ...]:
    """Read datasets: ``{train: "data/train.csv"}``, or a table for each."""
    found = []
    for name, inner in table.items():
        each = Reader({"uri": inner} if isinstance(inner, str) else inner, table.at(name))
        found.append(_made(each, partial(_dataset, name, each)))
    return tuple(found)


def _dataset(name: str, table: Reader) -> Dataset:
    table.known(_DATASET)
    if not (table.has("uri") or table.has("digest")):
        raise table.fault("uri", "a path or an address, or a digest", "neither")
    return Dataset(
        name,
        uri=table.text("uri"),
        digest=table.text("digest"),
        split=table.text("split"),
        rows=count(table, "rows"),
        license=table.text("license"),
        version=table.text("version"),
        snapshot=table.flag("snapshot", default=False),
    )


def read_texts(table: Reader) -> dict[str, str]:
    """Read a table of texts."""
    return {name: table.text(name) for name, _ in table.items()}


def value_of(table: Reader, key: str) -> object:
    """Return a value of any kind; None where it is left out."""
    return dict(table.items()).get(key)


def count(table: Reader, key: str) -> int | None:
    """Return an integer that is not negative; None where it is left out."""
    value = value_of(table, key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise table.fault(key, "an integer that is not negative", repr(value))
    return value


def listed(table: Reader, key: str, *, text: str = "") -> tuple[Reader, ...]:
    """Return the tables of a list; where `text` names a key, a text stands for a table with it."""
    value = value_of(table, key)
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        raise table.fault(key, f"a list of at most {MAX_ITEMS} tables", type(value).__name__)
    tables = [{text: each} if text and isinstance(each, str) else each for each in value]
    return tuple(Reader(each, table.at(f"{key}[{index}]")) for index, each in enumerate(tables))


def read_json(table: Reader) -> dict[str, Json]:
    """Return a table as JSON data: hyperparameters and the like.

    Raises:
        InvalidValue: A value is no JSON (a date, NaN), or lies too deep.
    """
    return {name: _json(value, table, name, 1) for name, value in table.items()}


def _json(value: object, table: Reader, at: str, depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise table.fault(at, f"at most {MAX_DEPTH} levels", "more")
    if isinstance(value, Mapping):
        return {str(name): _json(each, table, f"{at}.{name}", depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_json(each, table, f"{at}[{index}]", depth + 1) for index, each in enumerate(value)]
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise table.fault(
            at, "text, a number, true or false, or a list or table of these", repr(value)
        ) from None
    return cast("Json", value)


def _made(table: Reader, make: Callable[[], T]) -> T:
    """Make a value; a fault that it finds itself gets the table's path."""
    try:
        return make()
    except InvalidValue as error:
        if error.where.startswith(table.path):
            raise
        raise InvalidValue(
            error.what,
            where=table.path,
            expected=error.expected,
            found=error.found or error.where,
            hint=error.hint,
        ) from None
