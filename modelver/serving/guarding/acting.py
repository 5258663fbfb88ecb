"""What a guard does about a breach."""

from datetime import timedelta
from typing import Literal

import attrs

from modelver.errors import Conflict, ModelverError, NotFound, Refused
from modelver.serving.guarding.recording import Recorder
from modelver.serving.guarding.report import GuardReport
from modelver.serving.watched import GuardedRegistry, Watched

_MESSAGE = 500


@attrs.frozen
class Hand:
    """Rolls back, unless something forbids that.

    Attributes:
        registry: The registry.
        cooldown: How long a guard lets be what a guard went back to.
        recorder: Puts on record what was seen; None for nobody.
        dry_run: Only tell.
    """

    registry: GuardedRegistry
    cooldown: timedelta
    recorder: Recorder | None
    dry_run: bool = attrs.field(kw_only=True)

    def act(self, seen: Watched, report: GuardReport) -> GuardReport:
        """Do what a breach calls for, and return the report with what was done."""
        if seen.pinned is not None:
            pin = seen.pinned
            return attrs.evolve(report, outcome="pinned", reason=f"pinned by {pin.by}: {pin.message}")
        if seen.back is None:
            reason = "there is no earlier version, or each was yanked or rolled away from"
            return attrs.evolve(report, outcome="nothing_to_go_back_to", reason=reason)
        left = seen.current.since + self.cooldown - report.at
        if seen.cause == "guard" and left > timedelta(0):
            since = f"{seen.current.since:%Y-%m-%d %H:%M:%S} UTC"
            reason = f"a guard rolled back at {since}: {int(left.total_seconds()):,} s of cool-down left"
            return attrs.evolve(report, outcome="waiting", reason=reason)
        if self.dry_run:
            to = str(seen.back.version.version)
            return attrs.evolve(report, reason=f"it would go back to {to}", went_to=to)
        return self._roll_back(seen, report)

    def _roll_back(self, seen: Watched, report: GuardReport) -> GuardReport:
        breach = report.breach
        why = f"guard: {breach}"
        try:
            version = self.registry.rollback_on_breach(
                seen.model,
                seen.alias,
                breach,
                expected=seen.generation,
                reason=why if len(why) <= _MESSAGE else f"{why[: _MESSAGE - 1]}…",
            )
        except Conflict:
            return attrs.evolve(report, outcome="waiting", reason="the alias moved meanwhile")
        except (NotFound, Refused) as error:
            return attrs.evolve(report, outcome=_outcome(error), reason=str(error))
        except ModelverError as error:
            return attrs.evolve(report, reason=f"it could not be rolled back yet: {error}")
        notes = tuple(self.recorder.breach(seen, breach, seen.generation)) if self.recorder else ()
        return attrs.evolve(
            report,
            outcome="rolled_back",
            reason=str(breach),
            went_to=str(version.version),
            notes=(*report.notes, *notes),
        )


def _outcome(error: NotFound | Refused) -> Literal["pinned", "nothing_to_go_back_to"]:
    """Tell a pin that was set meanwhile from a want of versions."""
    verdicts = error.verdicts if isinstance(error, Refused) else ()
    pinned = any(getattr(verdict, "kind", "") == "pin" for verdict in verdicts)
    return "pinned" if pinned else "nothing_to_go_back_to"
