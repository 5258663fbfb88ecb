"""Telling people of commits: once, right after them, in the background; the rest is left to ``modelver notify``."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelver.history.state import State
from modelver.log import Appended, Proposal
from modelver.notify.background import background
from modelver.notify.delivery import AT_ONCE
from modelver.notify.happening import kind_of
from modelver.notify.target import Target
from modelver.registry.base.session import Session
from modelver.registry.notices.announcing import Announcer, now, place_key, start_key
from modelver.values.name import ModelName

_LOGGER = logging.getLogger("modelver")


class Teller:
    """Sees a session's commits, and has people told of them.

    Args:
        session: The session.
        targets: Who is to be told.
    """

    def __init__(self, session: Session, targets: tuple[Target, ...]) -> None:
        self._session = session
        self._targets = targets
        self._announcer = Announcer(session, AT_ONCE)
        self._begun: set[tuple[str, str]] = set()

    def watch(self, name: ModelName, propose: Callable[[State], Proposal]) -> "Watched":
        """Return a proposal that notes, before anything is written, where each recipient's place in the log is.

        A process that is killed right after its commit has then told nobody, but ``modelver notify`` knows of it.
        """
        return Watched(self, name, propose)

    def begin(self, name: ModelName, state: State) -> None:
        """Note where the recipients begin that were never told anything of this registry."""
        cursors = self._announcer.cursors
        for target in self._following(name):
            if (target.key, name.folder) in self._begun:
                continue
            start = start_key(self._session, target)
            if cursors.get(start) is None:
                cursors.begin(place_key(self._session, target, name), state.seq)
                cursors.begin(start, now())
            # Not before it is so: another thread relies on it, and its commit may be written first.
            self._begun.add((target.key, name.folder))

    def committed(self, name: ModelName, appended: Appended, proposal: Proposal | None) -> None:
        """Have people told of a commit, if there is something to tell."""
        with _told_if_it_fails():
            self._committed(name, appended, proposal)

    def _committed(self, name: ModelName, appended: Appended, proposal: Proposal | None) -> None:
        if not appended.seq:
            return
        earlier = not appended.written or proposal is None  # a call before this one wrote it
        kinds = {kind_of(event) for event in proposal.events} if proposal else set()
        for target in self._following(name):
            if not earlier and not kinds.intersection(target.events):
                self._pass_over(name, target, appended.seq)
            elif target.at_once:
                self._submit(name, target, appended.seq)

    def _pass_over(self, name: ModelName, target: Target, seq: int) -> None:
        """Move a recipient's place over a commit that says nothing to it, if it is the next one."""
        key = place_key(self._session, target, name)
        if self._announcer.cursors.get(key) == seq - 1:
            self._announcer.cursors.advance(key, seq)

    def _following(self, name: ModelName) -> list[Target]:
        return [target for target in self._targets if target.follows(str(name))]

    def _submit(self, name: ModelName, target: Target, seq: int) -> None:
        lane = (self._session.identity.registry, target.key)
        if not background().submit(lane, name.folder, lambda: self._tell(name, target, seq)):
            _LOGGER.warning(
                "%s is told of %s later: too much waits; `modelver notify` goes on", target.label, name
            )

    def _tell(self, name: ModelName, target: Target, seq: int) -> None:
        """Deliver what is pending, and tell the logger how that went."""
        found = self._announcer.announce(target, name, own=seq)
        for each in found.deliveries:
            level = logging.INFO if each.outcome == "delivered" else logging.WARNING
            later = "; `modelver notify` tries again" if each.outcome == "pending" else ""
            _LOGGER.log(level, "%s%s", each, later)
        for note in found.notes:
            _LOGGER.warning("%s: %s", target.label, note)


@contextmanager
def _told_if_it_fails() -> Iterator[None]:
    """Let nothing that goes wrong with telling people get in the way of a commit."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever it is)
        _LOGGER.warning("people may not be told of a commit: %s", error)


class Watched:
    """A proposal that is watched; it remembers what was proposed last.

    Attributes:
        last: The last proposal; None where nothing was proposed.
    """

    def __init__(self, teller: Teller, name: ModelName, propose: Callable[[State], Proposal]) -> None:
        self._teller = teller
        self._name = name
        self._propose = propose
        self.last: Proposal | None = None

    def __call__(self, state: State) -> Proposal:
        """Propose; see `Log.append`."""
        self.last = self._propose(state)
        if self.last.events:
            with _told_if_it_fails():
                self._teller.begin(self._name, state)
        return self.last
