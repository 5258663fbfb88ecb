"""Logs in stores, for tests: opening one, filling it, and stores that fail on demand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelver.cache.heads import HeadMemory
from modelver.errors import ModelverError, StoreError
from modelver.history.event import Event, ModelCreated, Registered
from modelver.history.state import State
from modelver.log import Log, LogPlace, Proposal
from modelver.storage.store import Store
from modelver.values.name import ModelName
from tests.histories import MODEL, REGISTRY, ROOT, manifest_digest

PLACE = LogPlace(f"models/{MODEL}", REGISTRY, MODEL, ROOT)
Propose = Callable[[State], Proposal]


def open_log(store: Store, heads: HeadMemory, lock: Path | None = None) -> Log:
    """Open the log as a new process does: it knows nothing but what this machine remembers."""
    return Log(store, PLACE, heads, lock)


def proposing(*events: Event, message: str = "") -> Propose:
    """Propose these events, whatever the state is."""
    return lambda _: Proposal(events, message)


CREATE = proposing(ModelCreated(ModelName(MODEL), "semver"))


def next_version(state: State) -> Proposal:
    """Propose the version that has the number of the commit; the first commit makes the model."""
    if state.model is None:
        return CREATE(state)
    version = f"{state.seq + 1}.0.0"
    return Proposal((Registered(version, manifest_digest(version)),))


def fill(log: Log, count: int) -> None:
    """Append so many commits: the model, then versions."""
    for _ in range(count):
        log.append(next_version, by="ci@acme.io")


class Wrapped:
    """A store that passes everything on to another one; subclasses break a verb."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


class Watched(Wrapped):
    """Notes which objects are read and written.

    Attributes:
        read: Keys of objects that were asked for.
        written: Keys of objects that were to be created.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.read: list[str] = []
        self.written: list[str] = []

    def get(self, key: str, *, limit: int) -> bytes:
        """Read an object."""
        self.read.append(key)
        return self.store.get(key, limit=limit)

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object."""
        self.written.append(key)
        self.store.put_new(key, data)


class Failing(Wrapped):
    """Fails when it creates an object, in one of the ways that networks have, as long as it is told to.

    Attributes:
        error: What `put_new` raises; None while it works.
        writes: Whether the object is created all the same.
        blind: Whether reading fails too.
        only: Keys must hold this text to fail.
    """

    def __init__(
        self, store: Store, error: ModelverError | None, *, writes: bool, only: str = "/log/"
    ) -> None:
        super().__init__(store)
        self.error = error
        self.writes = writes
        self.blind = False
        self.only = only

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object, or fail to say whether it was."""
        if self.error is None or self.only not in key:
            self.store.put_new(key, data)
            return
        if self.writes:
            self.store.put_new(key, data)
        raise self.error

    def get(self, key: str, *, limit: int) -> bytes:
        """Read an object, unless the network is gone."""
        if self.blind and self._was_written(key):
            raise StoreError("the network is gone", where=key)
        return self.store.get(key, limit=limit)

    def _was_written(self, key: str) -> bool:
        try:
            self.store.size(key)
        except ModelverError:
            return False
        return True


class Intruded(Wrapped):
    """Lets somebody else write just before each object is created, so many times.

    Attributes:
        intrude: What the other writer does.
        times: How often it is still faster.
    """

    def __init__(self, store: Store, intrude: Callable[[], None], times: int = 1) -> None:
        super().__init__(store)
        self.intrude = intrude
        self.times = times

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object, after somebody else did."""
        if self.times > 0:
            self.times -= 1
            self.intrude()
        self.store.put_new(key, data)
