"""Reading one log: the newest checkpoint, then the commits after it, each checked against the one before."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from modelver.cache.heads import HeadMemory
from modelver.errors import Corrupt, InvalidValue, LogTampered, ModelverError, NotFound, RollbackDetected
from modelver.history.checkpoint import MAX_CHECKPOINT, decode_checkpoint
from modelver.history.commit import (
    MAX_COMMIT,
    Commit,
    check_link,
    commit_digest,
    decode_commit,
)
from modelver.history.fold import replay
from modelver.history.state import State
from modelver.log.place import LogPlace
from modelver.storage.ahead import read_ahead
from modelver.storage.cached import CachedStore
from modelver.storage.failures import told_remembered
from modelver.storage.layout import number_of, numbered_key
from modelver.storage.store import Store

_TRIED_CHECKPOINTS = 2
_RECENT = 15
"""Commits of the chain that are kept, since a registration asks for the last ones again."""

CONFIRM_SECONDS = 300.0
"""After that long a known head is read again: a process that lives for months may be shown another log meanwhile."""


def recalls_of(store: Store) -> int:
    """Return how often this machine's memory answered for a store, which other threads may have reached since."""
    return store.recalls if isinstance(store, CachedStore) else 0


class LogReader:
    """One log in a store.

    Args:
        store: Where it is.
        place: Which it is.
        heads: What this machine saw of it before.
    """

    def __init__(self, store: Store, place: LogPlace, heads: HeadMemory) -> None:
        self._store = store
        self.place = place
        self._heads = heads
        self._state: State | None = None
        self._checkpoint = 0
        self._confirmed = 0.0
        self._recent: dict[int, tuple[Commit, str]] = {}

    def state(self) -> State:
        """Return the state at the head: one request where nothing has happened since the last call, now and then two.

        Raises:
            LogTampered: A commit or the chain does not match.
            RollbackDetected: This machine saw more of the log, or another log, before.
        """
        # What was seen is asked for first: meanwhile another process may see more than is read here.
        seen, recalls = self._seen(), self._recalls
        known = self._state  # another thread may read on meanwhile
        if known is None:
            start, commits = self._cold()
            self._checkpoint = start.seq
            self._confirmed = 0.0 if self._recalls != recalls else time.monotonic()
        else:
            self._confirm(known)
            start, commits = known, list(self._follow(known.seq, known.head))
            made = [commit.checkpoint.seq for commit, _ in commits if commit.checkpoint]
            self._checkpoint = max([self._checkpoint, *made])
        state = replay(start, commits)
        self._check_memory(state, _digests(start, commits), seen, recalls)
        self._state = state
        return state

    def check(self) -> tuple[State, ModelverError | None]:
        """Replay from commit 1, without checkpoints; return how far that went, and what was wrong, if anything."""
        seen, recalls = self._seen(), self._recalls
        start = State(seq=0, head=self.place.root)
        commits: list[tuple[Commit, str]] = []
        fault: ModelverError | None = None
        try:
            for commit in self._until_last_listed(start):
                commits.append(commit)  # noqa: PERF402 (those before the fault are kept)
        except ModelverError as error:
            fault = error
        state, contradiction = _as_far_as_possible(start, commits)
        if fault is None and contradiction is None:
            try:
                self._check_memory(state, _digests(start, commits), seen, recalls)
            except ModelverError as error:
                fault = error
        return state, contradiction or fault

    def commit(self, seq: int) -> tuple[Commit, str]:
        """Return one commit and its digest; it is checked by itself, not against the chain.

        Raises:
            NotFound: The log is shorter.
            LogTampered: Its bytes do not match, or it belongs elsewhere.
        """
        return self._recent.get(seq) or self._read(seq, parent=None)

    def commits(self) -> Iterator[tuple[Commit, str]]:
        """Yield every commit from number 1 with its digest, the chain checked."""
        return self._until_last_listed(State(seq=0, head=self.place.root))

    def _cold(self) -> tuple[State, list[tuple[Commit, str]]]:
        """Return the newest checkpoint's state, or the empty one, and the commits after it."""
        numbers = sorted(self._numbers(self.place.checkpoints), reverse=True)
        for number in numbers[:_TRIED_CHECKPOINTS]:
            if found := self._from_checkpoint(number):
                return found
        start = State(seq=0, head=self.place.root)
        return start, list(self._until_last_listed(start))

    def _from_checkpoint(self, number: int) -> tuple[State, list[tuple[Commit, str]]] | None:
        """Return a checkpoint's state and the commits after it, or None unless one of these vouches for it.

        One that is damaged, or not in the chain, is passed over, for it can be made again from the log.
        """
        key = numbered_key(self.place.checkpoints, number)
        try:
            data = self._store.get(key, limit=MAX_CHECKPOINT)
            state = decode_checkpoint(data, what=key)
            if state is None or state.seq != number:
                return None
            commits = list(self._until_last_listed(state))
        except (Corrupt, InvalidValue, NotFound):
            return None
        vouched = {(named.seq, named.sha256) for commit, _ in commits if (named := commit.checkpoint)}
        return (state, commits) if (number, hashlib.sha256(data).hexdigest()) in vouched else None

    def _numbers(self, prefix: str, *, after: int = 0) -> Iterator[int]:
        """Yield the numbers of the objects in a folder, from the one after a number on."""
        for entry in self._store.list(prefix, after=numbered_key(prefix, after)):
            number = number_of(entry.key)
            if number is not None and entry.key == numbered_key(prefix, number):
                yield number

    def _until_last_listed(self, start: State) -> Iterator[tuple[Commit, str]]:
        """Yield the commits after a state; refuse a log that stops before the last commit in its folder."""
        listed = max(self._numbers(self.place.log, after=start.seq), default=0)
        keys = (numbered_key(self.place.log, seq) for seq in range(start.seq + 1, listed + 1))
        seq, head = start.seq, start.head
        with suppress(NotFound):
            for data in read_ahead(self._store, keys, limit=MAX_COMMIT):
                commit, head = self._checked(data, seq + 1, parent=head)
                seq = commit.seq
                yield commit, head
        yield from self._follow(seq, head, listed)

    def _follow(self, seq: int, head: str, listed: int = 0) -> Iterator[tuple[Commit, str]]:
        """Yield the commits after a known one, each checked against the one before, up to the last one listed at least."""
        while True:
            recalls = self._recalls
            try:
                commit, head = self._read(seq + 1, parent=head)
            except NotFound:
                if self._recalls != recalls:  # it is not among what this machine remembers
                    if self._is_last_known():
                        return
                    continue  # another thread has reached the store since
                if listed <= seq:
                    return
                raise LogTampered(
                    "a commit is missing from the log",
                    where=numbered_key(self.place.log, seq + 1),
                    found=f"commits up to {listed}",
                    hint="Restore it from a copy of the registry.",
                ) from None
            seq += 1
            yield commit, head

    def _read(self, seq: int, *, parent: str | None) -> tuple[Commit, str]:
        """Read a commit; see `_checked`."""
        data = self._store.get(numbered_key(self.place.log, seq), limit=MAX_COMMIT)
        return self._checked(data, seq, parent=parent)

    def _checked(self, data: bytes, seq: int, *, parent: str | None) -> tuple[Commit, str]:
        """Decode a commit, and check its place and, where one is given, its parent; return it and its digest."""
        key = numbered_key(self.place.log, seq)
        commit = decode_commit(data, what=key)
        check_link(
            commit,
            registry=self.place.registry,
            model=self.place.model,
            seq=seq,
            parent=commit.parent if parent is None else parent,
            what=key,
        )
        found = commit, commit_digest(data)
        if parent is not None:
            self._recent = {**dict(list(self._recent.items())[-_RECENT:]), seq: found}
        return found

    def _is_last_known(self) -> bool:
        """Tell whether what is read now is only as new as when the store was last reached."""
        return isinstance(self._store, CachedStore) and self._store.stale_since is not None

    @property
    def _recalls(self) -> int:
        return recalls_of(self._store)

    def _seen(self) -> tuple[int, str] | None:
        """Return number and digest of the highest commit that this machine saw."""
        return self._heads.seen(self.place.registry, self.place.label)

    def _check_memory(
        self, state: State, digests: Mapping[int, str], seen: tuple[int, str] | None, recalls: int
    ) -> None:
        """Compare the log with what this machine saw of it before, and remember the head.

        Args:
            state: What was read.
            digests: Digests of commits that were read, by number.
            seen: What was seen before this reading began.
            recalls: How often this machine's memory had answered by then.
        """
        if seen is not None and not (seen[0] > state.seq and self._recalls != recalls):
            # Else it is older than what was seen by another way, as everybody is told.
            self._check_seen(*seen, state, digests)
        if state.seq and (seen is None or seen[0] < state.seq):
            self._remember(state)

    def _confirm(self, known: State) -> None:
        """Look, once in a while, whether the log still has the head that is known; what is remembered confirms nothing."""
        if not known.seq or time.monotonic() < self._confirmed + CONFIRM_SECONDS:
            return
        found, recalls = "", self._recalls
        with suppress(NotFound):
            found = self._read(known.seq, parent=None)[1]
        remembered = self._recalls != recalls
        if found != known.head and (found or not remembered):
            raise self._another_log(known.seq, known.head, found[:12] or f"no commit {known.seq}")
        if not remembered:
            self._confirmed = time.monotonic()

    def _remember(self, state: State) -> None:
        """Remember a head; another one under its number was seen meanwhile if the log was forked."""
        known = self._heads.remember(self.place.registry, self.place.label, state.seq, state.head)
        if known[0] == state.seq:
            self._check_seen(*known, state, {state.seq: state.head})

    def _check_seen(self, number: int, digest: str, state: State, digests: Mapping[int, str]) -> None:
        found, recalls = digests.get(number), self._recalls
        if found is None and 0 < number < state.seq:
            with suppress(NotFound):
                found = self.commit(number)[1]
        if found is None and self._recalls != recalls:
            where = f"{self._store.url}/{numbered_key(self.place.log, number)}"
            raise told_remembered(where, "Try again when it can be reached.")
        if found != digest:
            raise self._another_log(number, digest, found[:12] if found else f"a log of {state.seq} commits")

    def _another_log(self, number: int, digest: str, found: str) -> RollbackDetected:
        return RollbackDetected(
            "the log is not the one that this machine saw before",
            where=f"{self._store.url}/{self.place.log}",
            expected=f"commit {number} to be {digest[:12]}",
            found=found,
            hint="Someone cut or rewrote the log, or restored an old copy. Compare it with another copy.",
        )


def _digests(start: State, commits: list[tuple[Commit, str]]) -> dict[int, str]:
    return {start.seq: start.head} | {commit.seq: digest for commit, digest in commits}


def _as_far_as_possible(
    state: State, commits: list[tuple[Commit, str]]
) -> tuple[State, ModelverError | None]:
    """Replay commits up to the first one that contradicts those before it."""
    try:
        return replay(state, commits), None
    except ModelverError as fault:
        with suppress(ModelverError):
            for commit in commits:
                state = replay(state, [commit])
        return state, fault
