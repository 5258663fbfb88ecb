"""Telling people what they were not told yet: `Registry.notify`."""

import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import attrs

from modelver.errors import InvalidValue, ModelverError, NotFound, StoreError
from modelver.notify.background import AT_EXIT, background
from modelver.notify.delivery import Patience, deliver
from modelver.notify.happening import Happening
from modelver.notify.message import make_message
from modelver.notify.notified import Notified
from modelver.notify.target import Target
from modelver.registry.base.finding import parse_at
from modelver.registry.base.session import Session
from modelver.registry.notices.announcing import LONGEST_ASKED, Announcer, Since, merged, not_read
from modelver.registry.notices.recipients import NOTIFY, recipients
from modelver.values.name import ModelName

_LONGEST_REST = 900.0

Followed: TypeAlias = tuple[Target, ModelName]
"""A recipient, and a model that it follows."""


@attrs.frozen
class Asked:
    """What a call of `Registry.notify` asks for.

    Attributes:
        model: The model; None for all.
        since: From where on.
        dry_run: Only say what would be told.
        patience: How long one event is tried.
    """

    model: ModelName | None = None
    since: Since = None
    dry_run: bool = False
    patience: Patience = attrs.field(factory=Patience)


def to_asked(model: str | None, since: int | datetime | str | None, *, dry_run: bool = False) -> Asked:
    """Return what a call asks for.

    Raises:
        InvalidName: The model's name breaks the grammar.
        InvalidValue: `since` is neither a commit nor a time.
    """
    begin = since if isinstance(since, int) else parse_at(since)
    return Asked(ModelName(model) if model is not None else None, begin, dry_run)


def check_every(every: float) -> float:
    """Return the seconds between two rounds.

    Raises:
        InvalidValue: It is no positive number.
    """
    if not 0 < every < float("inf"):
        raise InvalidValue("not a length of time", where=f"every {every}", expected="seconds, more than 0")
    return every


def notify(session: Session, asked: Asked) -> Notified:
    """Tell everybody what they were not told yet; see `Registry.notify`."""
    targets = _targets(session)
    _check_since(session, asked)
    if not asked.dry_run:
        background().wait(AT_EXIT)  # what this process is just telling would be told twice
    return merged(_round(session, targets, asked, Rests(), Beginning(asked.since)), targets)


def test(session: Session) -> Notified:
    """Send each recipient an event that says nothing; see `Registry.notify`."""
    targets = _targets(session)
    happening = Happening("test", session.identity.registry, "", 0, time.time_ns() % 2**53, datetime.now(UTC))
    data = {"message": "A test: modelver can reach you, and you can check who writes."}
    done = [
        deliver(happening, target, make_message(happening, target, data), Patience(tries=1, gives_up=False))
        for target in targets
    ]
    return Notified(tuple(done), targets=tuple(target.label for target in targets))


def follow(session: Session, asked: Asked, every: float) -> Iterator[Notified]:
    """Tell people what happens, for ever; yield what each round came to.

    A recipient that fails is left alone for ever longer, up to a quarter of an hour, or for as long as it asks, a day at most.
    """
    rests, beginning = Rests(every), Beginning(asked.since)
    _check_since(session, asked)
    targets = _targets(session)
    faults: tuple[Notified, ...] = ()
    while True:
        done = iter(faults) if faults else _round(session, targets, asked, rests, beginning)
        yield merged(done, targets)
        time.sleep(every * random.uniform(0.9, 1.1))  # noqa: S311 (no secret)
        targets, faults = _targets_now(session)


class Rests:
    """Recipients that failed, and until when they are left alone.

    Args:
        first: Seconds of the first rest.
    """

    def __init__(self, first: float = 0.0) -> None:
        self._first = first
        self._until: dict[str, float] = {}
        self._failures: dict[str, int] = {}

    def is_resting(self, target: Target) -> bool:
        """Tell whether a recipient is left alone now."""
        return time.monotonic() < self._until.get(target.key, 0.0)

    def note(self, target: Target, found: Notified) -> bool:
        """Note how telling a recipient went; tell whether it failed."""
        failed = [each for each in found.deliveries if not each.is_settled]
        if not failed:
            if found.deliveries:
                self._failures.pop(target.key, None)
            return False
        count = self._failures[target.key] = self._failures.get(target.key, 0) + 1
        rest = min(self._first * 2.0 ** min(count, 20), _LONGEST_REST) * random.uniform(0.5, 1)  # noqa: S311 (no secret)
        asked = min(max(each.retry_after for each in failed), LONGEST_ASKED)
        self._until[target.key] = time.monotonic() + max(rest, asked)
        return True


class Beginning:
    """From where on recipients are told, until each has its place in each log.

    Args:
        since: From where on; None where there is nothing to begin.
    """

    def __init__(self, since: Since) -> None:
        self._since = since
        self._begun: set[tuple[str, str]] = set()

    def begin(self, announcer: Announcer, followed: Sequence[Followed]) -> dict[Followed, Notified]:
        """Put the places that are not there yet, before anybody is told anything; return where that failed."""
        faults = {}
        for target, name in followed:
            if self._since is None or (target.key, name.folder) in self._begun:
                continue
            try:
                announcer.begin(target, name, self._since)
            except ModelverError as error:
                faults[target, name] = not_read(target, name, error)
            else:
                self._begun.add((target.key, name.folder))
        if not faults:
            self._since = None
        return faults


def _round(
    session: Session, targets: tuple[Target, ...], asked: Asked, rests: Rests, beginning: Beginning
) -> Iterator[Notified]:
    """Go through recipients and models; a recipient that failed is not asked for the next model."""
    announcer = Announcer(session, asked.patience, dry_run=asked.dry_run)
    try:
        models = [asked.model] if asked.model else session.models()
    except StoreError as error:
        yield Notified(notes=(f"the models can't be listed: {error}",), unread=True)
        return
    followed = [(target, name) for target in targets for name in models if target.follows(str(name))]
    faults = beginning.begin(announcer, followed)
    yield from faults.values()
    failed = {target.key for target in targets if rests.is_resting(target)}
    for target, name in followed:
        if target.key not in failed and (target, name) not in faults:
            found = announcer.announce(target, name)
            yield found
            if rests.note(target, found):
                failed.add(target.key)


def _targets(session: Session) -> tuple[Target, ...]:
    found = recipients(session)
    if not found:
        raise NotFound(
            "nobody is to be told",
            where=session.store.url,
            expected=f"[[notify]] tables in modelver.toml, or in the file that ${NOTIFY} names",
            hint="docs/how-to/notify.md shows one.",
        )
    return found


def _targets_now(session: Session) -> tuple[tuple[Target, ...], tuple[Notified, ...]]:
    """Return who is to be told, or nobody and why: a file that is being edited ends nothing, and nothing gets lost."""
    try:
        return _targets(session), ()
    except (ModelverError, OSError) as error:
        return (), (Notified(notes=(f"nobody is told now: {error}",), unread=True),)


def _check_since(session: Session, asked: Asked) -> None:
    """Refuse a beginning that means nothing.

    Raises:
        NotFound: There is no such model.
        InvalidValue: A commit's number, but no model, or none of its commits.
    """
    last = session.state(asked.model).seq if asked.model is not None else 0
    if isinstance(asked.since, int) and not 1 <= asked.since <= last:
        raise InvalidValue(
            "commits are numbered from 1 in each model's log",
            where=f"since {asked.since}",
            expected=f"1 to {last}" if last else "",
            hint="" if last else "Name the model, or give a time.",
        )
