"""A role that nobody asks for: what is said in it is recorded, but lets nothing pass and stops nothing."""

import warnings

from modelver.registry.finding import caller_level
from modelver.registry.gating import governed
from modelver.registry.session import Session
from modelver.values.name import ModelName


def warn_of_role(session: Session, model: ModelName, role: str) -> None:
    """Warn where policies ask for approvals, but not in this role: it may be mistyped."""
    policies = governed(session, session.state(model)).policies
    required = [each for policy in policies for each in (policy.register, *policy.aliases.values())]
    asked = {wanted.casefold() for each in required for wanted in each.approvals}
    ruled = any("approvals" in rule for each in required for rule in each.rules)
    if asked and role.casefold() not in asked and not ruled:
        warnings.warn(
            f"no policy asks for the role {role}: policies ask for {', '.join(sorted(asked))}",
            stacklevel=caller_level(),
        )
