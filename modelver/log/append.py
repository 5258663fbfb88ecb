"""Appending to one log: create the next commit exclusively, or read on and propose again."""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from modelver.cache.heads import HeadMemory
from modelver.errors import (
    AlreadyExists,
    CommitUnknown,
    Conflict,
    InvalidValue,
    ModelverError,
    StoreError,
)
from modelver.history.checkpoint import encode_checkpoint
from modelver.history.commit import (
    MAX_COMMIT,
    Commit,
    encode_commit,
)
from modelver.history.event import Event
from modelver.history.fold import RANDOM_ID
from modelver.history.state import State
from modelver.log.read import LogPlace, LogReader
from modelver.storage.layout import number_of, numbered_key
from modelver.storage.lock import advisory_lock
from modelver.storage.store import Store

_TICK = timedelta(microseconds=1)
_PATIENCE = 60.0
_LONGEST_WAIT = 1.0
_MIN_TAIL = 64


@attrs.frozen
class Proposal:
    """What a writer wants to be true.

    Attributes:
        events: The facts, in order; none means that nothing is to be written.
        message: Why.
        blobs: Small objects that must be stored before the commit, by key.
    """

    events: tuple[Event, ...]
    message: str = ""
    blobs: Mapping[str, bytes] = attrs.field(factory=dict)


@attrs.frozen
class Appended:
    """How an append ended.

    Attributes:
        state: The state that holds the events.
        seq: The commit that holds them; 0 where nothing had to be written.
        written: Whether this call wrote it; False where an earlier call with the same ``commit_id`` had.
    """

    state: State
    seq: int
    written: bool


class Log(LogReader):
    """One log in a store, to read and to append to.

    Args:
        store: Where it is.
        place: Which it is.
        heads: What this machine saw of it before.
        lock: A file that writers on this host lock first, to spare the store; None does without.
    """

    def __init__(self, store: Store, place: LogPlace, heads: HeadMemory, lock: Path | None) -> None:
        super().__init__(store, place, heads)
        self._lock = lock

    def append(
        self, propose: Callable[[State], Proposal], *, by: str, commit_id: str | None = None
    ) -> Appended:
        """Write what `propose` gives for the newest state; propose again when somebody else was faster.

        Args:
            propose: Gives the events for a state, or raises to refuse; it may be called several times.
            by: Who writes.
            commit_id: The caller's own id for this write: repeating it finds the first write and changes nothing.

        Raises:
            Conflict: Others kept winning for a minute.
            CommitUnknown: The outcome is not known; nothing was cleaned up, and the same commit_id resumes.
        """
        check_commit_id(commit_id)
        identity = commit_id or RANDOM_ID + uuid.uuid4().hex
        deadline = time.monotonic() + _PATIENCE
        wait = 0.01
        with advisory_lock(self._lock, timeout=_PATIENCE):
            while True:
                state = self.state()
                if found := state.commit_ids.get(identity):
                    return Appended(state, found, written=False)
                if state.write_blocked:
                    raise InvalidValue(
                        "a newer modelver wrote to this log; this one may only read it",
                        where=f"event {state.write_blocked}",
                        hint="Upgrade modelver.",
                    )
                proposal = propose(state)
                if not proposal.events:
                    return Appended(state, 0, written=False)
                if self._write(state, proposal, by, identity):
                    return Appended(self.state(), state.seq + 1, written=True)
                if time.monotonic() > deadline:
                    raise Conflict(
                        "other writers were faster for a minute",
                        where=self.place.log,
                        hint="Try again later.",
                    )
                time.sleep(random.uniform(0, wait))  # noqa: S311 (full jitter, no secret)
                wait = min(2 * wait, _LONGEST_WAIT)

    def _write(self, state: State, proposal: Proposal, by: str, identity: str) -> bool:
        """Store a proposal as the next commit; tell whether it won."""
        for key, data in proposal.blobs.items():
            self._store.put_blob(key, data)
        clock = datetime.now(UTC)
        data = encode_commit(
            Commit(
                registry=self.place.registry,
                model=self.place.model,
                seq=state.seq + 1,
                parent=state.head,
                id=identity,
                at=clock if state.at is None else max(clock, state.at + _TICK),
                clock=clock,
                by=by,
                events=proposal.events,
                message=proposal.message,
            )
        )
        key = numbered_key(self.place.log, state.seq + 1)
        try:
            self._store.put_new(key, data)
        except AlreadyExists:
            return self._is_mine(key, data, identity)
        except CommitUnknown as error:
            raise self._unknown(key, identity) from error
        self._write_checkpoint()
        return True

    def _is_mine(self, key: str, data: bytes, identity: str) -> bool:
        """Tell a lost race from a lost reply: "exists" may speak of our own first try."""
        try:
            return self._store.get(key, limit=MAX_COMMIT) == data
        except ModelverError as error:
            raise self._unknown(key, identity) from error

    def _unknown(self, key: str, identity: str) -> CommitUnknown:
        return CommitUnknown(
            "it is not known whether the commit was written",
            where=key,
            found=f"commit id {identity}",
            hint="Nothing was cleaned up. Repeat the call with the same commit_id, or look at the log.",
        )

    def _write_checkpoint(self) -> None:
        """Write a checkpoint when the tail has grown long; its failure hurts nobody."""
        state = self.state()
        due = max(_MIN_TAIL, state.seq // 10)
        if state.seq - self._checkpoint <= due:
            return
        try:
            entries = [number_of(entry.key) or 0 for entry in self._store.list(self.place.checkpoints)]
            self._checkpoint = max(entries, default=0)
            if state.seq - self._checkpoint > due:
                self._store.put_new(numbered_key(self.place.checkpoints, state.seq), encode_checkpoint(state))
                self._checkpoint = state.seq
        except (AlreadyExists, StoreError, CommitUnknown):
            return


def check_commit_id(commit_id: str | None) -> None:
    """Refuse ids that a caller must not use.

    Raises:
        InvalidValue: It is empty, too long, not printable, or could be one of our random ones.
    """
    if commit_id is None:
        return
    if not 0 < len(commit_id) <= 200 or not commit_id.isprintable() or commit_id.startswith(RANDOM_ID):  # noqa: PLR2004
        raise InvalidValue(
            "not a usable commit_id",
            where=repr(commit_id)[:80],
            expected=f"1 to 200 printable characters, not beginning with {RANDOM_ID}",
        )
