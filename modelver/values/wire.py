"""Values to canonical JSON and back, outside the classes, strictly.

Defaults and nulls are left out; fields that a newer release wrote are kept in a class's ``unknown``; a wrong type is an
`InvalidValue` that names the field (``$.files[2].size``).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from types import GenericAlias
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import attrs

from modelver.errors import InvalidValue
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.digest import Digest
from modelver.values.file import Role
from modelver.values.making import Dimension
from modelver.values.name import Alias, ModelName

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_SHOWN_FAULTS = 5
_SHOWN_LENGTH = 200


def to_bytes(value: object) -> bytes:
    """Return a value's canonical JSON bytes."""
    return encode(to_json(value))


def to_json(value: object) -> Json:
    """Return a value as plain JSON data."""
    return cast("Json", _converter().unstructure(value))


def from_bytes(data: bytes, kind: type[T], *, what: str) -> T:
    """Read a value from untrusted bytes, whose size the caller has capped.

    Raises:
        InvalidValue: The bytes are not such a value; the message names the field. Where a field's own rule was broken,
            the error is that rule's: `UnsafePath` for a path that leaves its folder.
    """
    return from_json(decode_object(data, what=what), kind, what=what)


def from_json(data: Json, kind: type[T], *, what: str) -> T:
    """Read a value from plain JSON data; see `from_bytes`."""
    from cattrs import BaseValidationError, transform_error

    try:
        return _converter().structure(data, kind)
    except (BaseValidationError, TypeError, ValueError) as error:
        rule = next((type(leaf) for leaf in _leaves(error) if isinstance(leaf, InvalidValue)), InvalidValue)
        faults = transform_error(error, format_exception=_describe)[:_SHOWN_FAULTS]
        found = "; ".join(fault[:_SHOWN_LENGTH] for fault in faults)
        raise rule(f"not a valid {kind.__name__.lstrip('_')}", where=what, found=found) from None


def without_format(data: Mapping[str, Json], expected: int, *, kind: str, what: str) -> dict[str, Json]:
    """Return an object's fields but its ``format``, once that is the one expected.

    Raises:
        InvalidValue: It has another format, or none.
    """
    found = data.get("format")
    if type(found) is not int or found != expected:
        raise InvalidValue(
            f"a {kind} of another format",
            where=what,
            expected=expected,
            found=repr(found)[:80],
            hint="Upgrade modelver.",
        )
    return {key: value for key, value in data.items() if key != "format"}


def format_time(time: datetime) -> str:
    """Return a time as RFC 3339 in UTC with six decimals: ``2026-11-17T15:00:00.000000Z``."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """Read a time that `format_time` wrote, strictly.

    Raises:
        InvalidValue: The text is anything else.
    """
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo == UTC and format_time(time) == text:
            return time
    except ValueError:
        pass
    raise InvalidValue("not a time", where=repr(text[:80]), expected="such as 2026-11-17T15:00:00.000000Z")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group, those in its groups too."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _describe(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return "required field missing"
    if isinstance(error, AttributeError):  # where cattrs looks for the items of a mapping
        return "expected an object"
    return str(error) if isinstance(error, InvalidValue | TypeError) else f"{type(error).__name__}: {error}"


@cache
def _converter() -> "Converter":
    """Make the converter on first use: importing cattrs takes longer than most commands need."""
    from cattrs import Converter

    converter = Converter(omit_if_default=True)
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(Dimension, _dimension)
    converter.register_unstructure_hook(datetime, format_time)
    converter.register_structure_hook(datetime, lambda text, _: parse_time(_exactly(str)(text, str)))
    for text_kind in (Digest, ModelName, Alias, Role):
        converter.register_structure_hook(text_kind, lambda text, kind: kind(_exactly(str)(text, str)))
        converter.register_unstructure_hook(text_kind, str)
    converter.register_structure_hook_func(
        lambda kind: kind == Mapping[str, Json], lambda data, _: _exactly(dict)(data, dict)
    )
    converter.register_unstructure_hook_func(lambda kind: kind == Mapping[str, Json], lambda data: data)
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _structure_tuple(converter, kind))
    converter.register_structure_hook_factory(
        _keeps_unknown, lambda kind: _structure_unknown(converter, kind)
    )
    converter.register_unstructure_hook_factory(
        _keeps_unknown, lambda kind: _unstructure_unknown(converter, kind)
    )
    return converter


def _exactly(kind: type[T]) -> Callable[[object, type], T]:
    """Take a JSON value of exactly this type; cattrs would turn "3" into 3."""

    def structure(value: object, _: type) -> T:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, found {type(value).__name__}")
        return value

    return structure


def _float(value: object, _: type) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"expected a number, found {type(value).__name__}")
    return float(cast("float", value))


def _dimension(value: object, _: type) -> Dimension:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"expected a number or a name, found {type(value).__name__}")
    return value


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _structure_tuple(converter: "Converter", kind: Any) -> Callable[[Any, Any], Any]:
    """Take a JSON array, and nothing else that Python could go through: a text would become its letters."""
    from cattrs.cols import list_structure_factory

    item, *others = get_args(kind)
    length = None if others == [...] else 1 + len(others)
    items: Any = GenericAlias(list, (item,))
    plain = list_structure_factory(items, converter)

    def structure(data: Any, _: Any) -> Any:
        _exactly(list)(data, list)
        if length is not None and len(data) != length:
            raise TypeError(f"expected {length} items, found {len(data)}")
        return tuple(plain(data, items))

    return structure


def _keeps_unknown(kind: type) -> bool:
    return attrs.has(kind) and "unknown" in attrs.fields_dict(kind)


def _structure_unknown(converter: "Converter", kind: Any) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn

    known = set(attrs.fields_dict(kind)) - {"unknown"}
    plain = make_dict_structure_fn(kind, converter)

    def structure(data: Any, cls: Any) -> Any:
        _exactly(dict)(data, dict)
        if data.keys() <= known:
            return plain(data, cls)
        value = plain({key: data[key] for key in data if key in known}, cls)
        return attrs.evolve(value, unknown={key: data[key] for key in data if key not in known})

    return structure


def _unstructure_unknown(converter: "Converter", kind: Any) -> Callable[[Any], dict[str, Any]]:
    from cattrs.gen import make_dict_unstructure_fn, override

    plain = make_dict_unstructure_fn(
        kind, converter, _cattrs_omit_if_default=True, unknown=override(omit=True)
    )
    return lambda value: {**value.unknown, **plain(value)}
