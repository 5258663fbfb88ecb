"""The answer of a check: true when all is well, and what is not where it isn't."""

from collections.abc import Mapping

import attrs

from modelver.errors import IntegrityError
from modelver.values import html


@attrs.frozen
class Finding:
    """One thing that is not as it should be.

    Attributes:
        object: The key, file or field concerned.
        what: What is wrong.
        expected: What should be there.
        found: What is there.
        component: Which part of a version it is about: ``weights``, ``prompts``, ``config``, ``metadata``...; empty where
            that is no question.
        file: The local file to look at, as a path from the project's folder; empty where there is none.
        line: The line in it, from 1; 0 where no line is meant.
    """

    object: str
    what: str
    expected: str = ""
    found: str = ""
    component: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        sides = [
            f"{label} {side}" for label, side in (("expected", self.expected), ("found", self.found)) if side
        ]
        return f"{self.object}: {self.what}" + (f" ({', '.join(sides)})" if sides else "")


@attrs.frozen
class Report:
    """What a check found; ``if report:`` asks whether all is well.

    Attributes:
        subject: What was checked.
        findings: What is wrong; empty when all is well.
        checked: How many objects of each kind were checked.
        notes: What is worth knowing, but is not wrong.
    """

    subject: str
    findings: tuple[Finding, ...] = ()
    checked: Mapping[str, int] = attrs.field(factory=dict)
    notes: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return not self.findings

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return bool(self)

    def raise_if_failed(self) -> None:
        """Raise where something is wrong.

        Raises:
            IntegrityError: It names the first findings.
        """
        if self.findings:
            raise IntegrityError(
                f"{len(self.findings)} object(s) are not as they should be",
                where=self.subject,
                found="; ".join(str(finding) for finding in self.findings[:5]),
                hint="Restore them from a copy of the registry.",
            )

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self.checked.items())
        verdict = f"{len(self.findings)} finding(s)" if self.findings else "all is well"
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([f"{self.subject}: {verdict} ({counts})", *map(str, self.findings), *notes])

    def _repr_html_(self) -> str:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self.checked.items())
        verdict = "all is well" if self else f"{len(self.findings)} finding(s)"
        rows = [
            (
                html.code(finding.object),
                html.text(finding.what),
                html.code(finding.expected),
                html.code(finding.found),
            )
            for finding in (*self.findings, *self.notes)
        ]
        shown = html.table(("object", "what", "expected", "found"), rows) if rows else ""
        return html.heading(f"{self.subject}: {verdict}", counts) + shown
