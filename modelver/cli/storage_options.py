"""Settings of a remote store's client, on the command line and in the environment. They may be secret: none is shown."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from modelver.values.canonical import Json

Options: TypeAlias = "dict[str, Json]"

VARIABLE = "MODELVER_STORAGE_OPTIONS"


def make_storage_option(where: str) -> click.Option:
    """Return the option ``--storage-option``, which gives a nested dict.

    Args:
        where: On which side of the verb it may stand too, for the help.
    """
    return click.Option(
        ["--storage-option", "storage_options"],
        multiple=True,
        metavar="KEY=VALUE",
        callback=_parsed,
        help=f"A setting of the store's client, such as client_kwargs.endpoint_url=URL; also accepted {where} the verb.",
    )


def merged(below: Options, above: Options) -> Options:
    """Return both, nested ones too; where both have a setting, the one above counts."""
    found = dict(below)
    for key, value in above.items():
        there = found.get(key)
        found[key] = merged(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return found


def from_environment(variables: Mapping[str, str] = os.environ) -> Options:
    """Return what ``$MODELVER_STORAGE_OPTIONS`` holds.

    Raises:
        UsageError: It is no JSON object.
    """
    text = variables.get(VARIABLE, "").strip()
    found = _json_or_text(text) if text else {}
    if not isinstance(found, dict):
        raise click.UsageError(f"${VARIABLE} is not a JSON object.")
    return found


def _parsed(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Options:
    """Nest ``a.b=value`` texts."""
    found: Options = {}
    for text in values:
        key, sign, value = text.partition("=")
        *folders, name = key.split(".")
        if not sign or not all((*folders, name)):
            raise click.BadParameter(
                "one is not of the form KEY=VALUE (none is shown: it may be secret)", ctx, param
            )
        place = found
        for folder in folders:
            below = place.setdefault(folder, {})
            if not isinstance(below, dict):
                raise click.BadParameter(f"{key!r} and {folder!r} exclude each other", ctx, param)
            place = below
        if name in place:
            raise click.BadParameter(f"{key!r} is given twice", ctx, param)
        place[name] = _json_or_text(value)
    return found


def _json_or_text(text: str) -> "Json":
    """Read a value that is JSON as such, and others as text."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse(name: str) -> None:
    """Refuse ``NaN`` and ``Infinity``, which Python takes for JSON."""
    raise ValueError(name)
