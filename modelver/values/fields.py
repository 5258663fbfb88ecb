"""What fields of several values have in common: a text that must say something, texts of which one may stand alone."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from modelver.errors import InvalidValue

if TYPE_CHECKING:
    import attrs


def not_empty(instance: object, attribute: "attrs.Attribute[str]", value: object) -> None:
    """Refuse what is no text, or says nothing: a validator.

    Raises:
        InvalidValue: It is so.
    """
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue(
            "must be text that is not empty",
            where=f"{type(instance).__name__}.{attribute.name}",
            found=repr(value)[:80],
        )


def texts(value: str | Iterable[str]) -> tuple[str, ...]:
    """Accept one text where a list of texts is due: a converter."""
    return (value,) if isinstance(value, str) else tuple(value)
