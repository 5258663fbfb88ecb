"""The registry as people hold it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelver.cache.place import cache_dir as find_cache
from modelver.content.places import SourceLike
from modelver.content.snapshots import with_snapshots
from modelver.content.sources import Sources
from modelver.registry.base import inputs
from modelver.registry.base.opening import locate, open_place, scheme_of_url
from modelver.registry.base.progress import Callback
from modelver.registry.base.session import Session
from modelver.registry.copier import RegistryCopier
from modelver.registry.governor import RegistryGovernor
from modelver.registry.notifier import RegistryNotifier
from modelver.registry.projects import RegistryProjects
from modelver.registry.publisher import RegistryPublisher
from modelver.registry.searcher import RegistrySearcher
from modelver.registry.server import RegistryServer
from modelver.registry.versions.committing import AutoBump, IfUnchanged, Wish
from modelver.registry.versions.registering import captured, finalize, register
from modelver.storage import DEFAULT_TIMEOUT, is_local
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.provenance import Code, Run
from modelver.values.record import Changelog

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class Registry(
    RegistryCopier,
    RegistryGovernor,
    RegistryPublisher,
    RegistrySearcher,
    RegistryProjects,
    RegistryServer,
    RegistryNotifier,
):
    """A model registry in a folder or a bucket.

    Nothing is read or made before it is needed. One object serves many threads, and processes that are forked later.

    Args:
        url: A folder; ``s3://``, ``gs://``, ``az://`` or ``sftp://`` and a place there; or ``memory://name`` for one that
            ends with the process. Else ``$MODELVER_REGISTRY``, else ``[registry] url`` of the nearest ``modelver.toml``
            upwards, else ``./modelver-registry``.
        storage_options: Credentials, endpoints and so on, in the words of s3fs, gcsfs, adlfs or fsspec's SFTP.
        fs: A filesystem of one of these that you have set up; `url` is a path in it then.
        cache_dir: The user's cache; else ``$MODELVER_CACHE``, else the platform's cache folder.
        cache_size: How large the cache may become, such as ``20GiB``, or ``none``; else ``$MODELVER_CACHE_SIZE``, else
            50 GiB, but half of the disk at most. What was used least recently goes first.
        actor: Who acts, as commits record it; else ``$MODELVER_ACTOR``, else ``user@host``.
        create: True: make it now unless it exists. None: a local one is made by the first write, a remote
            one is not. False: never make it.
        offline: Never ask a remote store; what was read and loaded before is there. Else ``$MODELVER_OFFLINE``.
        timeout: Seconds that a request to a remote store may take with all its repetitions.

    Raises:
        UnsupportedStore: The kind of store has no safe exclusive create.
        StoreError: The place can't be a registry.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        storage_options: Mapping[str, object] | None = None,
        fs: "AbstractFileSystem | None" = None,
        cache_dir: str | os.PathLike[str] | None = None,
        cache_size: int | str | None = None,
        actor: str | None = None,
        create: bool | None = None,
        offline: bool | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        address = locate(url)
        options = dict(storage_options or {})
        cache = find_cache(Path(cache_dir) if cache_dir is not None else None)
        store = open_place(address, cache, storage_options=options, fs=fs, timeout=timeout, offline=offline)
        super().__init__(
            Session(
                store,
                cache,
                actor,
                create=is_local(store) if create is None else create,
                storage_options={scheme_of_url(address): options},
                cache_size=cache_size,
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
        base: inputs.BaseLike | Sequence[inputs.BaseLike] | None = None,
        tags: Mapping[str, str] | None = None,
        run: str | Run | None = None,
        aliases: str | Sequence[str] = (),
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
            data: Dataset name to path or URI, or a list of `Dataset`; one with ``snapshot=True`` is stored too.
            metadata: Intended use, limitations, license, architecture, preprocessing and so on; a dict or `Metadata`.
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
        inputs.choice(bump, ("auto", "major", "minor", "patch", "prerelease"), "bump")
        inputs.choice(if_unchanged, ("return", "error"), "if_unchanged")
        stated = inputs.to_metadata(metadata, metrics=metrics, params=params, data=data, tags=tags, code=code)
        statement = inputs.Statement(
            sources=with_snapshots(source, stated.data, self._session.storage_options),
            prompts=inputs.mapping(prompts, "prompts"),
            metadata=stated,
            changelog=inputs.to_changelog(changelog),
            base=inputs.to_base(base),
        )
        return register(
            self._session,
            name,
            statement,
            Wish(
                version,
                bump,
                inputs.to_aliases(aliases),
                if_unchanged,
                commit_id,
                resume=move and commit_id is not None,
            ),
            provenance=captured(self._session, code, inputs.to_run(run), wanted=capture),
            move=move,
            callback=callback,
        )

    def finalize(self, ref: str | ModelVersion, *, commit_id: str | None = None) -> ModelVersion:
        """Make a release of a pre-release, from the same blobs: ``1.4.0-exp.7`` becomes ``1.4.0``.

        Raises:
            NotFound: There is no such version.
            InvalidValue: It is a release already, or was yanked.
            AlreadyExists: The release exists with other content.
        """
        return finalize(self._session, ref, commit_id=commit_id)
