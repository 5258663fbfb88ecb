"""Whether what several clients saw of one log can have happened one after the other: linearizability, for a log.

Each append returns the number of its commit, so no search is needed: numbers are unique and without gaps, and their order
agrees with the clock wherever one call had ended before another began. A read returns the highest number that it saw, and
stands right after that commit. Sorting makes it O(n log n).
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Operation(NamedTuple):
    """One call that succeeded.

    Attributes:
        start, end: When it began and when it returned, by one clock for all clients.
        seq: The number of the commit that it made, or the highest that it saw.
        writes: Whether it made one.
        client: Who called.
    """

    start: float
    end: float
    seq: int
    writes: bool = True
    client: str = ""


def faults(history: Iterable[Operation], *, first: int = 1) -> list[str]:
    """Return what is wrong with a history; nothing where some order of its calls explains it.

    Args:
        history: All calls that succeeded, in any order.
        first: The number of its first commit.
    """
    # A read of n stands between commit n and commit n + 1.
    order = sorted(history, key=_place)
    return [*_numbering([call.seq for call in order if call.writes], first), *_disorder(order)]


def _place(call: Operation) -> tuple[int, bool]:
    return call.seq, not call.writes


def _numbering(numbers: Sequence[int], first: int) -> list[str]:
    """Compare the numbers of commits, sorted, with those that they should be."""
    twice = sorted({one for one, other in itertools.pairwise(numbers) if one == other})
    found = [f"commit {number} was made twice" for number in twice]
    last = numbers[-1] if numbers else first - 1
    missing = set(range(first, last + 1)) - set(numbers)
    found += [f"commit {number} is missing" for number in sorted(missing)]
    if numbers and numbers[0] < first:
        found.append(f"commit {numbers[0]} is before the first")
    return found


def _disorder(order: Sequence[Operation]) -> list[str]:
    """Find calls that had ended before another began which nevertheless stands before them."""
    found = []
    latest: Operation | None = None
    for _, group in itertools.groupby(order, key=_place):
        calls = list(group)
        found += [
            f"{call} had ended before {latest} began"
            for call in calls
            if latest is not None and call.end < latest.start
        ]
        latest = max(filter(None, (latest, *calls)), key=lambda call: call.start)
    return found
