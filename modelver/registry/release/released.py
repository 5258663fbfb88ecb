"""What a release did, or would do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from modelver.compare import BumpAdvice
from modelver.compare.metrics import MetricRow
from modelver.errors import ModelverError
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.report import Finding
from modelver.values.verdict import Verdict
from modelver.values.version import Version

Outcome: TypeAlias = Literal["done", "already", "would", "left", "skipped", "refused"]


@attrs.frozen
class Step:
    """One step of a release.

    Attributes:
        name: ``check``, ``register``, ``tag``, ``push``, ``files`` or ``alias``.
        outcome: ``done`` by this call; ``already`` done by an earlier one; what a dry run ``would`` do; ``left`` as it is,
            because somebody moved on since; ``skipped``, as it was not asked for, can't be, or another one is refused; or
            ``refused``.
        detail: What, or why.
    """

    name: str
    outcome: Outcome
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name:<8}  {self.outcome:<7}  {self.detail}".rstrip()


@attrs.frozen
class Release:
    """A release, done or tried; true where nothing refused.

    Attributes:
        model: The model.
        version: The version's number.
        digest: The version's digest.
        record: The version; None where a dry run would make it.
        created: Whether this call registered it.
        previous: The number of the release that it follows; empty where none is lower.
        advice: What the changes since that one call for, and why; None where none is lower.
        first: Whether the model had no release before it.
        tag: The git tag that names it; empty where there is none.
        alias: The alias that was asked for; None where none was.
        moved: Whether the alias names the version now.
        former: What the alias served before, else the release before; empty for nothing.
        metrics: Its metrics beside those of `former`.
        registering: What the gates said of registering it; empty where it was there already.
        moving: What the gates said of the alias.
        files: What was written: ``card`` and ``notes`` to their paths.
        steps: What became of each step.
        findings: What is worth knowing, but is not wrong.
        dry_run: Whether nothing was to be changed.
        error: What was in the way; None where nothing was.
    """

    model: ModelName
    version: Version
    digest: Digest
    record: ModelVersion | None = None
    created: bool = False
    previous: str = ""
    advice: BumpAdvice | None = None
    first: bool = True
    tag: str = ""
    alias: Alias | None = None
    moved: bool = False
    former: str = ""
    metrics: tuple[MetricRow, ...] = ()
    registering: Sequence[Verdict] = ()
    moving: Sequence[Verdict] = ()
    files: Mapping[str, Path] = attrs.field(factory=dict)
    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    dry_run: bool = False
    error: ModelverError | None = attrs.field(default=None, repr=False, eq=False)

    def __bool__(self) -> bool:
        return self.error is None

    @property
    def ref(self) -> str:
        """The reference ``name:version``."""
        return f"{self.model}:{self.version}"

    @property
    def bump(self) -> str:
        """The bump that the changes call for: ``major``, ``minor`` or ``patch``; empty where no release is lower."""
        return self.advice.bump if self.advice else ""

    @property
    def why(self) -> str:
        """Why it has this number, in one line."""
        if self.advice is None:
            return "the first release" if self.first else "lower than every release before it"
        return f"what changed since {self.previous} calls for {self.advice}"

    def raise_if_failed(self) -> None:
        """Raise what was in the way.

        Raises:
            Refused: The gates, the working tree or a pin say no; with the verdicts, where there are any.
            AlreadyExists: The tag is taken by something else.
        """
        if self.error is not None:
            raise self.error

    @property
    def headline(self) -> str:
        """What became of the version, in one line."""
        if self.dry_run or self.record is None:
            registered = any((each.name, each.outcome) == ("register", "already") for each in self.steps)
            if registered or self.record is not None:
                return f"{self.ref} is there already"
            return f"{self.ref} {'would be registered' if self.dry_run else 'was not released'}"
        return f"{self.ref} was registered" if self.created else f"nothing has changed since {self.ref}"

    def __str__(self) -> str:
        lines = [f"{self.headline}: {self.digest.short}", f"  {self.why}"]
        lines += [f"  {step}" for step in self.steps]
        lines += [f"  {verdict}" for verdict in (*self.registering, *self.moving)]
        return "\n".join([*lines, *(f"  note: {each}" for each in self.findings)])

    def summary(self) -> str:
        """Return a summary in Markdown, as for ``$GITHUB_STEP_SUMMARY``; what publishers wrote does nothing in it."""
        from modelver.registry.release.summing import summary

        return summary(self)

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "ref": self.ref,
            "model": str(self.model),
            "version": str(self.version),
            "digest": str(self.digest),
            "created": self.created,
            "previous": self.previous,
            "bump": self.bump,
            "reasons": list(self.advice.reasons) if self.advice else [],
            "tag": self.tag,
            "alias": str(self.alias) if self.alias else "",
            "moved": self.moved,
            "former": self.former,
            "metrics": [row.to_dict() for row in self.metrics],
            "passed": bool(self),
            "verdicts": [each.to_dict() for each in (*self.registering, *self.moving)],
            "files": {name: str(path) for name, path in self.files.items()},
            "steps": [
                {"step": each.name, "outcome": each.outcome, "detail": each.detail} for each in self.steps
            ],
            "notes": [str(each) for each in self.findings],
            "dry_run": self.dry_run,
        }

    def _repr_html_(self) -> str:
        rows = [
            (html.text(each.name), html.text(each.outcome), html.text(each.detail)) for each in self.steps
        ]
        said = [
            (html.text("passed" if each else "FAILED"), html.text(each.check), html.text(each.reason))
            for each in (*self.registering, *self.moving)
        ]
        shown = html.heading(self.headline, self.digest.short) + html.line(self.why)
        shown += html.table(("step", "outcome", ""), rows)
        return shown + (html.table(("", "check", "why"), said) if said else "")
