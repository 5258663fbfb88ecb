"""What a publisher states about a version: metrics, datasets, base models, changelog, intended use."""

import math
from collections.abc import Mapping
from typing import Literal

import attrs

from modelver.errors import InvalidValue
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.provenance import Code

Direction = Literal["", "higher", "lower"]


def _not_empty(instance: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not value.strip():
        raise InvalidValue("must not be empty", where=f"{type(instance).__name__}.{attribute.name}")


def _number(value: object) -> float:
    """Take any real number, numpy's and torch's scalars too."""
    if isinstance(value, str | bytes | bool):
        raise InvalidValue("not a number", where=repr(value), hint="Metric values are numbers.")
    try:
        number = float(value)  # type: ignore[arg-type] # whatever has __float__
    except (TypeError, ValueError):
        raise InvalidValue("not a number", where=repr(value)[:80], found=type(value).__name__) from None
    if not math.isfinite(number):
        raise InvalidValue("not a finite number", where=str(number))
    return number


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
    """

    name: str = attrs.field(validator=_not_empty)
    value: float = attrs.field(converter=_number)
    dataset: str = ""
    slice: str = ""
    count: int | None = None
    interval: tuple[float, float] | None = None
    direction: Direction = attrs.field(default="", validator=attrs.validators.in_(("", "higher", "lower")))
    threshold: float | None = None

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
        method: In a registered version: how `digest` came about, ``content``, ``listing`` or ``stated``.
        split: Such as ``train`` or ``test``.
        rows: Number of examples.
        license: SPDX identifier.
        version: The dataset's own version.
    """

    name: str = attrs.field(validator=_not_empty)
    uri: str = ""
    digest: str = ""
    method: str = ""
    split: str = ""
    rows: int | None = None
    license: str = ""
    version: str = ""


@attrs.frozen
class BaseModel:
    """A model that a version was made from.

    Attributes:
        name: A reference in this registry such as ``acme/fraud:1.2.0``, or the name of a model elsewhere.
        digest: The digest of its manifest or, for a model elsewhere, of its weights; None where it is not known.
    """

    name: str = attrs.field(validator=_not_empty)
    digest: Digest | None = None


@attrs.frozen
class Changelog:
    """What changed, for people; the sections of Keep a Changelog 1.1.0 that models need.

    Attributes:
        summary: One text for all, where sections are too much.
        added: New abilities.
        changed: Changed behaviour.
        fixed: Mended faults.
        caveats: What to mind.
    """

    summary: str = ""
    added: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    changed: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    fixed: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    caveats: tuple[str, ...] = attrs.field(default=(), converter=tuple)

    def __str__(self) -> str:
        parts = [self.summary] if self.summary else []
        sections = {
            "Added": self.added,
            "Changed": self.changed,
            "Fixed": self.fixed,
            "Caveats": self.caveats,
        }
        parts += [
            "\n".join([f"### {title}", *(f"- {line}" for line in lines)])
            for title, lines in sections.items()
            if lines
        ]
        return "\n\n".join(parts)

    def __bool__(self) -> bool:
        return bool(str(self))


def _texts(value: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Accept one text where a list of texts is due."""
    return (value,) if isinstance(value, str) else tuple(value)


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
        code: The code it was made with, where the publisher states it (it is otherwise captured as provenance).
        tags: Short labels of the team's own.
        custom: Anything else, as JSON.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    description: str = ""
    intended_use: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    limitations: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    ethical_considerations: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    license: str = ""
    owners: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    external_facing: bool | None = None
    metrics: tuple[Metric, ...] = attrs.field(default=(), converter=tuple)
    params: Mapping[str, Json] = attrs.field(factory=dict)
    data: tuple[Dataset, ...] = attrs.field(default=(), converter=tuple)
    base: tuple[BaseModel, ...] = attrs.field(default=(), converter=tuple)
    code: Code | None = None
    tags: Mapping[str, str] = attrs.field(factory=dict)
    custom: Mapping[str, Json] = attrs.field(factory=dict)
    unknown: Mapping[str, Json] = attrs.field(factory=dict)
