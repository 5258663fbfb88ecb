"""Appending to one log: create the next commit exclusively, or read on and propose again."""

import hashlib
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from modelver.cache.heads import HeadMemory
from modelver.errors import (
    AlreadyExists,
    CommitUnknown,
    Conflict,
    InvalidValue,
    LimitExceeded,
    LogTampered,
    ModelverError,
    StoreError,
)
from modelver.history.checkpoint import encode_checkpoint
from modelver.history.commit import (
    MAX_COMMIT,
    CheckpointDigest,
    Commit,
    commit_digest,
    decode_commit,
    encode_commit,
)
from modelver.history.event import Event
from modelver.history.fold import RANDOM_ID, replay
from modelver.history.state import State
from modelver.log.place import LogPlace
from modelver.log.read import LogReader
from modelver.storage.failures import told_remembered
from modelver.storage.layout import numbered_key
from modelver.storage.lock import advisory_lock
from modelver.storage.store import Store

_TICK = timedelta(microseconds=1)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_PATIENCE = 60.0
_LOCK_PATIENCE = 10.0
_FIRST_WAIT = 0.01
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
        self._vouched: CheckpointDigest | None = None

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
            InvalidValue: The events are such that no reader would accept them; nothing was written.
            Offline: The store can't be reached: even that nothing has to be written is not known then.
        """
        check_commit_id(commit_id)
        identity = commit_id or RANDOM_ID + uuid.uuid4().hex
        waits = _waits()
        with advisory_lock(self._lock, timeout=_LOCK_PATIENCE) if self._lock else nullcontext():
            deadline = time.monotonic() + _PATIENCE
            while True:
                recalls = self._recalls
                state = self.state()
                if found := state.commit_ids.get(identity):
                    return Appended(state, found, written=False)
                _check_writable(state)
                proposal = propose(state)
                if not proposal.events:
                    self._check_reached(recalls)
                    return Appended(state, 0, written=False)
                if after := self._write(state, proposal, by, identity):
                    return Appended(after, after.seq, written=True)
                if time.monotonic() > deadline:
                    raise Conflict(
                        "other writers were faster for a minute",
                        where=self.place.log,
                        hint="Try again later.",
                    )
                time.sleep(next(waits))

    def _check_reached(self, recalls: int) -> None:
        """Refuse to call something done by what this machine remembers, which may be old."""
        if self._recalls != recalls:
            where = f"{self._store.url}/{self.place.log}"
            raise told_remembered(where, "Nothing was written. Try again when it can be reached.")

    def _write(self, state: State, proposal: Proposal, by: str, identity: str) -> State | None:
        """Store a proposal as the next commit; return the state after it, or None where another writer won."""
        key = numbered_key(self.place.log, state.seq + 1)
        clock = datetime.now(UTC)
        if state.at is not None and state.at >= _LATEST:
            raise LogTampered(
                "the log's time is past the year 9998",
                where=key,
                found=state.at.isoformat(),
                hint="Restore the log from a copy of the registry.",
            )
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
                checkpoint=self._make_checkpoint(state),
            )
        )
        after = _read_back(state, data, key)
        for blob, content in proposal.blobs.items():
            self._store.put_blob(blob, content)
        try:
            self._store.put_new(key, data)
        except AlreadyExists:
            if not self._is_stored(key, data, identity):
                return None
        except CommitUnknown as error:
            raise _unknown(key, identity) from error
        self._advance(after)
        return after

    def _is_stored(self, key: str, data: bytes, identity: str) -> bool:
        """Tell a lost race from a lost reply: "exists" may speak of our own first try."""
        try:
            return self._store.get(key, limit=MAX_COMMIT) == data
        except ModelverError as error:
            raise _unknown(key, identity) from error

    def _make_checkpoint(self, state: State) -> CheckpointDigest | None:
        """Write a checkpoint when the tail has grown long, for the next commit to vouch for; failing hurts nobody."""
        if self._vouched is None and state.seq - self._checkpoint > max(_MIN_TAIL, state.seq // 10):
            try:
                data = encode_checkpoint(state)
                self._store.put_new(numbered_key(self.place.checkpoints, state.seq), data)
            except (AlreadyExists, CommitUnknown, LimitExceeded, StoreError):
                self._checkpoint = state.seq  # not again with every commit
            else:
                self._vouched = CheckpointDigest(state.seq, hashlib.sha256(data).hexdigest())
        return self._vouched

    def _advance(self, state: State) -> None:
        """Go on from the state after a commit of our own."""
        self._remember(state)
        self._state = state
        vouched = self._vouched  # another thread may have taken it by the next line
        if vouched is not None:
            self._checkpoint, self._vouched = vouched.seq, None


def _waits() -> Iterator[float]:
    """Yield how many seconds to wait before each further try: exponential backoff with full jitter."""
    longest = _FIRST_WAIT
    while True:
        yield random.uniform(0, longest)  # noqa: S311 (no secret)
        longest = min(2 * longest, _LONGEST_WAIT)


def _check_writable(state: State) -> None:
    if state.write_blocked:
        raise InvalidValue(
            "a newer modelver wrote to this log; this one may only read it",
            where=f"event {state.write_blocked!r}",
            hint="Upgrade modelver.",
        )


def _read_back(state: State, data: bytes, key: str) -> State:
    """Return the state that readers will see after a commit, before it is written: log entries can't be mended.

    Raises:
        InvalidValue: No reader would accept it.
    """
    try:
        return replay(state, [(decode_commit(data, what=key), commit_digest(data))])
    except (InvalidValue, LogTampered) as error:
        raise InvalidValue(
            "these events can't follow what the log says", where=key, found=str(error)
        ) from error


def _unknown(key: str, identity: str) -> CommitUnknown:
    resume = "Look at the log before you try again; a commit_id of your own makes repeating safe."
    if not identity.startswith(RANDOM_ID):
        resume = "Repeat the call with the same commit_id."
    return CommitUnknown(
        "it is not known whether the commit was written",
        where=key,
        found=f"commit id {identity}",
        hint=f"Nothing was cleaned up. {resume}",
    )


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
