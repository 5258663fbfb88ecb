"""May this happen? Policies, and what they say of a version: pure; evidence and the time are arguments."""

from modelver.gates.case import Case
from modelver.gates.judge import judge
from modelver.gates.policy import Policy, Requirement

__all__ = ["Case", "Policy", "Requirement", "judge"]
