"""Architecture, preprocessing steps and prompts as callers state them: values of ours, or plain tables."""

from collections.abc import Iterable, Mapping

from modelver.errors import InvalidValue
from modelver.gates.reading import Reader
from modelver.project.statements import read_architecture, read_prompts, read_steps
from modelver.values.making import Architecture, Prompt, Step

MAKINGS = frozenset({"architecture", "preprocessing", "prompts"})
"""The fields of `Metadata` that this module reads."""


def to_making(field: str, value: object) -> object:
    """Return a field's value.

    Args:
        field: One of `MAKINGS`.
        value: A value of ours, a list of them, or tables as ``modelver.toml`` has them.

    Raises:
        InvalidValue: An unknown key, or a value of the wrong kind; the message has its path.
    """
    if field == "architecture":
        if isinstance(value, Architecture):
            return value
        return read_architecture(Reader(value, "metadata.architecture"))
    kind = Step if field == "preprocessing" else Prompt
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        if field == "prompts" and isinstance(value, Mapping):
            return read_prompts(Reader({field: value}, "metadata"), field)
        raise InvalidValue(
            "of the wrong type", where=f"metadata.{field}", expected="a list", found=type(value).__name__
        )
    items = list(value)
    if all(isinstance(each, kind) for each in items):
        return tuple(items)
    plain = Reader({field: items}, "metadata")
    return read_steps(plain, field) if field == "preprocessing" else read_prompts(plain, field)
