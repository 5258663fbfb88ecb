"""What a log says after a commit: the values that replaying gives."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import attrs

from modelver.history.event import Previous
from modelver.history.governing import Approved, Rejected
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.name import Alias, ModelName
from modelver.values.reading import Breach
from modelver.values.record import Metric
from modelver.values.scheme import Scheme
from modelver.values.version import Version


@attrs.frozen
class Mark:
    """Who wrote a commit, when and why.

    Attributes:
        seq: The commit's number.
        at: When it took effect.
        clock: Its writer's clock; differs from `at` where clocks ran apart.
        by: Who wrote it.
        message: Why.
    """

    seq: int
    at: datetime
    clock: datetime
    by: str
    message: str = ""


@attrs.frozen
class Evaluation:
    """Metrics recorded after publication, and by whom."""

    metrics: tuple[Metric, ...]
    mark: Mark


@attrs.frozen
class Annotation:
    """A note or tags added after publication, and by whom."""

    note: str
    tags: Mapping[str, str]
    mark: Mark


def latest_metrics(stated: Iterable[Metric], later: Iterable[Evaluation]) -> tuple[Metric, ...]:
    """Return the latest metric of each name, dataset and slice."""
    measured = (metric for evaluation in later for metric in evaluation.metrics)
    return tuple({metric.key: metric for metric in (*stated, *measured)}.values())


def latest_tags(stated: Mapping[str, str], later: Iterable[Annotation]) -> dict[str, str]:
    """Return all tags, those that were added later too; one that was set to nothing is gone."""
    tags = dict(stated)
    for annotation in later:
        tags.update(annotation.tags)
    return {key: value for key, value in tags.items() if value}


@attrs.frozen
class Approval:
    """An approval that was given to a version, when, and through which commit."""

    said: Approved
    mark: Mark


@attrs.frozen
class Rejection:
    """A rejection of a version, when, and through which commit."""

    said: Rejected
    mark: Mark


@attrs.frozen
class PolicyChange:
    """A policy that was set: what it asks for, and who set it when."""

    policy: Mapping[str, Json]
    mark: Mark


@attrs.frozen
class VersionEntry:
    """What the log says of one version.

    Attributes:
        version: Its number.
        digest: Its manifest's SHA-256.
        registered: The commit that registered it; maps and provenance are named there.
        commit: SHA-256 of that commit's stored bytes.
        indexed: Numbers of later commits that replaced file maps.
        finalizes: The pre-release that it finalizes, or empty.
        yanked: Set once it was yanked.
        evaluations: In the log's order.
        annotations: In the log's order.
        approvals: In the log's order; what they count for is the gates' business.
        rejections: In the log's order.
    """

    version: str
    digest: Digest
    registered: Mark
    commit: str
    indexed: tuple[int, ...] = ()
    finalizes: str = ""
    yanked: Mark | None = None
    evaluations: tuple[Evaluation, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    approvals: tuple[Approval, ...] = ()
    rejections: tuple[Rejection, ...] = ()

    def marks(self) -> Iterator[Mark]:
        """Yield the commits that say something of it, but for aliases."""
        yield self.registered
        for several in (self.evaluations, self.annotations, self.approvals, self.rejections):
            yield from (each.mark for each in several)
        if self.yanked is not None:
            yield self.yanked


@attrs.frozen
class AliasChange:
    """One entry of an alias's history.

    Attributes:
        alias: The alias.
        cause: Why the alias moved, as the event says; ``deleted`` where it went.
        mark: Who, when and why; its ``seq`` is the alias's generation.
        version: What it names since; empty where it was deleted.
        digest: That version's digest; None where it was deleted.
        previous: What it named before; None where it did not exist.
        verdicts: What the gates said.
        override: Whether somebody moved it although a gate said no.
        breach: What a guard saw, where it was a guard that moved it.
    """

    alias: Alias
    cause: str
    mark: Mark
    version: str = ""
    digest: Digest | None = None
    previous: Previous | None = None
    verdicts: tuple[Mapping[str, Json], ...] = ()
    override: bool = False
    breach: Breach | None = None

    @property
    def generation(self) -> int:
        """The number of the commit that made the change."""
        return self.mark.seq

    def as_previous(self) -> Previous | None:
        """Return what the event of the alias's next change says of this one; None after a deletion."""
        return None if self.digest is None else Previous(self.version, self.digest, self.generation)


@attrs.frozen
class PinChange:
    """A pin that was set on an alias, or taken away.

    Attributes:
        alias: The alias.
        version: What it named.
        mark: Who, when and why.
        pinned: Whether the alias is pinned since.
    """

    alias: Alias
    version: str
    mark: Mark
    pinned: bool = True


@attrs.frozen
class State:
    """What a log says after its commit number `seq`.

    Attributes:
        seq: The head's number; 0 before the first commit.
        head: SHA-256 of the head's stored bytes; of ``modelver.json`` before the first commit.
        at: When the head took effect; None before the first commit.
        model: The model's name; None before the first commit, and in the registry's own log.
        scheme: The model's version scheme.
        versions: By number, as plain text, in the order of registration.
        aliases: What each alias names now.
        alias_history: All changes of all aliases, the oldest first.
        pin_history: All pins that were set and taken away, the oldest first.
        commit_ids: The ids that callers gave, with the commit's number.
        condemned: Blobs that a running sweep will delete, by sweep.
        swept: Number of the last commit that began or ended a sweep; 0 without any.
        policies: The policies that were set, the oldest first; the last one holds.
        highest: The highest version; None without versions.
        highest_release: The highest version that is no pre-release.
        write_blocked: The unknown event that forbids this release to write; empty mostly.
    """

    seq: int
    head: str
    at: datetime | None = None
    model: ModelName | None = None
    scheme: Scheme | None = None
    versions: Mapping[str, VersionEntry] = attrs.field(factory=dict)
    aliases: Mapping[str, AliasChange] = attrs.field(factory=dict)
    alias_history: tuple[AliasChange, ...] = ()
    pin_history: tuple[PinChange, ...] = ()
    commit_ids: Mapping[str, int] = attrs.field(factory=dict)
    condemned: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    swept: int = 0
    policies: tuple[PolicyChange, ...] = ()
    highest: Version | None = None
    highest_release: Version | None = None
    write_blocked: str = ""

    def naming(self, entry: VersionEntry) -> list[AliasChange]:
        """Return the moves by which aliases name a version now."""
        return [change for change in self.aliases.values() if change.digest == entry.digest]

    def generation(self, alias: str) -> int:
        """Return the number of an alias's last change, its deletion too; 0 where it never existed."""
        changes = (change.generation for change in reversed(self.alias_history) if change.alias == alias)
        return next(changes, 0)

    def pin(self, alias: str) -> PinChange | None:
        """Return the pin that holds an alias now; None where none does."""
        changes = (change for change in reversed(self.pin_history) if change.alias == alias)
        last = next(changes, None)
        return last if last is not None and last.pinned else None

    def is_condemned(self, sha256: str) -> bool:
        """Tell whether a running sweep will delete the blob."""
        return any(sha256 in blobs for blobs in self.condemned.values())
