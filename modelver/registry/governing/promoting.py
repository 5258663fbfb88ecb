"""Promotion: an alias moves to a version, if the policies let it."""

from collections.abc import Sequence

import attrs

from modelver.errors import InvalidValue, ModelverError
from modelver.gates.judge import refusal
from modelver.registry.aliases.moving import Expected, set_alias
from modelver.registry.aliases.pins import pin_verdicts
from modelver.registry.base.finding import find, parse_ref
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import move_verdicts
from modelver.values import html, wire
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias
from modelver.values.verdict import Verdict


@attrs.frozen
class Promotion:
    """A promotion, done or tried; true where every check passed.

    Attributes:
        version: The version.
        alias: Where it was to go.
        verdicts: What each check said; empty where no policy asks for anything.
        moved: Whether the alias names the version now.
        override: Whether somebody passed over failed checks, for ever on record.
    """

    version: ModelVersion
    alias: Alias
    verdicts: Sequence[Verdict]
    moved: bool
    override: bool = False

    def __bool__(self) -> bool:
        return all(self.verdicts)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The checks that failed."""
        return tuple(verdict for verdict in self.verdicts if not verdict)

    def raise_if_failed(self) -> None:
        """Raise where a check failed.

        Raises:
            Refused: With all verdicts.
        """
        if not self:
            raise self._refusal()

    def _refusal(self) -> ModelverError:
        where = f"{self.version.name}@{self.alias}, to {self.version.version}"
        return refusal(self.verdicts, "the policy does not let this alias move", where)

    def __str__(self) -> str:
        state = f"{self.version.ref} {'is' if self.moved else 'is not'} {self.alias}"
        if self.override:
            state += ", passing over what failed"
        return "\n".join([state, *(f"  {verdict}" for verdict in self.verdicts)])

    def _repr_html_(self) -> str:
        rows = [
            (
                html.text("passed" if verdict else "FAILED"),
                html.text(verdict.check),
                html.text(verdict.reason),
            )
            for verdict in self.verdicts
        ]
        title = f"{self.version.ref} {'is' if self.moved else 'is not'} {self.alias}"
        return html.heading(title, "overridden" if self.override else "") + html.table(
            ("", "check", "why"), rows
        )


def promote(
    session: Session,
    ref: str | ModelVersion,
    alias: Alias,
    *,
    reason: str,
    dry_run: bool,
    override: bool,
    commit_id: str | None,
    expected: Expected = ...,
) -> Promotion:
    """Make an alias name a version, if the policies let it; see `Registry.promote`, and `Registry.set_alias`."""
    wanted = parse_ref(ref)
    if override and not reason.strip():
        raise InvalidValue(
            "an override needs a reason", where=f"{wanted} to {alias}", hint="It is on record for ever."
        )
    state = session.state(wanted.model)
    entry = find(state, wanted)
    version = model_version(session, state, entry)
    if dry_run:
        verdicts = (*pin_verdicts(state, entry, alias), *move_verdicts(session, state, entry, alias))
        return Promotion(version, alias, verdicts, moved=False)
    moved, change = set_alias(
        session,
        wanted.model,
        alias,
        version,
        reason=reason,
        expected=expected,
        commit_id=commit_id,
        cause="promote",
        override=override,
    )
    said = tuple(wire.from_json(each, Verdict, what="a verdict") for each in change.verdicts)
    return Promotion(moved, alias, said, moved=True, override=change.override)
