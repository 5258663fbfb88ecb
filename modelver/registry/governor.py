"""The half of the registry that decides what may happen: policies, approvals, promotions."""

from collections.abc import Sequence

from modelver.gates import Policy
from modelver.registry.base import inputs
from modelver.registry.governing.judging import Expiry, Signer, Words, judge_version
from modelver.registry.governing.policies import PolicyLike, policy_of, set_policy
from modelver.registry.governing.promoting import Promotion, promote
from modelver.registry.reader import RegistryReader
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName


class RegistryGovernor(RegistryReader):
    """What may happen, and who says so; see `modelver.Registry`."""

    def set_policy(
        self, model: str | None, policy: PolicyLike, *, reason: str = "", commit_id: str | None = None
    ) -> Policy:
        """Set what must hold before versions of a model are registered and its aliases move, from now on.

        Args:
            model: The model; None sets the default of all models. Both must be kept: a model's own policy adds to the
                default and takes nothing from it.
            policy: The path of a ``modelver.toml`` or ``pyproject.toml``, tables of the same shape, or a `Policy`.
                Empty tables ask for nothing; a file without a policy is refused.
            reason: Why; recorded for ever.
            commit_id: As for `register`.

        Raises:
            NotFound: There is no such model, or no such file.
            InvalidValue: It is no policy; the message has the path of the fault.
        """
        name = ModelName(model) if model is not None else None
        return set_policy(
            self._session, name, policy, reason=inputs.text(reason, "reason"), commit_id=commit_id
        )

    def policy(self, model: str | None = None) -> Policy:
        """Return a model's own policy, or the registry's default; an empty one where none was set.

        Raises:
            NotFound: There is no such model.
            InvalidValue: A newer release set it, and this one can't read it.
        """
        return policy_of(self._session, ModelName(model) if model is not None else None)

    def approve(
        self,
        ref: str | ModelVersion,
        *,
        role: str,
        reason: str = "",
        to: str | None = None,
        person: str | None = None,
        expires: Expiry = None,
        checklist: str | Sequence[str] = (),
        signer: Signer = None,
        commit_id: str | None = None,
    ) -> ModelVersion:
        """Record that somebody approves of a version.

        It is tied to the version's digest. Without a signature it is a claim, and shown as one. A role that no policy asks
        for, while they ask for others, is worth a warning: it may be mistyped.

        Args:
            ref: The version.
            role: Such as ``legal``; policies ask for roles.
            reason: Why; recorded for ever.
            to: The alias that it is for: it counts until that alias moves. None: for any alias, for as long as it holds.
            person: Who approves; the registry's actor where it is left out.
            expires: Until when it counts: a time, or a length of time such as ``30d``. None: for ever.
            checklist: Checklists that were gone through, by name, or single points of one.
            signer: The file of a private key in PEM (Ed25519 or ECDSA P-256), or a key of cryptography's; else
                ``$MODELVER_SIGNING_KEY``, else it is not signed.
            commit_id: As for `register`.

        Raises:
            NotFound: There is no such version, or no such key.
            InvalidName: The role breaks the grammar of an alias.
            InvalidValue: No policy trusts the key for this role and person, `expires` is no time to come, or the same words
                were signed before a rejection: they would not count again.
        """
        words = Words(
            role,
            inputs.text(reason, "reason"),
            to,
            person,
            expires,
            checklist,
            signer,
            commit_id,
        )
        return judge_version(self._session, ref, words, "approve")

    def reject(
        self,
        ref: str | ModelVersion,
        *,
        role: str,
        reason: str,
        to: str | None = None,
        person: str | None = None,
        signer: Signer = None,
        commit_id: str | None = None,
    ) -> ModelVersion:
        """Record that somebody rejects a version: what the same role approved before no longer counts.

        With `to` that is so for moves of this alias alone, without for all. The arguments are those of `approve`.

        Raises:
            NotFound: There is no such version, or no such key.
            InvalidValue: There is no reason, or no policy trusts the key.
        """
        words = Words(role, inputs.reason(reason, str(ref)), to, person, None, (), signer, commit_id)
        return judge_version(self._session, ref, words, "reject")

    def promote(
        self,
        ref: str | ModelVersion,
        *,
        to: str,
        reason: str = "",
        dry_run: bool = False,
        override: bool = False,
        commit_id: str | None = None,
    ) -> Promotion:
        """Make an alias name a version, if every check of the policies passes.

        Args:
            ref: The version; ``name@staging`` promotes what staging serves.
            to: The alias, such as ``production``.
            reason: Why; recorded for ever.
            dry_run: Only say what each check would say.
            override: Pass over failed checks, where the policy lets somebody. It needs a reason, and is on record for
                ever, with what failed.
            commit_id: As for `register`.

        Returns:
            A promotion that is true where every check passed; ``.verdicts`` has them all.

        Raises:
            Refused: A check failed; all that failed are named. `ApprovalRequired` and `UnsafeFormat` where nothing else
                did.
            NotFound: There is no such version.
            InvalidValue: An override has no reason.
        """
        return promote(
            self._session,
            ref,
            Alias(to),
            reason=inputs.text(reason, "reason"),
            dry_run=dry_run,
            override=override,
            commit_id=commit_id,
        )
