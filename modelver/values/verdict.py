"""What a gate says."""

from collections.abc import Mapping

import attrs

from modelver.values.canonical import Json


@attrs.frozen
class Verdict:
    """The answer of one check; true when it passes.

    Attributes:
        check: Which one, such as ``approval legal`` or ``rule metrics.f1 >= 0.9``.
        passed: Whether it passes.
        reason: Why, as a clause: what was found, and where it fails, what is missing.
        kind: ``fields``, ``approval``, ``checklist``, ``rule``, ``format``, ``stage``, ``age``, ``base``, ``yank``,
            ``signature`` or ``prerelease``.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    check: str
    passed: bool
    reason: str = ""
    kind: str = ""
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)

    def __bool__(self) -> bool:
        return self.passed

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {"check": self.check, "passed": self.passed, "reason": self.reason, "kind": self.kind}

    def __str__(self) -> str:
        return f"{'ok' if self.passed else 'NO'}  {self.check}" + (f": {self.reason}" if self.reason else "")
