"""Reading off the logs what recipients were not told yet, and telling them, in the order of each log."""

import time
from collections.abc import Iterator
from datetime import datetime

import attrs

from modelver.cache.cursors import Cursors
from modelver.errors import ModelverError, NotFound, StoreError
from modelver.log.read import LogReader
from modelver.notify.delivery import Delivery, Patience, deliver, delivery
from modelver.notify.happening import Happening, happenings
from modelver.notify.message import Message, event_id, make_message
from modelver.notify.notified import Notified
from modelver.notify.target import Target
from modelver.registry.base.reading import vouched_commits
from modelver.registry.base.session import Session
from modelver.registry.notices.saying import Sayer
from modelver.values.name import ModelName

LONGEST_ASKED = 86_400.0
"""Seconds for which a recipient is left alone at most when it asks for that."""

Since = int | datetime | None
"""From which commit, or from what time on, events are told, even those that were told before; None: as it stands."""


def start_key(session: Session, target: Target) -> str:
    """Return the key of the time since when a recipient is told of a registry, in microseconds since 1970."""
    return "\0".join(("start", *_whose(session, target)))


def place_key(session: Session, target: Target, name: ModelName) -> str:
    """Return the key of the last commit of a model that a recipient is done with."""
    return "\0".join(("place", *_whose(session, target), name.folder))


def stop_key(session: Session, target: Target) -> str:
    """Return the key of the time when a recipient said that it wants to be told nothing more."""
    return "\0".join(("stop", *_whose(session, target)))


def tries_key(session: Session, target: Target, event: str) -> str:
    """Return the key of how often an event was tried and refused, while it waits."""
    return "\0".join(("tries", *_whose(session, target), event))


def rest_key(tries: str) -> str:
    """Return the key of the time until which a recipient asked to be left alone with an event."""
    return f"{tries}\0until"


def _whose(session: Session, target: Target) -> tuple[str, str, str]:
    """Return what each key begins with; a copy of a registry has its id, and may go ways of its own."""
    return session.identity.registry, session.store.place, target.key


def now() -> int:
    """Return the time in microseconds since 1970."""
    return time.time_ns() // 1000


@attrs.frozen
class Place:
    """Where a recipient stands in a log.

    Attributes:
        seq: The last commit that it is done with.
        note: What is worth saying of that.
    """

    seq: int
    note: str = ""


class Announcer:
    """Tells recipients what they were not told yet.

    Args:
        session: The registry.
        patience: How long one event is tried.
        dry_run: Only say what would be told.
    """

    def __init__(self, session: Session, patience: Patience, *, dry_run: bool = False) -> None:
        self.cursors = Cursors(session.cache)
        self._session = session
        self._patience = patience
        self._dry_run = dry_run
        self._sayer = Sayer(session)
        self._begun: dict[str, int] = {}

    def begin(self, target: Target, name: ModelName, since: int | datetime) -> None:
        """Put a recipient's place in the log of one model; nothing is told yet.

        Args:
            target: The recipient.
            name: The model.
            since: From where on.

        Raises:
            StoreError: The log can't be read now.
        """
        key = place_key(self._session, target, name)
        log = self._session.passing_log(name)
        seq = since - 1 if isinstance(since, int) else last_before(log, _micros(since))
        self._begun[key] = seq
        if not self._dry_run:
            self.cursors.begin(start_key(self._session, target), now())
            self.cursors.put(key, seq)
            self.cursors.forget(stop_key(self._session, target))

    def announce(self, target: Target, name: ModelName, *, own: int = 0) -> Notified:
        """Tell one recipient what it was not told yet of one model.

        Args:
            target: The recipient.
            name: The model.
            own: The number of a commit that was just written: where nothing can be kept, it alone is told.
        """
        stopped = self.cursors.get(stop_key(self._session, target))
        if stopped is not None and place_key(self._session, target, name) not in self._begun:
            at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(stopped / 1_000_000))
            note = (
                f"{target.label} wants to be told nothing more: it answered 410 Gone at {at} UTC."
                " Take it out of the configuration, or begin again with --since"
            )
            return Notified(notes=(note,))
        log = self._session.passing_log(name)
        try:
            place = self._place(target, name, log, own)
            if not _goes_on(log, place.seq):
                return Notified(notes=(place.note,) if place.note else ())
            found = self._go_on(target, name, log, place.seq)
        except ModelverError as error:
            return not_read(target, name, error)
        return Notified(tuple(found), notes=(place.note,) if place.note else ())

    def _go_on(self, target: Target, name: ModelName, log: LogReader, place: int) -> list[Delivery]:
        """Deliver what comes after a place, until something has to wait; keep how far that went, come what may."""
        found: list[Delivery] = []
        state = log.state()
        model = str(state.model or name)
        kept = place
        try:
            coming = range(place + 1, state.seq + 1)
            commits = vouched_commits(self._session.store, log.place, state, coming)
            for seq in coming:
                for happening in happenings(*commits[seq], model):
                    if target.wants(happening):
                        found.append(self._deliver(target, happening))
                        if not found[-1].is_settled:
                            self._note_stop(target, found[-1])
                            return found
                if found and found[-1].seq == seq:
                    kept = self._keep(target, name, seq)
                place = seq
        finally:
            if place > kept:
                self._keep(target, name, place)
        return found

    def _deliver(self, target: Target, happening: Happening) -> Delivery:
        if self._dry_run:
            return delivery(happening, target, event_id(happening, target), "dry_run")
        try:
            data = self._sayer.data(happening, target.audience)
        except StoreError as error:
            failed = delivery(happening, target, event_id(happening, target), "pending")
            return attrs.evolve(failed, detail=f"the registry can't be read: {error}")
        return self._post(happening, target, make_message(happening, target, data))

    def _post(self, happening: Happening, target: Target, message: Message) -> Delivery:
        """Post; who refuses and asks for more time each time is given up in the end, so tries are counted on."""
        key = tries_key(self._session, target, message.id)
        refused = (self.cursors.get(key) or 0) if self._patience.gives_up else 0
        left = (self.cursors.get(rest_key(key)) or 0) - now() if refused else 0
        if 0 < left <= LONGEST_ASKED * 1e6:  # (more was noted by a clock that was ahead)
            waits = delivery(happening, target, message.id, "pending")
            return attrs.evolve(waits, detail="it asked for more time", retry_after=left / 1e6, tries=refused)
        found = deliver(happening, target, message, self._patience, refused)
        if found.is_refused:
            self.cursors.put(key, found.tries)
            self.cursors.put(rest_key(key), now() + int(min(found.retry_after, LONGEST_ASKED) * 1e6))
        elif refused and found.tries:
            self.cursors.forget(key)
            self.cursors.forget(rest_key(key))
        return found

    def _keep(self, target: Target, name: ModelName, seq: int) -> int:
        """Keep how far a recipient was told, unless nothing was told at all."""
        if not self._dry_run:
            self.cursors.advance(place_key(self._session, target, name), seq)
        return seq

    def _note_stop(self, target: Target, found: Delivery) -> None:
        if found.outcome == "stopped":
            self.cursors.put(stop_key(self._session, target), now())

    def _place(self, target: Target, name: ModelName, log: LogReader, own: int) -> Place:
        """Return where a recipient stands; where that is not known, it begins when it was first met.

        Raises:
            StoreError: Nothing can be kept, so that nobody knows what was told.
        """
        key, start = place_key(self._session, target, name), start_key(self._session, target)
        if key in self._begun:
            return Place(self._begun[key])
        if (known := self.cursors.get(key)) is not None:
            return Place(known)
        begun = self.cursors.get(start)
        if begun is None and self._dry_run:
            return Place(log.state().seq, f"{target.label} is new: it is told what happens from now on")
        begun = begun if begun is not None else self.cursors.begin(start, now())
        if begun is None and own:
            return Place(own - 1)
        if begun is None:
            raise StoreError(
                "what was told can't be kept",
                where=self._session.cache,
                hint="Set $MODELVER_CACHE to a folder of your own, or say --since.",
            )
        place = Place(last_before(log, begun))
        if not self._dry_run:
            self.cursors.begin(key, place.seq)
        return place


def not_read(target: Target, name: ModelName, error: ModelverError) -> Notified:
    """Return what a round came to where a log could not be read."""
    return Notified(notes=(f"{name} could not be read for {target.label}: {error}",), unread=True)


def _goes_on(log: LogReader, seq: int) -> bool:
    """Tell whether there is a commit after another: one request."""
    try:
        log.commit(seq + 1)
    except NotFound:
        return False
    return True


def last_before(log: LogReader, micros: int) -> int:
    """Return the number of the last commit before a time; 0 where there is none. Times only grow along a log."""
    low, high = 0, log.state().seq
    while low < high:
        middle = (low + high + 1) // 2
        if _micros(log.commit(middle)[0].at) < micros:
            low = middle
        else:
            high = middle - 1
    return low


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)


def merged(parts: Iterator[Notified], targets: tuple[Target, ...]) -> Notified:
    """Return one value of what several rounds came to."""
    found = list(parts)
    return Notified(
        tuple(each for part in found for each in part.deliveries),
        tuple(dict.fromkeys(note for part in found for note in part.notes)),
        tuple(target.label for target in targets),
        unread=any(part.unread for part in found),
    )
