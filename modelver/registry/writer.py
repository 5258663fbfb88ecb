"""The half of the registry that speaks of versions that exist: aliases, yanks, later metrics and notes."""

from collections.abc import Mapping

from modelver.errors import InvalidValue
from modelver.registry.aliases.moving import Expected, delete_alias, set_alias
from modelver.registry.aliases.pinning import pin, unpin
from modelver.registry.aliases.rolling_back import rollback, rollback_on_breach
from modelver.registry.base import inputs
from modelver.registry.reader import RegistryReader
from modelver.registry.serving.watching import watched
from modelver.registry.versions.amending import annotate, record_metrics, yank
from modelver.serving.watched import Watched
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.reading import Breach


class RegistryWriter(RegistryReader):
    """What can be said of versions; see `modelver.Registry`."""

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
            Refused: The version was yanked, somebody pinned the alias, or a policy says no; `ApprovalRequired`: it waits
                for approvals.
            InvalidName: The alias breaks the grammar, or reads as a version.
            AlreadyExists: `commit_id` was used for something else.
            CommitUnknown: The outcome is not known; repeat the call with the same `commit_id`.
        """
        return set_alias(
            self._session,
            ModelName(model),
            Alias(alias),
            version,
            reason=inputs.text(reason, "reason"),
            expected=expected,
            commit_id=commit_id,
        )[0]

    def delete_alias(
        self,
        model: str,
        alias: str,
        *,
        reason: str = "",
        expected: Expected = ...,
        commit_id: str | None = None,
    ) -> None:
        """Delete an alias; its history stays. The arguments are those of `set_alias`.

        Raises:
            NotFound: There is no such model or alias.
            Conflict: It names something else than expected.
            Refused: Somebody pinned it.
            AlreadyExists: `commit_id` was used for something else.
        """
        delete_alias(
            self._session,
            ModelName(model),
            Alias(alias),
            reason=inputs.text(reason, "reason"),
            expected=expected,
            commit_id=commit_id,
        )

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
        alias to it again, and never to a yanked one. Neither a policy nor a pin holds it up; what a policy says against it
        is on record, and the pin stays.

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
            Refused: `to` was never there, was rolled away from or yanked; or no earlier version is whole.
            AlreadyExists: `commit_id` was used for something else.
            StoreError: The store can't be asked or written to.
        """
        return rollback(
            self._session,
            ModelName(model),
            Alias(alias),
            reason=inputs.text(reason, "reason"),
            to=to,
            commit_id=commit_id,
        )

    def rollback_on_breach(
        self, model: str, alias: str, breach: Breach, *, expected: int, reason: str = ""
    ) -> ModelVersion:
        """Move an alias back because a guard saw that it serves badly; `Guard` calls this.

        What the guard saw is part of the commit. There is one such rollback for each move of an alias, whoever asks for
        it and however often: a repetition finds the first. It never goes to a version that was yanked or rolled away
        from, nor ever again to one that a guard rolled away from.

        Args:
            model: The model.
            alias: Such as ``production``.
            breach: What was seen.
            expected: The generation of the alias that it was seen of.
            reason: Why, in a sentence; recorded for ever.

        Returns:
            The version that the alias went back to.

        Raises:
            Conflict: The alias moved meanwhile.
            Refused: Somebody pinned the alias, or no earlier version is whole.
            NotFound: There is no such alias, or nothing to go back to.
            CommitUnknown: The outcome is not known; repeat the call.
        """
        return rollback_on_breach(
            self._session,
            ModelName(model),
            Alias(alias),
            breach,
            expected=expected,
            reason=inputs.text(reason, "reason"),
        )

    def watched(self, model: str, alias: str) -> Watched:
        """Return what a guard has to know of an alias, all as of one commit.

        Raises:
            NotFound: There is no such model or alias.
        """
        return watched(self._session, ModelName(model), Alias(alias))

    def pin(self, model: str, alias: str, *, reason: str, commit_id: str | None = None) -> ModelVersion:
        """Leave an alias where it is: nothing moves or deletes it until it is unpinned, a guard neither.

        A rollback by hand goes through all the same, since a bad release has to go at once; the pin stays.

        Args:
            model: The model.
            alias: Such as ``production``.
            reason: Why; recorded for ever, and told to everybody who is refused.
            commit_id: As for `register`.

        Returns:
            The version that the alias names.

        Raises:
            NotFound: There is no such alias.
            InvalidValue: There is no reason.
        """
        name, what = ModelName(model), Alias(alias)
        why = inputs.reason(reason, f"{name}@{what}")
        return pin(self._session, name, what, reason=why, commit_id=commit_id)

    def unpin(
        self, model: str, alias: str, *, reason: str = "", commit_id: str | None = None
    ) -> ModelVersion:
        """Let a pinned alias move again. The arguments are those of `pin`; a reason may be left out.

        Raises:
            NotFound: There is no such alias, or it is not pinned.
        """
        why = inputs.text(reason, "reason")
        return unpin(self._session, ModelName(model), Alias(alias), reason=why, commit_id=commit_id)

    def yank(self, ref: str | ModelVersion, *, reason: str, commit_id: str | None = None) -> ModelVersion:
        """Mark a version as not to be used; its bytes stay. Loading it warns, and no alias can be set to it.

        Args:
            ref: The version.
            reason: Why; recorded for ever.
            commit_id: As for `register`.

        Returns:
            The version.

        Raises:
            NotFound: There is no such version.
            InvalidValue: There is no reason.
        """
        return yank(self._session, ref, reason=inputs.reason(reason, str(ref)), commit_id=commit_id)

    def annotate(
        self,
        ref: str | ModelVersion,
        note: str = "",
        *,
        tags: Mapping[str, str] | None = None,
        commit_id: str | None = None,
    ) -> ModelVersion:
        """Add a note or tags to a version; who and when is recorded.

        Args:
            ref: The version.
            note: A text.
            tags: Labels; an empty text takes a label away.
            commit_id: As for `register`.

        Returns:
            The version.

        Raises:
            NotFound: There is no such version.
            InvalidValue: There is nothing to add.
        """
        if not inputs.text(note, "note") and not tags:
            raise InvalidValue("there is nothing to add", where=str(ref), hint="Give a note or tags.")
        return annotate(self._session, ref, note, inputs.to_tags(tags), commit_id=commit_id)

    def record_metrics(
        self,
        ref: str | ModelVersion,
        metrics: inputs.MetricsLike,
        *,
        dataset: str = "",
        slice: str = "",  # noqa: A002 (the field's name)
        commit_id: str | None = None,
    ) -> ModelVersion:
        """Add metrics that were measured after publication; who and when is recorded.

        Args:
            ref: The version.
            metrics: ``{"f1": 0.88}`` or a list of `Metric`.
            dataset: What they were measured on, where a metric does not say.
            slice: The part of it, likewise.
            commit_id: As for `register`.

        Returns:
            The version.

        Raises:
            NotFound: There is no such version.
            InvalidValue: There are none, or one is given twice or is no number.
        """
        found = inputs.to_metrics(metrics, dataset=dataset, slice=slice)
        if not found:
            raise InvalidValue("there are no metrics", where=str(ref))
        return record_metrics(self._session, ref, found, commit_id=commit_id)
