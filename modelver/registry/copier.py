"""The half of the registry that speaks of other registries: push, pull, mirror, and bundles."""

import os
from collections.abc import Mapping

from modelver.registry.base.progress import Callback
from modelver.registry.replication.bundling import Exported, export, import_bundle
from modelver.registry.replication.contents import open_source
from modelver.registry.replication.ends import End, Other, open_end
from modelver.registry.replication.pushing import push, subject
from modelver.registry.replication.replicated import Replicated, Tally
from modelver.registry.replication.replicating import mirror
from modelver.registry.writer import RegistryWriter
from modelver.values.model_version import ModelVersion


class RegistryCopier(RegistryWriter):
    """What can be done between registries; see `modelver.Registry`.

    Two registries are *copies* of each other where they have the same founding file: a mirror and what it mirrors. In a
    copy, a model's log is the very same log. Between any other two, each keeps its own log, and versions go from one
    into the other.
    """

    def push(
        self,
        ref: str | ModelVersion,
        *,
        to: Other,
        storage_options: Mapping[str, object] | None = None,
        callback: Callback | None = None,
    ) -> Replicated:
        """Bring a version, or a whole model, into another registry. Its digest stays the same.

        Into another registry, versions are registered under the same numbers, by commits that say where they come from;
        with what is known of them: a yank, later metrics, notes and file maps. Aliases stay behind, as they are that
        registry's business. Into a copy of this registry, and into an empty place, which becomes one, the model's
        whole log goes as it is, with all versions and aliases.

        Every blob is checked on its way. What is there is not sent again; pushing again carries only what is new, and
        goes on where an earlier call was broken off.

        Args:
            ref: A version (``acme/fraud:1.3.0``), or a model (``acme/fraud``) for all of its versions.
            to: A `Registry`, or a URL or path.
            storage_options: For a URL; else those of this registry, where the URL is of the same kind.
            callback: Told of progress in bytes.

        Raises:
            NotFound: There is no such version, or a blob is missing.
            AlreadyExists: A version exists there with other content.
            InvalidValue: The model has another version scheme there.
            Conflict: The target is a copy whose log has diverged, or a garbage collection is under way there.
            IntegrityError: A blob is damaged; it was not copied.
            StoreError: A store failed; the same call goes on later.
        """
        other = open_end(to, self._session, storage_options=storage_options)
        return _told(End(self._session), other, ref, callback)

    def pull(
        self,
        ref: str | ModelVersion,
        *,
        source: Other,
        storage_options: Mapping[str, object] | None = None,
        callback: Callback | None = None,
    ) -> Replicated:
        """Bring a version, or a whole model, from another registry into this one: a `push` from there.

        Args:
            ref: A version or a model, as for `push`.
            source: A `Registry`, a URL or path, or a bundle.
            storage_options: As for `push`.
            callback: Told of progress in bytes.

        Raises:
            NotFound: There is no such registry or version there.
            AlreadyExists: A version exists here with other content.
            Conflict: As for `push`.
            IntegrityError: A blob is damaged there; it was not copied.
        """
        other = open_source(source, self._session, storage_options=storage_options)
        return _told(other, End(self._session), ref, callback)

    def mirror(
        self,
        *,
        to: Other,
        storage_options: Mapping[str, object] | None = None,
        callback: Callback | None = None,
    ) -> Replicated:
        """Make, or bring up to date, a copy of this whole registry: bytes, versions, aliases, history and approvals.

        The target must be an empty place or an earlier copy. All logs are compared before anything is written; then
        only what is new is copied, each blob before the commit that names it, so that the copy is a whole registry at
        any time. Within one service, blobs are copied without passing through this machine.

        Write to one copy only. A log that was written to in both has *diverged*, and is refused.

        Args:
            to: A `Registry`, or a URL or path.
            storage_options: As for `push`.
            callback: Told of progress in bytes.

        Raises:
            AlreadyExists: The target is another registry.
            Conflict: A log has diverged; nothing was written.
            IntegrityError: A blob here is damaged; it was not copied, and its model's log goes no further there. The
                other models were copied.
            NotFound: A blob here is missing, likewise.
            StoreError: A store failed; the same call goes on later.
        """
        other = open_end(to, self._session, storage_options=storage_options)
        tally = Tally(callback)
        mirror(End(self._session), other, tally)
        return tally.result(self.url, other.store.url)

    def export(
        self,
        ref: str | ModelVersion | None = None,
        *,
        to: str | os.PathLike[str],
        overwrite: bool = False,
        callback: Callback | None = None,
    ) -> Exported:
        """Write a bundle: one file with a version, a model, or the whole registry, for places without a network.

        It holds the logs as they are, and the blobs of the versions that were asked for, each checked on its way. The
        same content gives the same bytes. The file is there when it is whole.

        Args:
            ref: A version, a model, or None for all there is.
            to: The file's path, such as ``fraud.modelver``.
            overwrite: Whether another file may be replaced.
            callback: Told of progress in bytes.

        Raises:
            NotFound: There is no such version, or a blob is missing.
            AlreadyExists: Another file is there.
            IntegrityError: A blob is damaged; no file was written.
        """
        tally = Tally(callback)
        return export(
            End(self._session), None if ref is None else subject(ref), to, tally, overwrite=overwrite
        )

    def import_bundle(self, path: str | os.PathLike[str], *, callback: Callback | None = None) -> Replicated:
        """Bring what a bundle holds into this registry, by the rules of `push`; everything is checked.

        Args:
            path: The file.
            callback: Told of progress in bytes.

        Raises:
            NotFound: There is no such file, or it lacks versions that came before and are not here.
            InvalidValue: It is no bundle.
            IntegrityError: It is damaged, or made to deceive.
            AlreadyExists: A version exists here with other content.
            Conflict: As for `push`.
        """
        tally = Tally(callback)
        return import_bundle(path, End(self._session), tally)


def _told(source: End, target: End, ref: str | ModelVersion, callback: Callback | None) -> Replicated:
    tally = Tally(callback)
    push(source, target, subject(ref), tally)
    return tally.result(source.store.url, target.store.url)
