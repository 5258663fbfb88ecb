"""Facts of a log: a union of frozen classes, told apart by ``type`` on the wire (docs/format.md, "Events")."""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeAlias, cast

import attrs

from modelver.errors import InvalidValue
from modelver.history.governing import Approved, PolicySet, Rejected
from modelver.history.guarding import AliasPinned, AliasUnpinned
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.name import Alias, ModelName
from modelver.values.reading import Breach
from modelver.values.record import Metric

Cause = Literal["promote", "rollback", "manual", "guard"]
MustUnderstand = Literal["", "read", "write"]

_MUST_UNDERSTAND: Mapping[str, MustUnderstand] = {"": "", "read": "read", "write": "write"}


@attrs.frozen
class ModelCreated:
    """The model exists: the first event of commit 1.

    Attributes:
        name: As its maker spelled it.
        scheme: How its versions are written, see `modelver.values.scheme.Scheme`.
    """

    TYPE: ClassVar = "model_created"
    name: ModelName
    scheme: str
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Registered:
    """A version exists.

    Attributes:
        version: Its number under the model's scheme.
        digest: The SHA-256 of its manifest, which is stored as a blob.
        provenance: The blob with its provenance, or None where nothing was captured.
        maps: Per file, the blob with its file map.
        finalizes: The pre-release that this version finalizes, or empty.
        verdicts: What the gates said, as evidence.
        default_policy: The number of the registry's commit whose policy was asked; 0 for none.
    """

    TYPE: ClassVar = "registered"
    version: str
    digest: Digest
    provenance: Digest | None = None
    maps: Mapping[str, Digest] = attrs.field(factory=dict)
    finalizes: str = ""
    verdicts: tuple[Mapping[str, Json], ...] = ()
    default_policy: int = 0
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Indexed:
    """File maps were made again, by a better parser: they replace the earlier ones of these files."""

    TYPE: ClassVar = "indexed"
    version: str
    digest: Digest
    maps: Mapping[str, Digest]
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Previous:
    """What an alias named before a change.

    Attributes:
        version: The version.
        digest: Its manifest's digest.
        generation: The number of the commit that set it.
    """

    version: str
    digest: Digest
    generation: int
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class AliasSet:
    """An alias names a version from now on; the reason is the commit's message.

    Attributes:
        alias: The alias.
        version: What it names now.
        digest: The digest of that version's manifest.
        previous: What it named before, or None where it did not exist.
        cause: ``manual`` (set_alias), ``promote``, ``rollback`` or ``guard``.
        verdicts: What the gates said, as evidence.
        default_policy: The number of the registry's commit whose policy was asked; 0 for none.
        override: Whether somebody moved it although a gate said no; the reason is the commit's message.
        breach: What a guard saw, where the cause is ``guard``.
    """

    TYPE: ClassVar = "alias_set"
    alias: Alias
    version: str
    digest: Digest
    previous: Previous | None = None
    cause: Cause = "manual"
    verdicts: tuple[Mapping[str, Json], ...] = ()
    default_policy: int = 0
    override: bool = False
    breach: Breach | None = None
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class AliasDeleted:
    """An alias names nothing from now on; its history stays."""

    TYPE: ClassVar = "alias_deleted"
    alias: Alias
    previous: Previous
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Yanked:
    """A version should not be used any more; the reason is the commit's message. Its bytes stay."""

    TYPE: ClassVar = "yanked"
    version: str
    digest: Digest
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Evaluated:
    """Metrics were measured after publication."""

    TYPE: ClassVar = "evaluated"
    version: str
    digest: Digest
    metrics: tuple[Metric, ...]
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Annotated:
    """A note or tags were added after publication; a tag with an empty value is taken away."""

    TYPE: ClassVar = "annotated"
    version: str
    digest: Digest
    note: str = ""
    tags: Mapping[str, str] = attrs.field(factory=dict)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class SweepStarted:
    """A garbage collection will delete these blobs: until it is done, no registration may name them.

    Attributes:
        sweep: The sweep's random id. A second event with the same id condemns more.
        condemned: SHA-256s of blobs, as 64 hexadecimal digits.
    """

    TYPE: ClassVar = "sweep_started"
    sweep: str
    condemned: tuple[str, ...]
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class SweepDone:
    """A garbage collection is over."""

    TYPE: ClassVar = "sweep_done"
    sweep: str
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class UnknownEvent:
    """An event that a newer release wrote: kept, and ignored unless it forbids that.

    Attributes:
        type: Its type.
        data: All of its fields.
        must_understand: ``read``: a reader that does not know it must stop; ``write``: a writer must; else empty.
    """

    type: str
    data: Mapping[str, Json]
    must_understand: MustUnderstand = ""


Event: TypeAlias = (
    ModelCreated
    | Registered
    | Indexed
    | AliasSet
    | AliasDeleted
    | AliasPinned
    | AliasUnpinned
    | Yanked
    | Evaluated
    | Annotated
    | PolicySet
    | Approved
    | Rejected
    | SweepStarted
    | SweepDone
    | UnknownEvent
)
_KINDS = {
    kind.TYPE: kind
    for kind in (
        ModelCreated,
        Registered,
        Indexed,
        AliasSet,
        AliasDeleted,
        AliasPinned,
        AliasUnpinned,
        Yanked,
        Evaluated,
        Annotated,
        PolicySet,
        Approved,
        Rejected,
        SweepStarted,
        SweepDone,
    )
}


def event_to_json(event: Event) -> Json:
    """Return an event as JSON data, with its type."""
    if isinstance(event, UnknownEvent):
        return event.data
    must = {"must_understand": event.MUST_UNDERSTAND} if isinstance(event, PolicySet | AliasPinned) else {}
    return {**cast("Mapping[str, Json]", wire.to_json(event)), "type": event.TYPE, **must}


def event_from_json(data: Json, *, what: str) -> Event:
    """Read an event; one of an unknown type is kept whole.

    Raises:
        InvalidValue: It is no event, or one of a known type with wrong fields.
    """
    kind = data.get("type") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or not isinstance(kind, str):
        raise InvalidValue("an event without a type", where=what)
    if known := _KINDS.get(kind):
        fields = {key: value for key, value in data.items() if key not in {"type", "must_understand"}}
        return cast("Event", wire.from_json(fields, known, what=f"{what}, event {kind}"))
    must = data.get("must_understand", "")
    if not isinstance(must, str) or must not in _MUST_UNDERSTAND:
        raise InvalidValue(
            "not a value of must_understand",
            where=f"{what}, event {kind[:80]!r}",
            expected="read or write",
            found=repr(must)[:80],
        )
    return UnknownEvent(kind, data, _MUST_UNDERSTAND[must])
