"""How a project's aliases are guarded: the tables ``[guard.<alias>]``."""

from collections.abc import Mapping

import attrs

from modelver.errors import InvalidName
from modelver.gates.reading import Reader
from modelver.values.name import Alias

LENGTHS = ("window", "apart", "cooldown", "settle", "record_every")
COUNTS = ("min_samples", "breaches", "clear")
TEXTS = ("prometheus", "samples", "csv", "parquet", "baseline", "dataset")
_KEYS = ("rules", "queries", "record", *TEXTS, *LENGTHS, *COUNTS)
_MOST = 10**9


@attrs.frozen
class GuardSettings:
    """How one alias is guarded; see `modelver.Guard`. What is not said is empty, or left out of `options`.

    Attributes:
        rules: What must hold.
        queries: PromQL by the name of the figure.
        texts: ``prometheus`` (where it is), ``samples`` (PromQL), ``csv``, ``parquet`` (files, from the project's folder),
            ``baseline``, ``dataset``.
        lengths: ``window``, ``apart``, ``cooldown``, ``settle``, ``record_every``, such as ``5m``.
        counts: ``min_samples``, ``breaches``, ``clear``.
        record: Whether figures go on record.
    """

    rules: tuple[str, ...] = ()
    queries: Mapping[str, str] = attrs.field(factory=dict)
    texts: Mapping[str, str] = attrs.field(factory=dict)
    lengths: Mapping[str, str] = attrs.field(factory=dict)
    counts: Mapping[str, int] = attrs.field(factory=dict)
    record: bool = True


def read_guards(guards: Reader) -> dict[str, GuardSettings]:
    """Return how each alias is guarded.

    Raises:
        InvalidValue: A table breaks the grammar; the message has the path of the fault.
    """
    return {_alias(guards, name): _guard(table) for name, table in _tables(guards)}


def _tables(guards: Reader) -> list[tuple[str, Reader]]:
    return [(name, Reader(value, guards.at(name))) for name, value in guards.items()]


def _alias(guards: Reader, name: str) -> str:
    try:
        return Alias(name)
    except InvalidName:
        raise guards.fault(name, "an alias, such as [guard.production]", name) from None


def _guard(table: Reader) -> GuardSettings:
    table.known(_KEYS)
    queries = table.table("queries")
    for key in LENGTHS:
        table.age(key)
    return GuardSettings(
        rules=table.texts("rules"),
        queries={name: queries.text(name) for name, _ in queries.items()},
        texts={key: table.text(key) for key in TEXTS if table.has(key)},
        lengths={key: table.text(key) for key in LENGTHS if table.has(key)},
        counts={key: _count(table, key) for key in COUNTS if table.has(key)},
        record=table.flag("record", default=True),
    )


def _count(table: Reader, key: str) -> int:
    value = dict(table.items())[key]
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise table.fault(key, "a whole number", repr(value))
    return value
