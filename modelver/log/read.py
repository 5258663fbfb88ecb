"""Reading one log: the newest checkpoint, then the commits after it, each checked against the one before."""

from collections.abc import Iterator, Mapping

import attrs

from modelver.cache.heads import HeadMemory
from modelver.errors import Corrupt, InvalidValue, LogTampered, ModelverError, NotFound, RollbackDetected
from modelver.history.checkpoint import MAX_CHECKPOINT, decode_checkpoint
from modelver.history.commit import MAX_COMMIT, Commit, check_link, commit_digest, decode_commit
from modelver.history.fold import replay
from modelver.history.state import State
from modelver.storage.layout import number_of, numbered_key
from modelver.storage.store import Store


@attrs.frozen
class LogPlace:
    """Which log this is.

    Attributes:
        prefix: The folder that holds ``log/`` and ``checkpoints/``.
        registry: The registry's id.
        model: The model's folder, or empty for the registry's own log.
        root: SHA-256 of ``modelver.json``, the parent of commit 1.
    """

    prefix: str
    registry: str
    model: str
    root: str

    @property
    def log(self) -> str:
        """The folder of the commits."""
        return f"{self.prefix}/log"

    @property
    def checkpoints(self) -> str:
        """The folder of the checkpoints."""
        return f"{self.prefix}/checkpoints"

    @property
    def label(self) -> str:
        """The log's name in the head memory."""
        return self.model or "."


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

    def state(self) -> State:
        """Return the state at the head: one request where nothing has happened since the last call.

        Raises:
            LogTampered: A commit or the chain does not match.
            RollbackDetected: This machine saw more of the log, or another log, before.
        """
        # What was seen is asked for first: meanwhile another process may see more than is read here.
        seen = self._heads.seen(self.place.registry, self.place.label)
        start = self._cold() if self._state is None else self._state
        listed = self._listed(start.seq) if self._state is None else 0
        commits = list(self._follow(start.seq, start.head))
        state = replay(start, commits)
        self._check_end(state, listed)
        digests = {start.seq: start.head} | {commit.seq: digest for commit, digest in commits}
        self._check_memory(state, digests, seen)
        self._state = state
        return state

    def check(self) -> tuple[State, ModelverError | None]:
        """Replay from commit 1, without checkpoints; return how far that went, and what was wrong, if anything."""
        seen = self._heads.seen(self.place.registry, self.place.label)
        listed = self._listed(0)
        state = State(seq=0, head=self.place.root)
        digests = {0: state.head}
        try:
            for commit in self.commits():
                state = replay(state, [commit])
                digests[state.seq] = state.head
            self._check_end(state, listed)
            self._check_memory(state, digests, seen)
        except ModelverError as error:
            return state, error
        return state, None

    def commit(self, seq: int) -> tuple[Commit, str]:
        """Return one commit and its digest; it is checked by itself, not against the chain.

        Raises:
            NotFound: The log is shorter.
            LogTampered: Its bytes do not match, or it belongs elsewhere.
        """
        key = numbered_key(self.place.log, seq)
        data = self._store.get(key, limit=MAX_COMMIT)
        commit = decode_commit(data, what=key)
        check_link(
            commit,
            registry=self.place.registry,
            model=self.place.model,
            seq=seq,
            parent=commit.parent,
            what=key,
        )
        return commit, commit_digest(data)

    def commits(self) -> Iterator[tuple[Commit, str]]:
        """Yield every commit from number 1 with its digest, the chain checked."""
        return self._follow(0, self.place.root)

    def _cold(self) -> State:
        """Return the newest checkpoint's state, or the empty one."""
        empty = State(seq=0, head=self.place.root)
        entries = [entry.key for entry in self._store.list(self.place.checkpoints)]
        for key in sorted((key for key in entries if number_of(key)), reverse=True)[:2]:
            if state := self._read_checkpoint(key):
                self._checkpoint = state.seq
                return state
        return empty

    def _listed(self, seq: int) -> int:
        """Return the highest number in the log's folder, so that a hole is not taken for the end."""
        entries = self._store.list(self.place.log, after=numbered_key(self.place.log, seq))
        return max((number_of(entry.key) or 0 for entry in entries), default=0)

    def _read_checkpoint(self, key: str) -> State | None:
        """Read a checkpoint; a damaged one is passed over, for it can be made again from the log."""
        try:
            state = decode_checkpoint(self._store.get(key, limit=MAX_CHECKPOINT), what=key)
            if state is None or state.seq != number_of(key):
                return None
            commit, digest = self.commit(state.seq)
        except (Corrupt, InvalidValue, NotFound):
            return None
        return state if digest == state.head and commit.at == state.at else None

    def _follow(self, seq: int, head: str) -> Iterator[tuple[Commit, str]]:
        """Yield the commits after a known one, each checked against the one before."""
        while True:
            key = numbered_key(self.place.log, seq + 1)
            try:
                data = self._store.get(key, limit=MAX_COMMIT)
            except NotFound:
                break
            commit = decode_commit(data, what=key)
            check_link(
                commit,
                registry=self.place.registry,
                model=self.place.model,
                seq=seq + 1,
                parent=head,
                what=key,
            )
            seq, head = seq + 1, commit_digest(data)
            yield commit, head

    def _check_end(self, state: State, listed: int) -> None:
        """Refuse a log that stops before its last listed commit."""
        if listed > state.seq:
            raise LogTampered(
                "a commit is missing from the log",
                where=numbered_key(self.place.log, state.seq + 1),
                found=f"commits up to {listed}",
                hint="Restore it from a copy of the registry.",
            )

    def _check_memory(self, state: State, digests: Mapping[int, str], seen: tuple[int, str] | None) -> None:
        """Compare the log with what this machine saw of it before, and remember the head."""
        if seen is not None:
            number, digest = seen
            found = digests.get(number)
            if found is None and 0 < number < state.seq:
                found = self.commit(number)[1]
            if number > state.seq or found != digest:
                raise RollbackDetected(
                    "the log is not the one that this machine saw before",
                    where=f"{self._store.url}/{self.place.log}",
                    expected=f"commit {number} to be {digest[:12]}",
                    found=f"{found[:12]}" if found else f"a log of {state.seq} commits",
                    hint="Someone cut or rewrote the log, or restored an old copy. Compare it with another copy.",
                )
        if state.seq and (seen is None or seen[0] < state.seq):
            self._heads.remember(self.place.registry, self.place.label, state.seq, state.head)
