"""A version as the index keeps it: its variables, facts to select by, and texts to search in."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, cast

import attrs

from modelver.expressions.order import sort_key
from modelver.gates.approving import rejected_after
from modelver.gates.subject import subject
from modelver.history.state import State, VersionEntry, latest_metrics
from modelver.values.canonical import Json
from modelver.values.manifest import Manifest
from modelver.values.scheme import SEMVER, Scheme
from modelver.values.wire import format_time

LONGEST_FACT = 120
"""Longer texts are no facts: nobody compares a whole description, and the expression is asked in any case."""

LONGEST_PATH = 400
_LONGEST_TEXT = 65_536
"""Characters of one field that are searched; a manifest may have 16 MiB."""

Value = bool | int | float | str

Fact = tuple[str, int | float | str | bytes]
"""A path, as `path_of` writes it, and a value that the variables have there, as `as_stored` makes it."""


class Texts(NamedTuple):
    """What text search goes through.

    Attributes:
        changelog: What changed.
        notes: What was noted later.
        description: What the model is.
        card: What else its card says: intended use, limitations, ethical considerations, fields of the team's own.
    """

    changelog: str
    notes: str
    description: str
    card: str


@attrs.frozen
class Row:
    """A version.

    Attributes:
        name: The model, as the manifest spells it.
        version: Its number.
        precedence: A text that sorts as its versions do.
        digest: Its manifest's digest.
        seq: The number of the commit that registered it.
        commit: That commit's digest.
        created_at: When, as `format_time` writes it.
        created_by: Who registered it.
        yanked: Whether it was yanked.
        body: The other variables, as JSON.
        facts: What conditions select by.
        texts: What text search goes through.
    """

    name: str
    version: str
    precedence: str
    digest: str
    seq: int
    commit: str
    created_at: str
    created_by: str
    yanked: bool
    body: str
    facts: tuple[Fact, ...]
    texts: Texts


def make_row(manifest: Manifest, entry: VersionEntry, state: State) -> Row:
    """Return a version's row.

    Args:
        manifest: What it states.
        entry: What the log says of it.
        state: The log.
    """
    variables = subject(manifest, entry, state)
    latest = latest_metrics(manifest.metadata.metrics, entry.evaluations)
    figures = {metric.key: metric.value for metric in latest}
    body = {
        **{
            key: variables[key]
            for key in ("metrics", "ambiguous", "slices", "params", "tags", "aliases", "metadata")
        },
        "figures": [[*key, value] for key, value in figures.items()],
        "approvals": _approvals(entry),
    }
    scheme = state.scheme or Scheme.parse(SEMVER)
    return Row(
        name=str(manifest.model),
        version=entry.version,
        precedence=str(sort_key(str(scheme.version(entry.version).number))),
        digest=str(entry.digest),
        seq=entry.registered.seq,
        commit=entry.commit,
        created_at=format_time(entry.registered.at),
        created_by=entry.registered.by,
        yanked=entry.yanked is not None,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        facts=tuple(dict.fromkeys(_facts(variables, body, figures))),
        texts=_texts(manifest, entry),
    )


def standing(entry: VersionEntry, at: datetime) -> list[str]:
    """Return the roles that approved of a version, for whatever alias, and stand by it: the variable ``approvals``."""
    return standing_roles(_approvals(entry), format_time(at))


def standing_roles(approvals: Sequence[Sequence[str | None]], at: str) -> list[str]:
    """Return the roles of stored approvals that have not expired by a time."""
    return sorted({str(role) for role, expires in approvals if expires is None or expires > at})


def _approvals(entry: VersionEntry) -> list[list[str | None]]:
    """Return role and expiry of each approval that the same role didn't reject afterwards."""
    return [
        [each.said.role, format_time(each.said.expires) if each.said.expires else None]
        for each in entry.approvals
        if rejected_after(entry, each) is None
    ]


@lru_cache(maxsize=16_384)
def path_of(*keys: str) -> str:
    """Return a path as facts have it: a JSON array of its keys."""
    return json.dumps(keys, ensure_ascii=False, separators=(",", ":"))


def as_stored(value: Value) -> int | float | str | bytes:
    """Return a value as SQL compares it: to CEL, truth is no number, and so it is a blob."""
    return bytes([value]) if isinstance(value, bool) else value


def _facts(
    variables: Mapping[str, object], body: Mapping[str, object], figures: Mapping[tuple[str, str, str], float]
) -> Iterator[Fact]:
    version = cast("str", variables["version"])
    order = sort_key(version)
    found: list[tuple[tuple[str, ...], object]] = [
        (("name",), variables["name"]),
        (("version",), version),
        (("semver",), order if isinstance(order, str) else None),
        (("created_at",), format_time(cast("datetime", variables["created_at"]))),
        (("created_by",), variables["created_by"]),
        *((("aliases",), alias) for alias in cast("list[str]", variables["aliases"])),
        *((("approvals",), role) for role, _ in cast("list[list[str | None]]", body["approvals"])),
        *((("figure", *key), value) for key, value in figures.items() if key[1]),
        *(
            (key, value)
            for name in ("metrics", "tags", "params", "metadata")
            for key, value in _leaves((name,), variables[name])
        ),
    ]
    for keys, value in found:
        if isinstance(value, bool | int | float) or (
            isinstance(value, str) and (len(value) <= LONGEST_FACT or keys == ("semver",))
        ):
            path = path_of(*keys)
            if len(path) <= LONGEST_PATH:
                yield path, as_stored(value)


def _leaves(keys: tuple[str, ...], value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield what is in nested mappings, with its path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves((*keys, key), inner)
    else:
        yield keys, value


def _texts(manifest: Manifest, entry: VersionEntry) -> Texts:
    metadata = manifest.metadata
    card = [
        *metadata.intended_use,
        *metadata.limitations,
        *metadata.ethical_considerations,
        *_strings(metadata.custom),
        *_strings(metadata.unknown),
    ]
    fields = (
        str(manifest.changelog),
        "\n".join(annotation.note for annotation in entry.annotations),
        metadata.description,
        "\n".join(card),
    )
    return Texts(*(text[:_LONGEST_TEXT].replace("\0", " ") for text in fields))


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _strings(inner)
