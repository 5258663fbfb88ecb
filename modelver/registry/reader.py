"""The reading half of the registry: nothing here changes anything."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime

from modelver.compare import Comparison, compare
from modelver.errors import ModelverError, NotFound
from modelver.history.state import State, VersionEntry
from modelver.registry.aliases.standing import ModelStatus, model_status
from modelver.registry.base.finding import alias_in, find, model_of, parse_at, parse_ref, scheme_of
from modelver.registry.base.progress import Callback
from modelver.registry.base.reading import model_version, side
from modelver.registry.base.results import History, VersionStatus
from modelver.registry.base.session import Session
from modelver.registry.checking.verifying import verify_registry, verify_version
from modelver.registry.documents.past import alias_history, whole_history
from modelver.registry.governing.speaking import judged_now
from modelver.registry.serving.loading import LoadedModel, load, warn_if_yanked
from modelver.values import html
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.report import Report


class RegistryReader:
    """What can be asked of a registry; see `modelver.Registry`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def url(self) -> str:
        """Where the registry is, without credentials."""
        return self._session.store.url

    @property
    def actor(self) -> str:
        """Who acts, as commits record it."""
        return self._session.actor

    def __repr__(self) -> str:
        return f"Registry({self.url!r})"

    def models(self) -> list[ModelName]:
        """Return the names of all models, sorted.

        Raises:
            NotFound: There is no registry.
        """
        return sorted(model_of(state) for state in self._states())

    def _states(self) -> Iterator[State]:
        _ = self._session.identity
        names = self._session.models()
        self._session.tell_age()
        states = (self._session.log(name).state() for name in names)
        return (state for state in states if state.model is not None)

    def versions(self, model: str) -> list[ModelVersion]:
        """Return a model's versions, the lowest first.

        Raises:
            NotFound: There is no such model.
        """
        state = self._session.state(ModelName(model))
        found = [model_version(self._session, state, entry) for entry in state.versions.values()]
        return sorted(found, key=lambda version: version.version)

    def get(self, ref: str | ModelVersion) -> ModelVersion:
        """Return the version that a reference names.

        Raises:
            InvalidName: The text is no reference.
            NotFound: It names nothing.
        """
        return self.resolve(ref)

    def resolve(self, ref: str | ModelVersion, *, at: datetime | str | None = None) -> ModelVersion:
        """Return the version that a reference names, or named at a time.

        Args:
            ref: Such as ``name:1.3.0``, ``name@production`` or ``name@latest``.
            at: A time, or ISO 8601 text; without a zone it is UTC. A warning says when the log's time and the writer's
                clock disagree about the answer.

        Raises:
            InvalidName: The text is no reference.
            NotFound: It names nothing, or named nothing then.
        """
        state, entry = self._find(ref, parse_at(at))
        return model_version(self._session, state, entry, alias=alias_in(state, parse_ref(ref)))

    def _find(self, ref: str | ModelVersion, at: datetime | None = None) -> tuple[State, VersionEntry]:
        wanted = parse_ref(ref)
        state = self._session.state(wanted.model)
        return state, find(state, wanted, at)

    def aliases(self, model: str) -> dict[Alias, ModelVersion]:
        """Return what each alias of a model names, sorted by alias.

        Raises:
            NotFound: There is no such model.
        """
        state = self._session.state(ModelName(model))
        return {
            change.alias: model_version(self._session, state, state.versions[change.version])
            for _, change in sorted(state.aliases.items())
        }

    def status(self, ref: str | ModelVersion) -> VersionStatus:
        """Return what happened to a version since it was registered: aliases, approvals, later metrics and notes, yank."""
        state, entry = self._find(ref)
        held = {change.alias: state.pin(change.alias) for change in state.naming(entry)}
        return VersionStatus(
            version=model_version(self._session, state, entry),
            aliases={change.alias: change.mark.at for change in state.naming(entry)},
            yanked=entry.yanked,
            finalizes=entry.finalizes,
            evaluations=entry.evaluations,
            annotations=entry.annotations,
            judged=judged_now(self._session, state, entry),
            pins={alias: pin.mark for alias, pin in held.items() if pin is not None},
        )

    def serving(self, model: str, *, against: str = "production") -> ModelStatus:
        """Return what each alias of a model serves, since when, and how far that is ahead of what another one serves.

        Args:
            model: The model.
            against: The alias that the others are compared with.

        Returns:
            A mapping from alias to what it serves; its ``.distance`` tells how many versions it is ahead of `against`, or
            behind, and since when.

        Raises:
            NotFound: There is no such model.
        """
        return model_status(self._session, ModelName(model), Alias(against))

    def history(self, model: str, *, alias: str | None = None) -> History:
        """Return what happened to a model, or to one of its aliases, the oldest first.

        Raises:
            NotFound: There is no such model, or it never had such an alias.
        """
        name = ModelName(model)
        state = self._session.state(name)
        if alias is None:
            return whole_history(self._session.log(name), state)
        return alias_history(state, Alias(alias))

    def load(
        self,
        ref: str | ModelVersion,
        *,
        verify: str = "stamp",
        include: Sequence[str] | str | None = None,
        to: str | os.PathLike[str] | None = None,
        callback: Callback | None = None,
    ) -> LoadedModel:
        """Return a folder with a version's files, verified.

        Args:
            ref: Such as ``acme/fraud@production``.
            verify: How files that were loaded before are checked again: ``full``: SHA-256; ``fast``: XXH3-128, which
                finds accidental damage; ``stamp``: the file system's stamps in this user's own cache, else SHA-256.
            include: Patterns of the files to load, such as ``*.onnx``; None loads all.
            to: A new or empty folder to copy them to, where they may be written to; None gives the read-only folder
                in the cache that all loads of the version share.
            callback: Told of progress in bytes.

        Raises:
            NotFound: There is no such version, or a blob is missing.
            IntegrityError: A blob is damaged; nothing of it is handed out.
            InvalidValue: No file matches `include`, or `verify` is none of these.
            AlreadyExists: There is something at `to`.
            Offline: The registry can't be reached, and the version was not loaded here before.
            StoreError: A file can't be read or written.
        """
        state, entry = self._find(ref)
        record = model_version(self._session, state, entry, alias=alias_in(state, parse_ref(ref)))
        warn_if_yanked(record, entry)
        return load(self._session, record, entry, verify=verify, include=include, to=to, callback=callback)

    def verify(self, ref: str | ModelVersion | None = None, *, callback: Callback | None = None) -> Report:
        """Check a version, or everything that is stored, byte by byte.

        Args:
            ref: The version; None for all there is: the founding file, every log from its first commit, every
                checkpoint and every blob.
            callback: Told of progress in bytes.

        Returns:
            A report that is true when all is well; ``.raise_if_failed()`` raises otherwise.

        Raises:
            NotFound: There is no registry, or no such version.
        """
        if ref is None:
            return verify_registry(self._session, callback)
        state, entry = self._find(ref)
        return verify_version(self._session, model_of(state), entry, callback)

    def compare(self, a: str | ModelVersion, b: str | ModelVersion) -> Comparison:
        """Compare two versions, of one model or of two, down to the tensor; no weights are read.

        Raises:
            NotFound: One of them does not exist.
        """
        sides = []
        for ref in (a, b):
            state, entry = self._find(ref)
            sides.append(side(self._session, model_version(self._session, state, entry), entry))
        return compare(*sides)

    def _repr_html_(self) -> str:
        try:
            states = sorted(self._states(), key=model_of)
        except NotFound:
            return html.heading(f"registry {self.url}", "nothing here yet")
        except ModelverError as error:
            return html.heading(f"registry {self.url}", "can't be shown") + html.line(error)
        rows = [
            (
                html.code(model_of(state)),
                html.text(len(state.versions)),
                html.text(state.highest or ""),
                html.text(
                    ", ".join(f"{alias} → {state.aliases[alias].version}" for alias in sorted(state.aliases))
                ),
                html.text(scheme_of(state).text),
            )
            for state in states
        ]
        count = f"{len(rows)} model{'' if len(rows) == 1 else 's'}"
        return html.heading(f"registry {self.url}", count) + html.table(
            ("model", "versions", "highest", "aliases", "scheme"), rows
        )
