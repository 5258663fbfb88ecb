"""The registry as people hold it."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelver.content.ingest import total_size
from modelver.content.sources import SourceLike, Sources
from modelver.errors import InvalidValue
from modelver.history.event import Annotated, Evaluated, Event, Yanked
from modelver.history.state import State, VersionEntry
from modelver.log import Proposal
from modelver.registry import inputs
from modelver.registry.committing import AutoBump, IfUnchanged, Wish
from modelver.registry.moving import Expected, delete_alias, rollback, set_alias
from modelver.registry.opening import locate
from modelver.registry.progress import Callback, progress
from modelver.registry.reader import RegistryReader
from modelver.registry.reading import find, model_version, parse_ref
from modelver.registry.registering import captured, finalize, gather_sources, register
from modelver.registry.session import Session
from modelver.storage import open_store
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.provenance import Code, Run
from modelver.values.record import BaseModel, Changelog


class Registry(RegistryReader):
    """A model registry in a folder or bucket.

    Nothing is read or made before it is needed. One object serves many threads; each process opens its own.

    Args:
        url: A folder or an fsspec URL; else ``$MODELVER_REGISTRY``, else ``[registry] url`` of the nearest
            ``modelver.toml`` upwards, else ``./modelver-registry``.
        storage_options: For fsspec: credentials, endpoints.
        cache_dir: The user's cache; else ``$MODELVER_CACHE``, else the platform's cache folder.
        actor: Who acts, as commits record it; else ``$MODELVER_ACTOR``, else ``user@host``.
        create: True: make it now unless it exists. None: a local one is made by the first write. False: never make it.

    Raises:
        UnsupportedStore: The kind of store has no safe exclusive create.
        StoreError: The place can't be a registry.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        storage_options: Mapping[str, object] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        actor: str | None = None,
        create: bool | None = None,
    ) -> None:
        options = dict(storage_options or {})
        super().__init__(
            Session(
                open_store(locate(url), storage_options=options),
                Path(cache_dir) if cache_dir is not None else None,
                actor,
                create=create is not False,
                storage_options=options,
            )
        )
        if create:
            self._session.open_for_writing()

    def create_model(self, name: str, *, scheme: str = "semver") -> ModelName:
        """Make a model; one that exists with the same scheme is left as it is.

        Args:
            name: One or two segments, such as ``acme/fraud``.
            scheme: ``semver``, or a task tag's template such as ``gpt4-cx-v{major}.{minor}``. Fixed from now on.

        Raises:
            InvalidName: Name or scheme break their grammar.
            InvalidValue: The model exists with another scheme.
        """
        model = ModelName(name)
        return self._session.create_model(model, scheme).model or model

    def register(
        self,
        model: str,
        source: Sources,
        *,
        version: str | None = None,
        bump: AutoBump = "auto",
        changelog: str | Changelog | None = None,
        metrics: inputs.MetricsLike | None = None,
        params: Mapping[str, Any] | None = None,
        prompts: Mapping[str, SourceLike] | None = None,
        data: inputs.DataLike | None = None,
        metadata: inputs.MetadataLike | None = None,
        code: str | os.PathLike[str] | Code | None = None,
        base: str | BaseModel | Sequence[str | BaseModel] | None = None,
        tags: Mapping[str, str] | None = None,
        run: str | Run | None = None,
        aliases: Sequence[str] = (),
        capture: bool = True,
        move: bool = False,
        if_unchanged: IfUnchanged = "return",
        commit_id: str | None = None,
        callback: Callback | None = None,
    ) -> ModelVersion:
        """Register a version: its files, and what makes it reproducible and accountable.

        Args:
            model: Its name; a new model gets the semver scheme unless `create_model` came first.
            source: A file, a folder, a list of them, or ``{path in version: source}``; a source may be an fsspec URL or
                bytes.
            version: An exact version; None raises the last one.
            bump: ``major``, ``minor``, ``patch``, ``prerelease``, or ``auto``: a changed interface is major; changed
                weights, prompts, config or data are minor; metadata alone is patch. The first version is 1.0.0.
            changelog: What changed, for people.
            metrics: ``{"f1": 0.91}`` or a list of `Metric`.
            params: Hyperparameters, nested as they come.
            prompts: Prompt name to file; prompts are also recognised in the folder.
            data: Dataset name to path or URI, or a list of `Dataset`.
            metadata: Intended use, limitations, license and so on; a dict or `Metadata`.
            code: The git checkout that it was made from (default: that of the current folder), or `Code`.
            base: Versions or outside models that it was made from.
            tags: Short labels.
            run: The training run: its URL or id, or `Run`; else it is taken from CI's and trackers' variables.
            aliases: Set to the version in the same commit.
            capture: Record git state, environment, host and run as provenance.
            move: Take the files instead of copying them; they are gone from `source` afterwards.
            if_unchanged: ``return`` the last version when nothing changed (``.created`` is then False), or ``error``.
            commit_id: An id of your own: repeating the call with it after a crash registers nothing twice.
            callback: Told of progress in bytes; an fsspec ``Callback`` such as ``TqdmCallback()``.

        Returns:
            The version; ``.created`` tells whether this call made it.

        Raises:
            NotFound: A source, dataset or base model is missing.
            InvalidValue: An argument is wrong, a weight file is malformed, or there are no files.
            UnsafePath: A path leaves its folder, or can't exist on every platform.
            AlreadyExists: The version exists with other content; the differing components are named.
            SourceChanged: A file changed while it was read.
            Conflict: Others kept writing, or a garbage collection is under way.
            CommitUnknown: The outcome is not known; the same `commit_id` resumes.
            StoreError: The environment failed: permissions, disk space.
        """
        name = ModelName(model)
        _check_choice("bump", bump, ("auto", "major", "minor", "patch", "prerelease"))
        _check_choice("if_unchanged", if_unchanged, ("return", "error"))
        statement = inputs.Statement(
            sources=source,
            prompts=prompts or {},
            metadata=inputs.to_metadata(
                metadata, metrics=inputs.to_metrics(metrics), params=params, tags=tags
            ),
            changelog=inputs.to_changelog(changelog),
            data=inputs.to_datasets(data),
            base=inputs.to_base(base),
        )
        wish = Wish(version, bump, tuple(Alias(alias) for alias in aliases), if_unchanged, commit_id)
        gathered = gather_sources(self._session, statement)
        return register(
            self._session,
            name,
            statement,
            gathered,
            wish,
            provenance=captured(self._session, code, inputs.to_run(run)) if capture else None,
            move=move,
            on_bytes=progress(callback, total_size(gathered.sources)),
        )

    def finalize(self, ref: str | ModelVersion, *, commit_id: str | None = None) -> ModelVersion:
        """Make a release of a pre-release, from the same blobs: ``1.4.0-exp.7`` becomes ``1.4.0``.

        Raises:
            NotFound: There is no such version.
            InvalidValue: It is a release already, or was yanked.
            AlreadyExists: The release exists with other content.
        """
        return finalize(self._session, ref, commit_id=commit_id)

    def set_alias(
        self,
        model: str,
        alias: str,
        version: str | ModelVersion,
        *,
        reason: str = "",
        expected: Expected = ...,
        commit_id: str | None = None,
    ) -> ModelVersion:
        """Make an alias name a version.

        Args:
            model: The model.
            alias: Such as ``production``.
            version: A version, an alias, or a `ModelVersion`.
            reason: Why; recorded for ever.
            expected: What it must name now: a version, a generation (from `history`), or None where it must not exist.
                Left out: anything.
            commit_id: As for `register`.

        Returns:
            The version that the alias names now.

        Raises:
            Conflict: It names something else than expected.
            NotFound: There is no such model or version.
            Refused: The version was yanked.
            InvalidName: The alias breaks the grammar, or reads as a version.
        """
        return set_alias(
            self._session,
            ModelName(model),
            Alias(alias),
            version,
            reason=reason,
            expected=expected,
            commit_id=commit_id,
        )

    def delete_alias(self, model: str, alias: str, *, reason: str = "", expected: Expected = ...) -> None:
        """Delete an alias; its history stays.

        Raises:
            NotFound: There is no such model or alias.
            Conflict: It names something else than expected.
        """
        delete_alias(self._session, ModelName(model), Alias(alias), reason=reason, expected=expected)

    def rollback(
        self,
        model: str,
        alias: str,
        *,
        reason: str = "",
        to: str | ModelVersion | None = None,
        commit_id: str | None = None,
    ) -> ModelVersion:
        """Move an alias back to the version that it named before.

        Each further rollback goes further back; never to a version that was rolled away from, unless somebody set the
        alias to it again, and never to a yanked one.

        Args:
            model: The model.
            alias: Such as ``production``.
            reason: Why; recorded for ever.
            to: One of the earlier versions; None takes the nearest that is whole.
            commit_id: As for `register`.

        Returns:
            The version that the alias names now.

        Raises:
            NotFound: There is no such alias, or nothing to go back to.
            Conflict: Somebody else moved the alias meanwhile.
            Refused: The wished version was never there, or no earlier one is whole.
        """
        return rollback(
            self._session, ModelName(model), Alias(alias), reason=reason, to=to, commit_id=commit_id
        )

    def yank(self, ref: str | ModelVersion, *, reason: str) -> ModelVersion:
        """Mark a version as not to be used; its bytes stay. Loading it warns, and no alias can be set to it.

        Args:
            ref: The version.
            reason: Why; recorded for ever.
        """
        if not reason.strip():
            raise InvalidValue("a yank needs a reason", where=str(ref))
        version, state = self._amend(
            ref, lambda entry: () if entry.yanked else (Yanked(entry.version, entry.digest),), reason
        )
        serving = [alias for alias, change in state.aliases.items() if change.version == version.version]
        if serving:
            warnings.warn(
                f"{version.ref} is still what {', '.join(serving)} serves: roll back or set it.", stacklevel=2
            )
        return version

    def annotate(
        self, ref: str | ModelVersion, note: str = "", *, tags: Mapping[str, str] | None = None
    ) -> ModelVersion:
        """Add a note or tags to a version; who and when is recorded. An empty tag takes the tag away."""
        if not note and not tags:
            raise InvalidValue("there is nothing to add", where=str(ref), hint="Give a note or tags.")
        return self._amend(
            ref, lambda entry: (Annotated(entry.version, entry.digest, note, dict(tags or {})),)
        )[0]

    def record_metrics(
        self,
        ref: str | ModelVersion,
        metrics: inputs.MetricsLike,
        *,
        dataset: str = "",
        slice: str = "",  # noqa: A002 (the field's name)
    ) -> ModelVersion:
        """Add metrics that were measured after publication; who and when is recorded.

        Args:
            ref: The version.
            metrics: ``{"f1": 0.88}`` or a list of `Metric`.
            dataset: What they were measured on.
            slice: The part of it.
        """
        found = inputs.to_metrics(metrics, dataset=dataset, slice=slice)
        if not found:
            raise InvalidValue("there are no metrics", where=str(ref))
        return self._amend(ref, lambda entry: (Evaluated(entry.version, entry.digest, found),))[0]

    def _amend(
        self, ref: str | ModelVersion, events: Callable[[VersionEntry], tuple[Event, ...]], message: str = ""
    ) -> tuple[ModelVersion, State]:
        """Append an event about a version; return the version, and the state after it."""
        wanted = parse_ref(ref)
        self._session.open_for_writing()
        digest = find(self._session.state(wanted.model), wanted).digest

        def propose(state: State) -> Proposal:
            return Proposal(events(_with_digest(state, digest)), message=message)

        state = self._session.log(wanted.model).append(propose, by=self.actor).state
        return model_version(self._session, state, _with_digest(state, digest)), state


def _with_digest(state: State, digest: str) -> VersionEntry:
    return next(entry for entry in state.versions.values() if entry.digest == digest)


def _check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidValue(
            f"not a value of {what}", where=repr(value), expected=f"one of {', '.join(choices)}"
        )
