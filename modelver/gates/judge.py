"""All verdicts of a step: those of the registry's default policy and those of the model's own; both hold."""

from collections.abc import Sequence

from modelver.errors import ApprovalRequired, ModelverError, Refused, UnsafeFormat
from modelver.gates import checks
from modelver.gates.approving import weigh
from modelver.gates.case import Case
from modelver.gates.policy import Policy, Requirement
from modelver.values.verdict import Verdict

_SHOWN = 8
_APPROVE = "Have it approved (`modelver approve REF --role ROLE`, or registry.approve(...)), and try again"


def judge(case: Case, policies: Sequence[Policy]) -> tuple[Verdict, ...]:
    """Return what all checks say of a step; each check once.

    Args:
        case: The step, and all evidence.
        policies: The registry's default and the model's own, as far as there are any.
    """
    return tuple(dict.fromkeys(judge_each(case, policies)))


def judge_each(case: Case, policies: Sequence[Policy]) -> list[Verdict]:
    """Return what each policy's checks say of a step, in an order that time does not change.

    Two policies may have a check of one name and answer it differently: what one says is nothing to the other.
    """
    found = list(checks.yank(case.entry)) if case.alias is not None else []
    for policy, required in asking(case, policies):
        weighed = (
            weigh(case, policies, asking=policy, signed=required.signature, separate=required.separate)
            if required.asks_people or required.rules
            else []
        )
        found += checks.fields(case, required)
        found += checks.forbidden(case, required)
        if case.alias is not None:
            found += checks.stage(case, required)
            found += checks.approvals(required, policy, weighed)
        found += checks.rules(case, required, weighed)
    return found


def requirements(case: Case, policies: Sequence[Policy]) -> list[Requirement]:
    """Return what the policies require of a step."""
    return [required for _, required in asking(case, policies)]


def asking(case: Case, policies: Sequence[Policy]) -> list[tuple[Policy, Requirement]]:
    """Return the policies that require something of a step, with what they require."""
    if case.alias is None:
        return [(policy, policy.register) for policy in policies]
    return [(policy, policy.aliases[case.alias]) for policy in policies if case.alias in policy.aliases]


def may_override(case: Case, policies: Sequence[Policy]) -> bool:
    """Tell whether somebody may pass over failed checks; never over that a version was yanked."""
    yanked = case.entry is not None and case.entry.yanked is not None
    return not yanked and all(required.override for required in requirements(case, policies))


def refusal(verdicts: Sequence[Verdict], what: str, where: object) -> ModelverError:
    """Return the error for a step that may not happen; it carries all verdicts, and names all that failed."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    kinds = {verdict.kind for verdict in failed}
    kind = ApprovalRequired if kinds <= {"approval", "checklist", "signature"} else Refused
    kind = UnsafeFormat if kinds == {"format"} else kind
    named = [f"{verdict.check}: {verdict.reason}" if verdict.reason else verdict.check for verdict in failed]
    more = f"; and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    error = kind(
        what,
        where=where,
        found=f"{len(failed)} of {len(verdicts)} checks failed: {'; '.join(named[:_SHOWN])}{more}",
        hint=(_APPROVE if kinds <= {"approval", "checklist"} else "Mend what failed and try again")
        + ("; .verdicts (--json) has all of it." if more else "."),
    )
    error.verdicts = tuple(verdicts)
    return error
