"""What a publisher states about a version: metrics, datasets, base models, changelog, intended use."""

import math
from collections.abc import Iterable, Mapping
from operator import index
from typing import Literal, SupportsFloat, SupportsIndex

import attrs

from modelver.errors import InvalidValue
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.fields import not_empty, texts
from modelver.values.making import Architecture, Prompt, Step
from modelver.values.provenance import Code

Direction = Literal["", "higher", "lower"]

NAMED = "named"
"""The method of a dataset of which only the name is known."""


def _number(value: object) -> float:
    """Take any real number, numpy's and torch's scalars too; neither a truth value nor a text is one."""
    if type(value) is float and math.isfinite(value):
        return value  # what is read from manifests, many thousands of times
    kind = str(getattr(value, "dtype", type(value).__name__))
    if (
        isinstance(value, str | bytes)  # numpy's have a __float__
        or not isinstance(value, SupportsFloat | SupportsIndex)
        or getattr(value, "shape", ()) != ()
        or "bool" in kind
        or "complex" in kind  # numpy would only warn that it drops the imaginary part
    ):
        raise InvalidValue(
            "not a number",
            where=repr(value)[:80],
            found=type(value).__name__,
            hint="Metric values are numbers.",
        )
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue("not a number", where=repr(value)[:80], found=str(error)) from None
    if not math.isfinite(number):
        raise InvalidValue("not a finite number", where=str(number))
    return number


def _count(value: object) -> int | None:
    """Take a number of things, numpy's integers too."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, SupportsIndex) or (number := index(value)) < 0:
        raise InvalidValue("not a count", where=repr(value)[:80], expected="an integer that is not negative")
    return number


def _optional_number(value: object) -> float | None:
    return None if value is None else _number(value)


def _interval(value: tuple[object, object] | None) -> tuple[float, float] | None:
    if value is None:
        return None
    try:
        low, high = value
    except (TypeError, ValueError):
        raise InvalidValue("not an interval", where=repr(value)[:80], expected="low and high") from None
    return _number(low), _number(high)


def _direction(_: object, __: object, value: object) -> None:
    if value not in ("", "higher", "lower"):
        raise InvalidValue(
            "not a direction",
            where=repr(value)[:80],
            expected="'higher', 'lower', or '' where it is not said",
        )


@attrs.frozen
class Metric:
    """One measured figure.

    Attributes:
        name: Such as ``f1`` or ``eval/f1``.
        value: A finite number.
        dataset: The dataset it was measured on, such as ``eval-v3``.
        slice: The part of the dataset, such as ``region=EU``; empty is all of it.
        count: How many examples it was measured on.
        interval: Its confidence interval, low and high.
        direction: Which way is better: ``higher``, ``lower``, or empty where that is not said.
        threshold: The value that it must reach.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    name: str = attrs.field(validator=not_empty)
    value: float = attrs.field(converter=_number)
    dataset: str = ""
    slice: str = ""
    count: int | None = attrs.field(default=None, converter=_count)
    interval: tuple[float, float] | None = attrs.field(default=None, converter=_interval)
    direction: Direction = attrs.field(default="", validator=_direction)
    threshold: float | None = attrs.field(default=None, converter=_optional_number)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Name, dataset and slice: what makes two figures comparable."""
        return (self.name, self.dataset, self.slice)


@attrs.frozen
class Dataset:
    """A dataset that a version was trained or evaluated with.

    Attributes:
        name: Such as ``train``.
        uri: Where it is; without credentials. A local one is recorded by its last path segment alone.
        digest: What to record: ``content`` (hash all bytes), ``listing`` (hash names, sizes and ETags or version ids),
            or a digest that you state. Empty: content for a local path, listing for a remote one. In a registered
            version this is the digest itself.
        method: In a registered version: how `digest` came about, ``content``, ``listing`` or ``stated``. ``named``: only
            the name is known, as a model card gives it, and there is no digest.
        split: Such as ``train`` or ``test``.
        rows: Number of examples.
        license: SPDX identifier.
        version: The dataset's own version.
        snapshot: Whether its bytes are stored too: as files of the version below ``data/<name>``, each content once.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    name: str = attrs.field(validator=not_empty)
    uri: str = ""
    digest: str = ""
    method: str = ""
    split: str = ""
    rows: int | None = attrs.field(default=None, converter=_count)
    license: str = ""
    version: str = ""
    snapshot: bool = False
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)


@attrs.frozen
class BaseModel:
    """A model that a version was made from.

    Attributes:
        name: A reference in this registry such as ``acme/fraud:1.2.0``, or the name of a model elsewhere.
        digest: The digest of its manifest or, for a model elsewhere, of its weights; None where it is not known.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    name: str = attrs.field(validator=not_empty)
    digest: Digest | None = None
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)


@attrs.frozen
class Changelog:
    """What changed, for people; the sections of Keep a Changelog 1.1.0 that models need.

    Attributes:
        summary: One text for all, where sections are too much.
        added: New abilities.
        changed: Changed behaviour.
        fixed: Mended faults.
        caveats: What to mind.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    summary: str = ""
    added: tuple[str, ...] = attrs.field(default=(), converter=texts)
    changed: tuple[str, ...] = attrs.field(default=(), converter=texts)
    fixed: tuple[str, ...] = attrs.field(default=(), converter=texts)
    caveats: tuple[str, ...] = attrs.field(default=(), converter=texts)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    @property
    def sections(self) -> Mapping[str, tuple[str, ...]]:
        """The sections that say something, by their titles."""
        sections = {
            "Added": self.added,
            "Changed": self.changed,
            "Fixed": self.fixed,
            "Caveats": self.caveats,
        }
        return {title: lines for title, lines in sections.items() if lines}

    @property
    def headline(self) -> str:
        """The first line of the summary."""
        return self.summary.strip().partition("\n")[0]

    def __str__(self) -> str:
        parts = [self.summary] if self.summary else []
        parts += [
            "\n".join([f"### {title}", *(f"- {line}" for line in lines)])
            for title, lines in self.sections.items()
        ]
        return "\n\n".join(parts)

    def __bool__(self) -> bool:
        return bool(str(self))


def _metrics(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    return tuple(metrics)


def _datasets(datasets: Iterable[Dataset]) -> tuple[Dataset, ...]:
    return tuple(datasets)


def _base_models(models: Iterable[BaseModel]) -> tuple[BaseModel, ...]:
    return tuple(models)


def _steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(steps)


def _prompts(prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
    return tuple(prompts)


@attrs.frozen
class Metadata:
    """What a publisher states about a version beside its files.

    Attributes:
        description: One or two sentences on what the model does.
        intended_use: What it is for.
        limitations: What it can't do, or must not be used for.
        ethical_considerations: Risks for people, and what was done about them.
        license: SPDX identifier.
        owners: Who answers for it.
        external_facing: Whether people outside the organisation meet its output; None where that is not said.
        metrics: Evaluation at publication; later ones are events.
        params: Hyperparameters, nested as they come.
        data: Training and evaluation datasets.
        base: The models it was made from.
        architecture: How it is built, where the publisher states it; `ModelVersion.architecture` has also what the files
            tell.
        preprocessing: The steps that its input goes through, in their order.
        prompts: What is stated of prompt templates; their texts are files.
        code: The code it was made with, where the publisher states it (it is otherwise captured as provenance).
        tags: Short labels of the team's own.
        custom: Anything else, as JSON.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    description: str = ""
    intended_use: tuple[str, ...] = attrs.field(default=(), converter=texts)
    limitations: tuple[str, ...] = attrs.field(default=(), converter=texts)
    ethical_considerations: tuple[str, ...] = attrs.field(default=(), converter=texts)
    license: str = ""
    owners: tuple[str, ...] = attrs.field(default=(), converter=texts)
    external_facing: bool | None = None
    metrics: tuple[Metric, ...] = attrs.field(default=(), converter=_metrics)
    params: Mapping[str, Json] = attrs.field(factory=dict)
    data: tuple[Dataset, ...] = attrs.field(default=(), converter=_datasets)
    base: tuple[BaseModel, ...] = attrs.field(default=(), converter=_base_models)
    architecture: Architecture | None = None
    preprocessing: tuple[Step, ...] = attrs.field(default=(), converter=_steps)
    prompts: tuple[Prompt, ...] = attrs.field(default=(), converter=_prompts)
    code: Code | None = None
    tags: Mapping[str, str] = attrs.field(factory=dict)
    custom: Mapping[str, Json] = attrs.field(factory=dict)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)
