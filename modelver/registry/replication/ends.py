"""The two ends of a replication: how the other registry is opened, its founding file, and its logs as they are stored."""

import logging
import os
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from modelver.errors import AlreadyExists, InvalidValue, LogTampered, NotFound
from modelver.history.commit import MAX_COMMIT, Commit
from modelver.history.state import State
from modelver.log import LogPlace
from modelver.log.read import LogReader, recalls_of
from modelver.registry.base.opening import (
    MAX_REGISTRY_FILE,
    Identity,
    open_place,
    parse_identity,
    read_identity,
    scheme_of_url,
)
from modelver.registry.base.session import Session
from modelver.registry.reader import RegistryReader
from modelver.storage.ahead import read_ahead
from modelver.storage.failures import told_remembered
from modelver.storage.layout import MODELS, REGISTRY_FILE, REGISTRY_LOG, model_prefix, numbered_key
from modelver.storage.store import Store
from modelver.values.name import ModelName

Other: TypeAlias = RegistryReader | str | os.PathLike[str]
"""A registry, or where one is."""

_LOGGER = logging.getLogger("modelver")


class End(Session):
    """A registry, or the place for one, as one end of a replication."""

    def __init__(self, session: Session, store: Store | None = None) -> None:
        super().__init__(
            store or session.store,
            session.cache,
            session.actor,
            create=True,
            storage_options=session.storage_options,
        )
        self._recalls = recalls_of(self.store)

    @property
    def known(self) -> Identity | None:
        """What the founding file says; None where there is none."""
        try:
            return self.identity
        except NotFound:
            return None

    def stored_log(self, name: ModelName | None, identity: Identity) -> "StoredLog":
        """Return a log; the registry's own for None.

        Args:
            name: The model.
            identity: The registry's; here there may be no founding file yet.
        """
        prefix = REGISTRY_LOG.rpartition("/")[0] if name is None else model_prefix(name.folder)
        folder = "" if name is None else name.folder
        place = LogPlace(prefix, identity.registry, folder, identity.root)
        return StoredLog(self.store, place, self._heads)

    def check_reached(self) -> None:
        """Refuse what was read while the store could not be asked: it may be old.

        Raises:
            Offline: The store can't be reached.
        """
        recalled = recalls_of(self.store) != self._recalls
        if recalled or getattr(self.store, "stale_since", None) is not None:
            hint = "Nothing was copied. Try again when it can be reached."
            raise told_remembered(self.store.url, hint)

    def take_founding(self, data: bytes) -> None:
        """Make this the same registry as another one, by its founding file.

        Raises:
            AlreadyExists: Meanwhile it has become another registry.
            LogTampered: There are logs here without a founding file.
        """
        orphans = [folder for folder in (MODELS, "registry") if any(True for _ in self.store.list(folder))]
        if orphans and self.known is None:
            raise LogTampered(
                "a registry's founding file is missing",
                where=f"{self.store.url}/{REGISTRY_FILE}",
                found=f"objects in {' and '.join(orphans)}",
                hint="Restore it from a copy of the registry, or choose an empty place.",
            )
        self._check_place()
        try:
            self.store.put_new(REGISTRY_FILE, data)
        except AlreadyExists:
            if self.store.get(REGISTRY_FILE, limit=MAX_REGISTRY_FILE) != data:
                raise another_registry(self) from None
        else:
            _LOGGER.info("There was no registry in %s; it becomes a copy", self.store.url)

    def founding(self) -> bytes:
        """Return the founding file's bytes, which are those that were read when it was opened."""
        data = self.store.get(REGISTRY_FILE, limit=MAX_REGISTRY_FILE)
        if parse_identity(data, what=f"{self.store.url}/{REGISTRY_FILE}") != self.identity:
            raise LogTampered(
                "the founding file changed meanwhile", where=f"{self.store.url}/{REGISTRY_FILE}"
            )
        return data


class StoredLog(LogReader):
    """A log whose commits are wanted as the bytes that are stored."""

    def digest(self, seq: int) -> str:
        """Return a commit's digest; that of the founding file for 0."""
        return self.commit(seq)[1] if seq else self.place.root

    def stored(self, after: int, head: str, state: State) -> Iterator[tuple[bytes, Commit]]:
        """Yield the commits after a known one, up to the head, as they are stored and as they read.

        Each comes once the next one has named it its parent, the last one where the state names it.

        Args:
            after: The number of the known one.
            head: Its digest.
            state: What the log says.

        Raises:
            LogTampered: The commits are not those that led to the head.
        """
        keys = (numbered_key(self.place.log, seq) for seq in range(after + 1, state.seq + 1))
        held: tuple[bytes, Commit] | None = None
        for seq, data in enumerate(read_ahead(self._store, keys, limit=MAX_COMMIT), after + 1):
            commit, head = self._checked(data, seq, parent=head)
            if held is not None:
                yield held
            held = data, commit
        if head != state.head:
            raise LogTampered(
                "a commit is not the one that was read before",
                where=numbered_key(self.place.log, state.seq),
                expected=state.head[:12],
                found=head[:12],
            )
        if held is not None:
            yield held


def open_end(
    other: Other,
    session: Session,
    *,
    storage_options: Mapping[str, object] | None,
) -> End:
    """Open the other end.

    Args:
        other: The registry, or its address.
        session: This end: its cache, its actor and, for an address of the same kind, its storage options serve both.
        storage_options: Those of an address of another kind.

    Raises:
        InvalidValue: It is neither a registry nor an address.
    """
    if isinstance(other, RegistryReader):
        if storage_options:
            raise InvalidValue("an open registry takes no storage_options", where=repr(other))
        return End(other._session)  # noqa: SLF001 (the two halves of one house)
    if not isinstance(other, str | os.PathLike):
        raise InvalidValue("not a registry", where=repr(other)[:80], expected="a Registry, a URL or a path")
    address = os.fspath(other)
    options = storage_options or session.storage_options.get(scheme_of_url(address), {})
    return End(session, open_place(address, session.cache, storage_options=options))


def is_same_registry(source: End, target: End) -> bool:
    """Tell whether two ends are one registry, or can be: where there is none yet."""
    return target.known is None or target.known == source.identity


def another_registry(target: Session) -> AlreadyExists:
    """Return the error for a mirror onto another registry."""
    return AlreadyExists(
        "another registry is there already",
        where=target.store.url,
        found=f"registry {read_identity(target.store).registry[:12]}",
        hint="A mirror needs an empty place. Use push to bring models from one registry into another.",
    )
