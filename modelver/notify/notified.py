"""What a round of telling came to."""

from collections import Counter

import attrs

from modelver.errors import StoreError
from modelver.notify.delivery import Delivery
from modelver.values import html
from modelver.values.canonical import Json


@attrs.frozen
class Notified:
    """Who was told of what; true where nothing is left to be told.

    Attributes:
        deliveries: What became of each event for each recipient that wants it, in the order of the logs.
        notes: What is worth knowing: recipients that begin now or are told no more, models that could not be read.
        targets: What the recipients are called.
    """

    deliveries: tuple[Delivery, ...] = ()
    notes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    unread: bool = attrs.field(default=False, repr=False)

    def __bool__(self) -> bool:
        return not self.unread and all(each.is_settled for each in self.deliveries)

    @property
    def pending(self) -> tuple[Delivery, ...]:
        """What has to be tried again; what comes after it in the same log waits for it."""
        return tuple(each for each in self.deliveries if each.outcome == "pending")

    @property
    def given_up(self) -> tuple[Delivery, ...]:
        """What was refused each time, and was passed over."""
        return tuple(each for each in self.deliveries if each.outcome == "given_up")

    def raise_if_failed(self) -> None:
        """Raise where something is left to be told.

        Raises:
            StoreError: It names the first deliveries that failed.
        """
        if not self:
            failed = [str(each) for each in self.deliveries if not each.is_settled]
            raise StoreError(
                "not everybody could be told",
                found="; ".join((failed or list(self.notes))[:5]),
                hint="`modelver notify` tries again.",
            )

    @property
    def summary(self) -> str:
        """How many events were delivered, are pending, and so on."""
        counts = Counter(each.outcome for each in self.deliveries)
        words = ", ".join(f"{number:,} {outcome.replace('_', ' ')}" for outcome, number in counts.items())
        return words or "nothing to tell"

    def __str__(self) -> str:
        return "\n".join(
            [self.summary, *map(str, self.deliveries), *(f"note: {each}" for each in self.notes)]
        )

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "ok": bool(self),
            "targets": list(self.targets),
            "deliveries": [each.to_dict() for each in self.deliveries],
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        rows = [
            (html.text(each.target), html.code(each.subject), html.text(each.outcome), html.text(each.detail))
            for each in self.deliveries
        ]
        shown = html.table(("recipient", "about", "outcome", "why"), rows) if rows else ""
        return html.heading(f"Told: {self.summary}", "; ".join(self.notes)) + shown
