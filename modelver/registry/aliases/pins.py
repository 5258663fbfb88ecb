"""What a pin says of a move: a person left the alias where it is."""

from collections.abc import Iterator

from modelver.errors import Refused
from modelver.history.state import PinChange, State, VersionEntry
from modelver.values.name import Alias
from modelver.values.verdict import Verdict


def refuse_pinned(state: State, alias: Alias) -> None:
    """Refuse to move an alias that somebody pinned.

    Raises:
        Refused: With who did it, and why.
    """
    held = state.pin(alias)
    if held is None:
        return
    refusal = Refused(
        "the alias is pinned",
        where=f"{state.model}@{alias}",
        found=_pinned(held),
        hint=f"Unpin it first, if that is right: `modelver unpin {state.model} {alias}`, or registry.unpin(...).",
    )
    refusal.verdicts = (_verdict(held),)
    raise refusal


def pin_verdicts(state: State, entry: VersionEntry, alias: Alias) -> Iterator[Verdict]:
    """Yield what a pin says of a move, where one holds the alias and the move goes anywhere."""
    held, named = state.pin(alias), state.aliases.get(alias)
    if held is not None and (named is None or named.digest != entry.digest):
        yield _verdict(held)


def _verdict(held: PinChange) -> Verdict:
    return Verdict("not pinned", False, _pinned(held), "pin")


def _pinned(held: PinChange) -> str:
    return f"pinned by {held.mark.by} at {held.mark.at:%Y-%m-%d %H:%M:%S} UTC: {held.mark.message}"
