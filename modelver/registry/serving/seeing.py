"""What a follower sees of a registry: one reference, looked at again and again."""

from collections.abc import Iterator, Sequence

import attrs

from modelver.errors import NotFound
from modelver.history.state import State
from modelver.registry.aliases.rolling_back import served_before
from modelver.registry.base.finding import alias_in, find
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.registry.serving.loading import LoadedModel, load
from modelver.serving.source import Sighting
from modelver.storage import is_local
from modelver.storage.cached import CachedStore
from modelver.storage.layout import REGISTRY_FILE
from modelver.values.model_version import ModelVersion
from modelver.values.ref import Ref


@attrs.define
class AliasSource:
    """One reference of a registry; see `modelver.serving.source.Source`.

    Attributes:
        session: The registry.
        wanted: The reference.
        verify: How files that were loaded before are checked again.
        include: Patterns of the files to load; None for all.
    """

    session: Session
    wanted: Ref
    verify: str
    include: Sequence[str] | str | None
    _state: State | None = attrs.field(default=None, init=False)

    @property
    def ref(self) -> str:
        """The reference that is followed."""
        return str(self.wanted)

    def look(self) -> Sighting:
        """Return what the reference names: one request where nothing moved."""
        store = self.session.store
        if is_local(store):
            # In a folder that was taken away, a log seems to have no newer commits.
            store.size(REGISTRY_FILE)
        stale = store.stale_since if isinstance(store, CachedStore) else None
        state = self._state = self.session.log(self.wanted.model).state()
        if state.model is None:
            raise NotFound("there is no such model", where=f"{self.wanted.model} in {store.url}")
        entry = find(state, self.wanted)
        alias = alias_in(state, self.wanted)
        move = state.aliases.get(alias)
        return Sighting(
            model_version(self.session, state, entry, alias=alias),
            generation=move.generation if move else 0,
            cause=move.cause if move else "",
            reason=move.mark.message if move else "",
            by=move.mark.by if move else "",
            # Asked before, too: while it answered from memory it may have begun to think that it can be reached.
            as_of=stale or (store.stale_since if isinstance(store, CachedStore) else None),
            yanked=(entry.yanked.message or "no reason given") if entry.yanked else None,
        )

    def earlier(self) -> Iterator[Sighting]:
        """Yield what the alias named before, as a rollback would go."""
        state = self._state
        if state is not None:
            alias = alias_in(state, self.wanted)
            for version in served_before(state, alias):
                yield Sighting(model_version(self.session, state, state.versions[version], alias=alias))

    def fetch(self, version: ModelVersion) -> LoadedModel:
        """Return a version's files, verified; one that was looked at before."""
        state = self._state or self.session.log(version.name).state()
        entry = find(state, Ref(version.name, digest=version.digest.hex))
        return load(
            self.session, version, entry, verify=self.verify, include=self.include, to=None, callback=None
        )
