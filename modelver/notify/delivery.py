"""Telling one recipient of one event, with patience."""

import random
import time
from collections.abc import Callable
from typing import Literal

import attrs

from modelver.errors import ModelverError
from modelver.notify.happening import Happening, Kind
from modelver.notify.message import TYPES, Message, headers, read_secrets
from modelver.notify.posting import Answer, post
from modelver.notify.target import Target
from modelver.values.canonical import Json

Outcome = Literal["delivered", "pending", "given_up", "stopped", "dry_run"]

_GONE = 410
_LATER = frozenset({408, 425, 429})


@attrs.frozen
class Patience:
    """How long one event is tried.

    Attributes:
        tries: How often.
        first: Seconds that the first pause takes at most; each further one is twice as long, and a random part of that.
        longest: Seconds that a pause takes at most; a recipient that asks for more is left for another time.
        timeout: Seconds for one try.
        gives_up: Whether an event that was refused each time is passed over.
        pause: Waits so many seconds.
    """

    tries: int = 5
    first: float = 1.0
    longest: float = 30.0
    timeout: float = 10.0
    gives_up: bool = True
    pause: Callable[[float], object] = time.sleep


AT_ONCE = Patience(tries=1, gives_up=False)
"""For who has just committed: one try; the rest is left to ``modelver notify``."""


@attrs.frozen
class Delivery:
    """What became of one event for one recipient.

    Attributes:
        target: What the recipient is called; never its address.
        id: The event's id.
        kind: ``promote``, ``rollback``, ``yank``, ``reject``, ``approve`` or ``test``.
        subject: The reference that it is about.
        seq: The commit's number.
        outcome: ``delivered``; ``pending``, to be tried again; ``given_up``: refused each time, and passed over;
            ``stopped``: the recipient said 410 Gone, and is told nothing more; or ``dry_run``.
        tries: How often it was posted, with the refused tries of earlier rounds.
        detail: Why it was not delivered.
        retry_after: Seconds that the recipient asks to be left alone; 0 where it says nothing.
        told: What happened, in words.
        is_refused: Whether it waits though it was refused, since the recipient asks for more time: then `tries` counts on.
    """

    target: str
    id: str
    kind: Kind
    subject: str
    seq: int
    outcome: Outcome
    tries: int = 0
    detail: str = ""
    retry_after: float = 0.0
    told: str = ""
    is_refused: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether the event is done with."""
        return self.outcome in {"delivered", "given_up", "dry_run"}

    def __str__(self) -> str:
        words = {
            "delivered": "told",
            "pending": "could not tell",
            "given_up": "gave up telling",
            "stopped": "stopped telling",
            "dry_run": "would tell",
        }
        why = f": {self.detail}" if self.detail else ""
        return f"{words[self.outcome]} {self.target} that {self.told}{why}"

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "target": self.target,
            "id": self.id,
            "type": TYPES[self.kind],
            "subject": self.subject,
            "commit": self.seq,
            "outcome": self.outcome,
            "tries": self.tries,
            "detail": self.detail,
        }


def delivery(happening: Happening, target: Target, name: str, outcome: Outcome) -> Delivery:
    """Return what became of an event, before anything is known of it."""
    return Delivery(
        target=target.label,
        id=name,
        kind=happening.kind,
        subject=happening.subject if happening.model else "",
        seq=happening.seq,
        outcome=outcome,
        told=str(happening),
    )


def deliver(
    happening: Happening, target: Target, message: Message, patience: Patience, refused: int = 0
) -> Delivery:
    """Post a message until it is taken, or patience ends.

    Args:
        happening: What happened.
        target: Who is told.
        message: What is posted.
        patience: How long it is tried.
        refused: How often it was tried and refused before.
    """
    found = delivery(happening, target, message.id, "pending")
    try:
        secrets = read_secrets(target.secret_env)
    except ModelverError as error:
        return attrs.evolve(found, detail=str(error))
    answer = Answer()
    for number in range(min(refused, patience.tries - 1) + 1, patience.tries + 1):
        signed = headers(message, secrets, int(time.time()))
        answer = post(target, message.body, signed, patience.timeout)
        found = attrs.evolve(found, tries=number, detail=str(answer), retry_after=answer.retry_after or 0.0)
        if answer.is_delivered:
            return attrs.evolve(found, outcome="delivered", detail="")
        if answer.status == _GONE:
            return attrs.evolve(found, outcome="stopped")
        if found.retry_after > patience.longest or number == patience.tries:
            break
        patience.pause(answer.retry_after if answer.retry_after is not None else _pause(patience, number))
    counts = patience.gives_up and _is_refusal(answer)
    given_up = counts and found.tries == patience.tries
    return attrs.evolve(
        found, outcome="given_up" if given_up else "pending", is_refused=counts and not given_up
    )


def _pause(patience: Patience, number: int) -> float:
    """Return how long to wait after a try: exponential backoff with full jitter."""
    longest = min(patience.first * 2.0 ** (number - 1), patience.longest)
    return random.uniform(0, longest)  # noqa: S311 (no secret)


def _is_refusal(answer: Answer) -> bool:
    """Tell whether asking again would be answered alike: redirects, which are not followed, and the client's faults."""
    return 300 <= answer.status < 500 and answer.status not in _LATER  # noqa: PLR2004 (RFC 9110, section 15)
