"""Hypothesis strategies for every value: what is valid, in all its forms, unknown fields included."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import strategies as st

from modelver.errors import ModelverError
from modelver.history.commit import CheckpointDigest, Commit
from modelver.history.event import (
    AliasDeleted,
    AliasSet,
    Annotated,
    Evaluated,
    Event,
    Indexed,
    ModelCreated,
    Previous,
    Registered,
    SweepDone,
    SweepStarted,
    UnknownEvent,
    Yanked,
)
from modelver.history.governing import Approved, PolicySet, Rejected, Signature
from modelver.history.guarding import AliasPinned, AliasUnpinned
from modelver.values.canonical import MAX_INTEGER, Json
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role
from modelver.values.making import Architecture, Port, Prompt, Step
from modelver.values.manifest import Manifest
from modelver.values.name import Alias, ModelName
from modelver.values.path import check_together, version_path
from modelver.values.provenance import Code
from modelver.values.reading import Breach, Reading, RuleAnswer
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata, Metric
from modelver.values.scheme import SEMVER, Scheme

HEX = "0123456789abcdef"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHANUMERIC = LETTERS + "0123456789"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
filled_texts = texts.filter(str.strip)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
counts = st.integers(0, MAX_INTEGER)
floats = st.floats(allow_nan=False, allow_infinity=False)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 (Hypothesis adds the zone)

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | integers | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects: st.SearchStrategy[Mapping[str, Json]] = st.dictionaries(texts, json_values, max_size=3)
unknown_fields = st.dictionaries(texts.map("x-{}".format), json_values, max_size=2)

hex_digests = st.text(HEX, min_size=64, max_size=64)
digests = hex_digests.map(Digest.from_hex)


def is_valid(kind: object, value: object) -> bool:
    """Whether a value's own rule takes it."""
    try:
        kind(value)  # type: ignore[operator] # a class or function
    except ModelverError:
        return False
    return True


segments = st.builds(
    lambda first, rest: first + "".join(separator + word for separator, word in rest),
    st.text(ALPHANUMERIC, min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from("._-"), st.text(ALPHANUMERIC, min_size=1, max_size=6)), max_size=3),
).filter(lambda text: is_valid(ModelName, text))
spelled_segments = st.builds(lambda text, upper: text.upper() if upper else text, segments, st.booleans())
model_names = st.lists(spelled_segments, min_size=1, max_size=2).map("/".join).map(ModelName)
aliases = segments.filter(lambda text: is_valid(Alias, text)).map(Alias)

numbers = st.integers(0, 30) | st.integers(0, 10**17)
_identifiers = st.text(ALPHANUMERIC + LETTERS.upper() + "-", min_size=1, max_size=5)
_prerelease_parts = st.integers(0, 99).map(str) | _identifiers.filter(
    lambda text: not (text.isdigit() and text != "0" and text.startswith("0")) and text != "00"
).filter(lambda text: not text.isdigit() or text == str(int(text)))
prereleases = st.lists(_prerelease_parts, min_size=1, max_size=3).map(".".join)
builds = st.lists(_identifiers, min_size=1, max_size=2).map(".".join)
semver_texts = st.builds(
    lambda major, minor, patch, pre, build: (
        f"{major}.{minor}.{patch}" + (f"-{pre}" if pre else "") + (f"+{build}" if build else "")
    ),
    numbers,
    numbers,
    numbers,
    st.none() | prereleases,
    st.none() | builds,
)

_PARTS = ("{major}", "{minor}", "{patch}")
_literals = st.text(LETTERS + "._-", min_size=1, max_size=4)
templates = st.builds(
    lambda prefix, parts, literals: (
        prefix
        + "".join(
            part + literal for part, literal in zip(parts, [*literals[: len(parts) - 1], ""], strict=True)
        )
    ),
    st.just("") | st.text(ALPHANUMERIC + "._-", min_size=1, max_size=8),
    st.integers(1, 3).map(lambda count: _PARTS[:count]),
    st.lists(_literals, min_size=2, max_size=2),
).filter(lambda text: is_valid(Scheme.parse, text))
schemes = st.just(Scheme(SEMVER)) | templates.map(Scheme.parse)


@st.composite
def versions_of(draw: st.DrawFn, scheme: Scheme) -> str:
    """Write a version as a scheme does."""
    if scheme.text == SEMVER:
        return draw(semver_texts)
    text = scheme.text
    for part in _PARTS:
        text = text.replace(part, str(draw(numbers)))
    pre = draw(st.none() | prereleases)
    return f"{text}-{pre}" if pre else text


_plain_parts = st.text(ALPHANUMERIC + LETTERS.upper() + "._- ", min_size=1, max_size=8)
_wild_parts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
paths = (
    st.lists(_plain_parts | _wild_parts, min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda text: is_valid(version_path, text))
    .map(version_path)
)
path_sets = st.lists(paths, max_size=4).filter(lambda found: is_valid(check_together, found))

metrics = st.builds(
    Metric,
    name=filled_texts,
    value=floats,
    dataset=texts,
    slice=texts,
    count=st.none() | counts,
    interval=st.none() | st.tuples(floats, floats),
    direction=st.sampled_from(["", "higher", "lower"]),
    threshold=st.none() | floats,
    unknown=unknown_fields,
)
datasets = st.builds(
    Dataset,
    name=filled_texts,
    uri=texts,
    digest=texts,
    method=texts,
    split=texts,
    rows=st.none() | counts,
    license=texts,
    version=texts,
    snapshot=st.booleans(),
    unknown=unknown_fields,
)
ports = st.builds(
    Port,
    name=filled_texts,
    dtype=texts,
    shape=st.none() | st.lists(counts | filled_texts, max_size=3),
    unknown=unknown_fields,
)
base_models = st.builds(BaseModel, name=filled_texts, digest=st.none() | digests, unknown=unknown_fields)
_text_lists = st.lists(texts, max_size=2)
changelogs = st.builds(
    Changelog,
    summary=texts,
    added=_text_lists,
    changed=_text_lists,
    fixed=_text_lists,
    caveats=_text_lists,
    unknown=unknown_fields,
)
architectures = st.builds(
    Architecture,
    family=texts,
    parameters=st.none() | counts,
    layers=st.none() | counts,
    dtypes=_text_lists,
    inputs=st.lists(ports, max_size=2),
    outputs=st.lists(ports, max_size=2),
    unknown=unknown_fields,
)
steps = st.builds(Step, name=filled_texts, params=json_objects, code=texts, unknown=unknown_fields)
_tags = st.dictionaries(texts, texts, max_size=2)
metadata = st.builds(
    Metadata,
    description=texts,
    intended_use=_text_lists,
    limitations=_text_lists,
    ethical_considerations=_text_lists,
    license=texts,
    owners=_text_lists,
    external_facing=st.none() | st.booleans(),
    metrics=st.lists(metrics, max_size=2),
    params=json_objects,
    data=st.lists(datasets, max_size=2),
    base=st.lists(base_models, max_size=2),
    architecture=st.none() | architectures,
    preprocessing=st.lists(steps, max_size=2),
    prompts=st.lists(st.builds(Prompt, filled_texts, texts, texts, unknown=unknown_fields), max_size=2),
    code=st.none() | st.builds(Code, repository=texts, commit=texts, dirty=st.none() | st.booleans()),
    tags=_tags,
    custom=json_objects,
    unknown=unknown_fields,
)


@st.composite
def file_entries(draw: st.DrawFn) -> list[FileEntry]:
    """Make the files of a version, whose paths can live together."""
    return [
        FileEntry(
            path,
            draw(counts),
            draw(hex_digests),
            draw(st.sampled_from(Role)),
            draw(st.just("application/octet-stream") | texts),
            unknown=draw(unknown_fields),
        )
        for path in draw(path_sets)
    ]


manifests = st.builds(
    Manifest,
    model=model_names,
    version=texts,
    files=file_entries(),
    metadata=metadata,
    changelog=changelogs,
    unknown=unknown_fields,
)

_maps = st.dictionaries(paths, digests, max_size=2)
_previous = st.builds(Previous, texts, digests, counts, unknown=unknown_fields)


_readings = st.builds(
    Reading,
    st.dictionaries(st.sampled_from(["f1", "error_rate"]), st.floats(allow_nan=False, allow_infinity=False)),
    st.none() | counts,
    st.none() | times,
    st.none() | times,
    texts,
    texts,
    unknown=unknown_fields,
)
_answers = st.builds(RuleAnswer, texts.filter(bool), texts, texts, unknown=unknown_fields)
_breaches = st.builds(
    Breach,
    st.lists(_answers, max_size=2).map(tuple),
    st.lists(_readings, max_size=2).map(tuple),
    st.lists(_readings, max_size=2).map(tuple),
    st.none() | times,
    counts,
    unknown=unknown_fields,
)


def _judgements(kind: type[Approved] | type[Rejected]) -> st.SearchStrategy[Approved | Rejected]:
    """Give what people say of versions."""
    signatures = st.builds(Signature, hex_digests, texts, unknown=unknown_fields)
    return st.builds(
        kind,
        *(texts, digests, texts, texts, texts, texts, counts, st.lists(texts, max_size=2).map(tuple)),
        st.none() | times,
        st.none() | signatures,
        unknown=unknown_fields,
    )


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(ModelCreated, model_names, schemes.map(lambda scheme: scheme.text), unknown=unknown_fields),
    st.builds(Registered, texts, digests, st.none() | digests, _maps, texts, unknown=unknown_fields),
    st.builds(Indexed, texts, digests, _maps, unknown=unknown_fields),
    st.builds(
        AliasSet,
        aliases,
        texts,
        digests,
        st.none() | _previous,
        st.sampled_from(["promote", "rollback", "manual", "guard"]),
        st.lists(json_objects, max_size=2).map(tuple),
        counts,
        st.booleans(),
        st.none() | _breaches,
        unknown=unknown_fields,
    ),
    st.builds(AliasPinned, aliases, texts, digests, unknown=unknown_fields),
    st.builds(AliasUnpinned, aliases, texts, digests, unknown=unknown_fields),
    st.builds(PolicySet, json_objects, unknown=unknown_fields),
    *(_judgements(kind) for kind in (Approved, Rejected)),
    st.builds(AliasDeleted, aliases, _previous, unknown=unknown_fields),
    st.builds(Yanked, texts, digests, unknown=unknown_fields),
    st.builds(Evaluated, texts, digests, st.lists(metrics, max_size=2).map(tuple), unknown=unknown_fields),
    st.builds(Annotated, texts, digests, texts, _tags, unknown=unknown_fields),
    st.builds(SweepStarted, texts, st.lists(hex_digests, max_size=2).map(tuple), unknown=unknown_fields),
    st.builds(SweepDone, texts, unknown=unknown_fields),
    st.builds(
        lambda kind, fields, must: UnknownEvent(
            kind, {**fields, "type": kind, **({"must_understand": must} if must else {})}, must
        ),
        texts.map("future_{}".format),
        unknown_fields,
        st.sampled_from(["", "read", "write"]),
    ),
)
commits = st.builds(
    Commit,
    registry=texts,
    model=texts,
    seq=counts,
    parent=hex_digests,
    id=texts,
    at=times,
    clock=times,
    by=texts,
    message=texts,
    checkpoint=st.none() | st.builds(CheckpointDigest, counts, hex_digests, unknown=unknown_fields),
    events=st.lists(events, max_size=3).map(tuple),
    unknown=unknown_fields,
)


def same_number(left: float, right: float) -> bool:
    """Whether two numbers are the same in type, value and sign: ``0.0`` and ``-0.0`` are not."""
    return type(left) is type(right) and left == right and math.copysign(1, left) == math.copysign(1, right)
