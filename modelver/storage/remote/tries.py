"""Trying again: exponential backoff with full jitter, within a bounded time.

The rule is that of Marc Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
"""

import random
import time

DEFAULT_TIMEOUT = 60.0
"""Seconds that a request may take with all its repetitions."""

_FIRST = 0.1
_LONGEST = 5.0
_NOBODY_THERE = 3


def attempt_timeout(timeout: float) -> float:
    """Return the seconds after which a single request without an answer is given up."""
    return max(0.5, min(15.0, timeout / 3))


class Tries:
    """The tries of one call.

    Args:
        timeout: Seconds within which the last try has to end.
    """

    def __init__(self, timeout: float) -> None:
        self._last_start = time.monotonic() + timeout - attempt_timeout(timeout)
        self._longest = _FIRST
        self._unanswered = 0

    def again(self, *, reached: bool) -> bool:
        """Wait for the next try; False where there is none.

        Args:
            reached: Whether the server answered, or at least took the request; a place where nobody listens is given
                up after a few tries.
        """
        self._unanswered = 0 if reached else self._unanswered + 1
        pause = random.uniform(0, self._longest)  # noqa: S311 (no secret)
        self._longest = min(2 * self._longest, _LONGEST)
        if self._unanswered >= _NOBODY_THERE or time.monotonic() + pause > self._last_start:
            return False
        time.sleep(pause)
        return True
