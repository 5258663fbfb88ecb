"""How a model is built, and what is done to its input: architecture, preprocessing steps, prompt templates."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from modelver.errors import InvalidValue
from modelver.values.canonical import Json
from modelver.values.fields import not_empty, texts

Dimension: TypeAlias = int | str
"""A number, or the name of one that the caller chooses, such as ``batch``; ``?`` where it has none."""


def _count(instance: object, attribute: "attrs.Attribute[int | None]", value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise InvalidValue(
            "not a count",
            where=f"{type(instance).__name__}.{attribute.name}",
            expected="an integer that is not negative",
            found=repr(value)[:80],
        )


def _shape(value: Iterable[Dimension] | None) -> tuple[Dimension, ...] | None:
    if value is None:
        return None
    shape = (value,) if isinstance(value, str) else tuple(value)
    for dimension in shape:
        if isinstance(dimension, bool) or not isinstance(dimension, int | str) or dimension in ("", -1):
            raise InvalidValue(
                "not a dimension",
                where=repr(dimension)[:80],
                expected="a number, or a name such as batch",
            )
    return shape


@attrs.frozen
class Port:
    """One input or output of a model.

    Attributes:
        name: Its name.
        dtype: The element type by its name in NumPy or ml_dtypes, such as ``float32``; or ``string``; empty where it is
            not known.
        shape: Its dimensions, each a number or the name of one that is chosen by the caller, such as ``batch``; ``()`` is
            a scalar, None is not known.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    name: str = attrs.field(validator=not_empty)
    dtype: str = ""
    shape: tuple[Dimension, ...] | None = attrs.field(default=None, converter=_shape)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    def __str__(self) -> str:
        shape = "" if self.shape is None else f"[{', '.join(map(str, self.shape))}]"
        return f"{self.name} {self.dtype}{shape}".strip()


def _ports(ports: Iterable[Port]) -> tuple[Port, ...]:
    return tuple(ports)


@attrs.frozen
class Architecture:
    """How a model is built.

    What is stated here wins over what `ModelVersion.architecture` finds out by itself, from the tensors of the weights,
    from ``config.json`` and from ONNX graphs.

    Attributes:
        family: Such as ``LlamaForCausalLM`` or ``gradient boosted trees``.
        parameters: The number of parameters.
        layers: The number of layers or blocks.
        dtypes: Element types of the weights, the one with the most elements first.
        inputs: What it takes.
        outputs: What it gives.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    family: str = ""
    parameters: int | None = attrs.field(default=None, validator=_count)
    layers: int | None = attrs.field(default=None, validator=_count)
    dtypes: tuple[str, ...] = attrs.field(default=(), converter=texts)
    inputs: tuple[Port, ...] = attrs.field(default=(), converter=_ports)
    outputs: tuple[Port, ...] = attrs.field(default=(), converter=_ports)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    def over(self, derived: "Architecture") -> "Architecture":
        """Return what is stated here, and what was derived for the rest."""
        return Architecture(
            family=self.family or derived.family,
            parameters=derived.parameters if self.parameters is None else self.parameters,
            layers=derived.layers if self.layers is None else self.layers,
            dtypes=self.dtypes or derived.dtypes,
            inputs=self.inputs or derived.inputs,
            outputs=self.outputs or derived.outputs,
            unknown=self.unknown,
        )


@attrs.frozen
class Step:
    """One preprocessing step; steps are in the order in which they are taken.

    Attributes:
        name: Such as ``tokenize`` or ``standardize``.
        params: Its parameters, nested as they come.
        code: Where its code is: ``package.module:function``, or a file of the version.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    name: str = attrs.field(validator=not_empty)
    params: Mapping[str, Json] = attrs.field(factory=dict, hash=False)
    code: str = ""
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    def __str__(self) -> str:
        params = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.name}({params})" + (f"  {self.code}" if self.code else "")


@attrs.frozen
class Prompt:
    """What is stated of a prompt template beside its text, which is a file of the version.

    Attributes:
        name: The prompt's name: ``system`` for ``prompts/system.txt``.
        version: Its own version.
        description: What it is for.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    name: str = attrs.field(validator=not_empty)
    version: str = ""
    description: str = ""
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)


@attrs.frozen
class PromptFile:
    """A prompt template of a version, with what was found in its text.

    Attributes:
        name: Its name.
        path: Its file in the version.
        sha256: The SHA-256 of its bytes, in hexadecimal digits.
        variables: What whoever fills it in has to give, sorted; see `modelver.values.prompt.prompt_variables`. None where
            it is too large to be looked at.
        version: Its own version, as stated.
        description: What it is for, as stated.
    """

    name: str
    path: str
    sha256: str
    variables: tuple[str, ...] | None = None
    version: str = ""
    description: str = ""

    def __str__(self) -> str:
        takes = "" if self.variables is None else f"takes {', '.join(self.variables) or 'nothing'}"
        return "  ".join(part for part in (self.name, self.version, takes) if part)
