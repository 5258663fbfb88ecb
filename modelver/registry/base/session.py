"""What every operation of a registry needs: its store, its logs, the user's cache, and who acts."""

import difflib
import getpass
import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelver.cache.heads import HeadMemory
from modelver.cache.place import make_private
from modelver.cache.stamps import StampCache
from modelver.content.blob_cache import BlobCache
from modelver.content.keeping.keeper import Keeper
from modelver.content.keeping.limit import cache_limit
from modelver.errors import InvalidName, InvalidValue, NotFound, StoreError
from modelver.history.event import ModelCreated
from modelver.history.state import State
from modelver.log import Appended, Log, LogPlace, Proposal, check_clock
from modelver.log.read import LogReader
from modelver.registry.base.finding import caller_level
from modelver.registry.base.opening import Identity, make_identity, read_identity
from modelver.registry.base.probing import prove_once
from modelver.registry.notices.recipients import teller
from modelver.storage.cached import CachedStore
from modelver.storage.layout import MODELS, REGISTRY_FILE, REGISTRY_LOG, model_prefix
from modelver.storage.store import Store
from modelver.values.name import ModelName
from modelver.values.scheme import SEMVER, Scheme

if TYPE_CHECKING:
    from modelver.registry.notices.telling import Teller

ACTOR = "MODELVER_ACTOR"
MAX_ACTOR = 200


class Session:
    """A registry that was opened: nothing is read or made before it is needed.

    Args:
        store: Where the registry is.
        cache: The user's cache folder.
        actor: Who acts, as commits record it.
        create: Whether a missing registry may be made on the first write.
        storage_options: For sources and datasets that are URLs, by their scheme.
        cache_size: How large the cache may become; see `cache_limit`.
    """

    def __init__(
        self,
        store: Store,
        cache: Path,
        actor: str | None,
        *,
        create: bool,
        storage_options: Mapping[str, Mapping[str, object]],
        cache_size: int | str | None = None,
    ) -> None:
        self.store = store
        self.cache = cache
        self.actor = check_actor(actor)
        self.create = create
        self.storage_options = storage_options
        self.stamps = StampCache(self.cache)
        self.blobs = BlobCache(self.cache, self.stamps)
        self.keeper = Keeper(self.cache, cache_limit(cache_size, self.cache), self.stamps)
        self._heads = HeadMemory(self.cache, store.place)
        self._identity: Identity | None = None
        self._place_checked = False
        self._logs: dict[str, Log] = {}
        self._found_teller: tuple[Teller | None] | None = None

    @property
    def identity(self) -> Identity:
        """What ``modelver.json`` says.

        Raises:
            NotFound: There is no registry.
        """
        if self._identity is None:
            self._identity = read_identity(self.store)
        return self._identity

    @property
    def registry(self) -> str:
        """The registry's id; empty where there is none yet, but one may be made."""
        try:
            return self.identity.registry
        except NotFound:
            if self.create:
                return ""
            raise

    def open_for_writing(self) -> None:
        """Make the registry where it is missing and may be made; refuse a clock that is far off, and an unfit store."""
        if self._identity is None:
            try:
                self._identity = read_identity(self.store)
            except NotFound:
                if not self.create:
                    raise
                self._check_place()
                self._identity = make_identity(self.store)
        self._check_place()

    def _check_place(self) -> None:
        """See once, before anything is written, whether this machine and the store may work together."""
        if not self._place_checked:
            check_clock(self.store)
            # The first writer makes the cache, for itself alone, whatever its umask.
            with suppress(StoreError):
                make_private(self.cache)
            prove_once(self.store, self.cache)
            self._place_checked = True

    def before(self, name: ModelName) -> State:
        """Return a model's state, an empty one where there is no such model, or no registry but one may be made.

        Raises:
            NotFound: There is no registry, and none may be made.
        """
        try:
            _ = self.identity
        except NotFound:
            if self.create:
                return State(seq=0, head="")
            raise
        return self.log(name).state()

    @property
    def folder(self) -> Path | None:
        """The registry's folder, links resolved; None where it is not in the local file system."""
        founding = self.store.local_path(REGISTRY_FILE)
        return founding.parent.resolve() if founding else None

    @property
    def own_folders(self) -> tuple[Path, ...]:
        """The folders that are no source even where they lie in one: the registry and the cache, links resolved."""
        return tuple(folder for folder in (self.folder, self.cache.resolve()) if folder)

    def log(self, name: ModelName) -> Log:
        """Return a model's log, which may be empty."""
        return self._log(model_prefix(name.folder), name.folder)

    @property
    def registry_log(self) -> Log:
        """The registry's own log."""
        return self._log(REGISTRY_LOG.rpartition("/")[0], "")

    def passing_log(self, name: ModelName) -> LogReader:
        """Return a model's log for one who goes through all models: what was read of it is not kept."""
        return self._logs.get(name.folder) or LogReader(
            self.store, self._place(model_prefix(name.folder), name.folder), self._heads
        )

    def _place(self, prefix: str, model: str) -> LogPlace:
        return LogPlace(prefix, self.identity.registry, model, self.identity.root)

    def _log(self, prefix: str, model: str) -> Log:
        if model not in self._logs:
            place = self._place(prefix, model)
            lock = self.cache / "locks" / f"log-{self.identity.registry}-{model or 'registry'}"
            self._logs[model] = Log(self.store, place, self._heads, lock)
        return self._logs[model]

    def append(
        self,
        name: ModelName,
        propose: Callable[[State], Proposal],
        *,
        commit_id: str | None = None,
    ) -> Appended:
        """Append to a model's log, as the session's actor; see `Log.append`."""
        log = self.log(name)
        if self._teller is None:
            return log.append(propose, by=self.actor, commit_id=commit_id)
        watched = self._teller.watch(name, propose)
        appended = log.append(watched, by=self.actor, commit_id=commit_id)
        self._teller.committed(name, appended, watched.last)
        return appended

    @property
    def _teller(self) -> "Teller | None":
        """What tells people of commits; it is looked for when first something is written."""
        # Not functools.cached_property: before Python 3.12 it has a lock, for which a child waits for ever that is forked
        # while another thread holds it.
        if self._found_teller is None:
            self._found_teller = (teller(self),)
        return self._found_teller[0]

    def state(self, name: ModelName) -> State:
        """Return a model's state.

        Raises:
            NotFound: There is no such model; similar names are suggested.
        """
        state = self.log(name).state()
        self.tell_age()
        if state.model is None:
            self._logs.pop(name.folder, None)  # a service may be asked for any name
            similar = difflib.get_close_matches(name.lower(), self.models(), n=3)
            raise NotFound(
                "there is no such model",
                where=f"{name} in {self.store.url}",
                hint=f"Did you mean {', '.join(similar)}?"
                if similar
                else "List the models to see what there is.",
            )
        return state

    def tell_age(self) -> None:
        """Warn where what was read is the last known state, since the store can't be reached."""
        if isinstance(self.store, CachedStore) and (since := self.store.stale_since) is not None:
            why = "is not asked, as modelver is offline" if self.store.is_offline else "can't be reached"
            # Always the same text, so that Python shows it once, and not whenever a service asks for days.
            warnings.warn(
                f"{self.store.url} {why}: this is its last known state, of {since:%Y-%m-%d %H:%M:%S} UTC",
                stacklevel=caller_level(),
            )

    def folders(self) -> Iterator[tuple[str, ModelName | None]]:
        """Yield the folders below ``models/``, sorted, each with its model's name, or None where it is no model's."""
        for folder in self.store.folders(MODELS):
            try:
                name = ModelName(folder.replace("--", "/"))
            except InvalidName:
                name = None
            yield folder, name

    def models(self) -> list[ModelName]:
        """Return the names of all folders that may be a model's, in lower case."""
        return [name for _, name in self.folders() if name is not None]

    def create_model(self, name: ModelName, scheme: str | None) -> State:
        """Make a model unless it exists, and return its state.

        Args:
            name: Its name.
            scheme: Its version scheme; None: semver for a new model, whatever it is for an existing one.

        Raises:
            InvalidValue: It exists with another scheme, or the scheme is malformed.
        """
        wanted = Scheme.parse(SEMVER if scheme is None else scheme)
        self.open_for_writing()

        def propose(state: State) -> Proposal:
            if state.scheme is None:
                return Proposal((ModelCreated(name, wanted.text),))
            if scheme is not None and state.scheme != wanted:
                raise InvalidValue(
                    "the model exists with another version scheme",
                    where=name,
                    expected=wanted.text,
                    found=state.scheme.text,
                    hint="A model's scheme is fixed when it is made: choose another name.",
                )
            return Proposal(())

        return self.append(name, propose).state


def check_actor(actor: str | None) -> str:
    """Return who acts: as given, else ``$MODELVER_ACTOR``, else ``user@host``.

    Raises:
        InvalidValue: It is empty, too long or not printable.
    """
    name = actor if actor is not None else os.environ.get(ACTOR) or _account()
    if not 0 < len(name) <= MAX_ACTOR or not name.isprintable():
        raise InvalidValue(
            "not a usable actor", where=repr(name)[:80], expected=f"1 to {MAX_ACTOR} printable characters"
        )
    return name


def _account() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{platform.node() or 'localhost'}"
