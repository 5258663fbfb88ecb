"""Indexes in memory, and what is put into them: versions with whatever the strategies say, without a store."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
from hypothesis import strategies as st

from modelver.history.event import Annotated, Evaluated, Event, Registered, Yanked
from modelver.history.governing import Approved, Rejected
from modelver.history.state import State
from modelver.index.file import IndexFile
from modelver.index.query import Query, find
from modelver.index.row import make_row
from modelver.index.stored import Stored
from modelver.index.write import Change, Head, apply
from modelver.values.manifest import Manifest
from modelver.values.name import ModelName
from modelver.values.record import Metadata, Metric
from modelver.values.wire import format_time
from tests.histories import CREATED, EMPTY, MODEL, START, after, alias_set

NOW = START + timedelta(days=1)
AT = format_time(NOW)


@attrs.frozen
class Told:
    """What the log says of a version beside its registration."""

    evaluated: tuple[Metric, ...] = ()
    tags: dict[str, str] = attrs.field(factory=dict)
    note: str = ""
    aliases: tuple[str, ...] = ()
    approved: tuple[tuple[str, datetime | None], ...] = ()
    rejected: tuple[str, ...] = ()
    yanked: bool = False


def in_memory() -> IndexFile:
    """Return an empty index in memory."""
    index = IndexFile(Path("nowhere"), "memory")
    index.move_to_memory()
    return index


def manifest(version: str, metadata: Metadata, name: str = MODEL) -> Manifest:
    """Return a manifest without files."""
    return Manifest(ModelName(name), version, (), metadata)


def history(versions: Sequence[tuple[Manifest, Told]]) -> State:
    """Return the log in which these manifests were registered, one after the other, and this was told of them."""
    state = after(EMPTY, CREATED)
    for stated, told in versions:
        number, digest = stated.version, stated.digest
        state = after(state, Registered(number, digest))
        events: list[Event] = []
        if told.evaluated:
            events.append(Evaluated(number, digest, told.evaluated))
        if told.tags or told.note:
            events.append(Annotated(number, digest, told.note, told.tags))
        if told.yanked:
            events.append(Yanked(number, digest))
        events += [Approved(number, digest, role, "eva", expires=expires) for role, expires in told.approved]
        if events:
            state = after(state, *events)
        if told.rejected:
            state = after(state, *(Rejected(number, digest, role, "eva") for role in told.rejected))
        for alias in told.aliases:
            moved = attrs.evolve(alias_set(state, alias, number), digest=digest)
            state = after(state, moved)
    return state


def indexed(versions: Sequence[tuple[Manifest, Told]]) -> tuple[IndexFile, State]:
    """Return an index with these versions, and their log."""
    state = history(versions)
    rows = tuple(make_row(stated, state.versions[stated.version], state) for stated, _ in versions)
    change = Change(MODEL, MODEL, "semver", Head(), Head(state.seq, state.head, 1), rows, keeps=False)
    index = in_memory()
    index.run(lambda connection: apply(connection, [change]), write=True)
    return index, state


def asked(index: IndexFile, query: Query) -> list[Stored]:
    """Return what a query finds."""
    return index.run(lambda connection: find(connection, attrs.evolve(query, at=AT)))


def numbers(rows: Iterable[Stored]) -> list[str]:
    """Return the versions of rows."""
    return [row.version for row in rows]


few_texts = st.sampled_from(["a", "b", "mit", "Ä", "1.0.0", "x" * 120, "x" * 121])
few_numbers = st.sampled_from([0, 1, -1, 0.0, -0.0, 0.5, 1.0, 1.5, 2**53, float(2**53), 1e300, 5e-324])
few_values = few_texts | few_numbers | st.booleans() | st.none() | st.just([1, "a"])
few_metrics = st.builds(
    Metric,
    st.sampled_from(["f1", "eval/f1"]),
    few_numbers,
    st.sampled_from(["", "v3", "prod"]),
    st.sampled_from(["", "", "EU"]),
)
few_metadata = st.builds(
    Metadata,
    description=few_texts,
    license=st.sampled_from(["", "mit", "a"]),
    external_facing=st.none() | st.booleans(),
    metrics=st.lists(few_metrics, max_size=4),
    params=st.dictionaries(
        st.sampled_from(["lr", "opt", "in", "a.b"]),
        few_values | st.dictionaries(st.just("name"), few_values),
        max_size=3,
    ),
    tags=st.dictionaries(st.sampled_from(["team", "slices"]), few_texts, max_size=2),
    custom=st.dictionaries(st.sampled_from(["lr", "team"]), few_values, max_size=1),
)
few_told = st.builds(
    Told,
    evaluated=st.lists(few_metrics, max_size=2).map(tuple),
    tags=st.dictionaries(st.just("team"), few_texts | st.just(""), max_size=1),
    note=few_texts,
    aliases=st.sets(st.sampled_from(["production", "staging"]), max_size=2).map(sorted).map(tuple),
    approved=st.lists(
        st.tuples(st.sampled_from(["legal", "safety"]), st.sampled_from([None, NOW, NOW + timedelta(1)])),
        max_size=2,
    ).map(tuple),
    rejected=st.lists(st.sampled_from(["legal", "safety"]), max_size=1).map(tuple),
    yanked=st.booleans(),
)
few_versions = st.lists(st.tuples(few_metadata, few_told), min_size=1, max_size=5).map(
    lambda found: [(manifest(f"1.{index}.0", metadata), told) for index, (metadata, told) in enumerate(found)]
)


def at(text: str) -> datetime:
    """Return a time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
