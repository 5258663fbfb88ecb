"""What each alias of a model serves, since when, and how far that is ahead of what another alias serves."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import attrs

from modelver.history.state import AliasChange, Mark, State
from modelver.registry.base.finding import model_of, scheme_of
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.version import Version
from modelver.values.wire import format_time

Relation: TypeAlias = Literal["same", "ahead", "behind", "diverged"]

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@attrs.frozen
class Distance:
    """How far what an alias serves is from what another one serves.

    Attributes:
        alias: The alias.
        to: The other one.
        relation: ``same``; ``ahead``: higher, and registered later; ``behind``: lower, and registered earlier; or
            ``diverged``: the order of the versions is not that of their registration, as with a hotfix of an old line.
        versions: What lies between them by the scheme's order, lowest first, with the higher one: releases that are not
            yanked. Empty for ``same``.
        since: Since when it is so.
        at: When that was asked.
    """

    alias: str
    to: str
    relation: Relation
    versions: tuple[str, ...]
    since: datetime
    at: datetime

    @property
    def seconds(self) -> float:
        """For how many seconds it has been so."""
        return max(0.0, (self.at - self.since).total_seconds())

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "to": self.to,
            "relation": self.relation,
            "between": list(self.versions),
            "count": len(self.versions),
            "distance_since": format_time(self.since),
        }

    def __str__(self) -> str:
        count = f"{len(self.versions)} version{'' if len(self.versions) == 1 else 's'}"
        said = {
            "same": f"{self.alias} serves what {self.to} serves",
            "ahead": f"{self.alias} is {count} ahead of {self.to}",
            "behind": f"{self.alias} is {count} behind {self.to}",
            "diverged": f"{self.alias} and {self.to} have diverged: the higher version of the two is the older one",
        }
        return f"{said[self.relation]}, for {_span(self.seconds)}"


@attrs.frozen
class AliasStatus:
    """What an alias serves now.

    Attributes:
        alias: The alias.
        version: The version.
        since: Since when.
        by: Who set it.
        reason: Why, in their words.
        cause: ``promote``, ``manual``, ``rollback`` or ``guard``.
        generation: The number of the commit that set it.
        yanked: Whether the version was yanked since.
        pin: Who pinned the alias, when and why; None where nobody did.
        distance: From the alias that all are compared with; None for that one, and where there is none.
    """

    alias: Alias
    version: ModelVersion
    since: datetime
    by: str
    reason: str
    cause: str
    generation: int
    yanked: bool = False
    pin: Mark | None = None
    distance: Distance | None = None

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        pin = self.pin
        return {
            "alias": str(self.alias),
            "version": str(self.version.version),
            "ref": self.version.ref,
            "digest": str(self.version.digest),
            "since": format_time(self.since),
            "by": self.by,
            "reason": self.reason,
            "generation": self.generation,
            "yanked": self.yanked,
            "pinned": None
            if pin is None
            else {"at": format_time(pin.at), "by": pin.by, "reason": pin.message},
            "distance": self.distance.to_dict() if self.distance else None,
        }

    def __str__(self) -> str:
        more = " YANKED" if self.yanked else ""
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.alias}: {self.version.version}{more} since {self.since:%Y-%m-%d %H:%M:%S} UTC by {self.by}{reason}"


@attrs.frozen
class ModelStatus(Mapping[str, AliasStatus]):
    """What each alias of a model serves: a mapping, sorted by alias.

    Attributes:
        model: The model.
        versions: How many versions it has.
        highest: The highest one; None without any.
        against: The alias that the others are compared with.
        aliases: What each alias serves.
    """

    model: ModelName
    versions: int
    highest: Version | None
    against: str
    aliases: Mapping[str, AliasStatus]

    def __getitem__(self, alias: str) -> AliasStatus:
        """Return what an alias serves."""
        return self.aliases[alias]

    def __iter__(self) -> Iterator[str]:
        return iter(self.aliases)

    def __len__(self) -> int:
        return len(self.aliases)

    @property
    def distances(self) -> tuple[Distance, ...]:
        """How far each alias is from the one that they are compared with."""
        return tuple(each.distance for each in self.aliases.values() if each.distance)

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "model": str(self.model),
            "versions": self.versions,
            "highest": str(self.highest) if self.highest is not None else None,
            "against": self.against,
            "aliases": [each.to_dict() for each in self.aliases.values()],
        }

    def __str__(self) -> str:
        lines = [f"{self.model}: {self.versions} versions, the highest {self.highest or '-'}"]
        lines += [f"  {each}" for each in self.aliases.values()]
        return "\n".join([*lines, *(f"  {each}" for each in self.distances)])

    def _repr_html_(self) -> str:
        rows = [
            (
                html.code(each.alias),
                html.text(f"{each.version.version}{' YANKED' if each.yanked else ''}"),
                html.text(f"{each.since:%Y-%m-%d %H:%M:%S}"),
                html.text(each.by),
                html.text(each.reason),
                html.text(each.distance or ""),
            )
            for each in self.aliases.values()
        ]
        title = html.heading(self.model, f"{self.versions} versions, the highest {self.highest or '-'}")
        return title + html.table(("alias", "version", "since (UTC)", "who", "why", "distance"), rows)


def model_status(session: Session, name: ModelName, against: Alias) -> ModelStatus:
    """Return what each alias of a model serves; see `Registry.serving`."""
    state = session.state(name)
    now = datetime.now(UTC)
    found = {
        alias: _status(session, state, change, against, now)
        for alias, change in sorted(state.aliases.items())
    }
    return ModelStatus(model_of(state), len(state.versions), state.highest, against, found)


def _status(
    session: Session, state: State, change: AliasChange, against: Alias, now: datetime
) -> AliasStatus:
    entry = state.versions[change.version]
    pin = state.pin(change.alias)
    return AliasStatus(
        alias=change.alias,
        version=model_version(session, state, entry, alias=change.alias),
        since=change.mark.at,
        by=change.mark.by,
        reason=change.mark.message,
        cause=change.cause,
        generation=change.generation,
        yanked=entry.yanked is not None,
        pin=pin.mark if pin else None,
        distance=distance(state, change.alias, against, now),
    )


def distance(state: State, alias: str, to: str, at: datetime) -> Distance | None:
    """Return how far what an alias serves is from what another one serves; None where one of them serves nothing.

    Args:
        state: The log.
        alias: The alias.
        to: The other one.
        at: The time now, which is told with the answer.
    """
    if alias == to or alias not in state.aliases or to not in state.aliases:
        return None
    one, other = state.aliases[alias].version, state.aliases[to].version
    relation = _relation(state, one, other)
    return Distance(alias, to, relation, _between(state, one, other), _since(state, alias, to), at)


def _relation(state: State, one: str, other: str) -> Relation:
    if one == other:
        return "same"
    version = scheme_of(state).version
    higher = version(one) > version(other)
    later = state.versions[one].registered.seq > state.versions[other].registered.seq
    if higher != later:
        return "diverged"
    return "ahead" if higher else "behind"


def _between(state: State, one: str, other: str) -> tuple[str, ...]:
    """Return the releases between two versions that are not yanked, and the higher one of the two."""
    version = scheme_of(state).version
    low, high = sorted(map(version, (one, other)))
    inside = sorted(
        each
        for each in map(version, state.versions)
        if low < each < high and not each.is_prerelease and not state.versions[each].yanked
    )
    return (*map(str, inside), *([str(high)] if low != high else []))


def _since(state: State, alias: str, to: str) -> datetime:
    """Return since when two aliases have been in the relation that they are in, whatever they served meanwhile."""
    serving: dict[str, str] = {}
    since, before = None, None
    for change in state.alias_history:
        if change.alias in {alias, to}:
            serving[change.alias] = change.version
            one, other = serving.get(alias, ""), serving.get(to, "")
            now = _relation(state, one, other) if one and other else None
            since = change.mark.at if now != before else since
            before = now
    assert since is not None  # noqa: S101 (both serve something, so each was set)
    return since


def _span(seconds: float) -> str:
    """Return a time for people, in its largest unit."""
    name, size = next(((name, size) for name, size in _UNITS if seconds >= size), _UNITS[-1])
    count = int(seconds // size)
    return f"{count} {name}{'' if count == 1 else 's'}"
