"""Verbs of an asynchronous fsspec filesystem, run on its event loop from any thread, each within a bounded time.

fsspec runs all of its asynchronous filesystems on one loop in one thread of a process. They refuse to work after a fork,
share instances and cache listings, so a store makes one of its own in each process and never uses the caller's.
"""

import os
import time
import weakref
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

SLOWEST = 2**17
"""Bytes a second below which a transfer is given up: parts that are sent at once share one line."""

_FRESH = 3600.0
"""Seconds for which this machine's clock is trusted to go as fast as the server's."""

_STEADY = 5.0
"""Seconds by which this machine's two clocks may differ over that time: more is a sleep, or a clock that was set."""


_inherited: list[object] = []


def _disown() -> None:
    """In a forked child, drop what clients want done at its end on the parent's loop.

    That loop does not run in the child: adlfs would wait for it forever.
    """
    registry: Any = getattr(weakref.finalize, "_registry", {})
    for finalizer in tuple(registry):
        found = finalizer.peek()
        if found and any(isinstance(argument, AbstractEventLoop) for argument in found[2]):
            _inherited.append(finalizer.detach())


if hasattr(os, "register_at_fork"):  # pragma: no branch (Windows has no fork)
    os.register_at_fork(after_in_child=_disown)


def made_anew(filesystem: "AbstractFileSystem") -> "Callable[[], AbstractFileSystem]":
    """Return what makes another filesystem with the same settings: without shared instances, caches or a foreign loop."""
    kind, args = type(filesystem), filesystem.storage_args
    options = {
        **filesystem.storage_options,
        "asynchronous": False,
        "loop": None,
        "use_listings_cache": False,
        "skip_instance_cache": True,
    }
    return lambda: kind(*args, **options)


class Loop:
    """The event loop of a filesystem that was made in this process.

    Args:
        filesystem: Whose.
        timeout: Seconds that a request may take, besides the time for its bytes.
    """

    def __init__(self, filesystem: Any, timeout: float) -> None:
        self._loop = filesystem.loop
        self._timeout = timeout

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], size: int = 0, *, requests: int = 1) -> T:
        """Return what a coroutine returns.

        Args:
            work: Makes the coroutine.
            size: Bytes that it sends or receives.
            requests: How many requests it makes, one after another.

        Raises:
            TimeoutError: It took too long, and was cancelled.
        """
        from fsspec.asyn import sync
        from fsspec.exceptions import FSTimeoutError

        seconds = requests * self._timeout + size / SLOWEST
        try:
            result: Any = sync(self._loop, work, timeout=seconds)
        except FSTimeoutError:
            raise TimeoutError(f"no answer within {seconds:.0f} seconds") from None
        return cast("T", result)


class Dates:
    """A server's clock, as told now and then: by the Date of its answers (RFC 9110, section 6.6.1), for one."""

    def __init__(self) -> None:
        self._seen: tuple[datetime, float, float] | None = None

    def note(self, date: str | None) -> None:
        """Take note of the header of an answer that came just now."""
        if date:
            self.seen(parsedate_to_datetime(date))

    def seen(self, date: datetime) -> None:
        """Take note of what the server's clock says just now."""
        self._seen = date.astimezone(UTC), time.monotonic(), time.time()

    def now(self) -> datetime | None:
        """Return the server's time; None where it did not say it within the last hour, or this machine slept meanwhile."""
        if self._seen is None:
            return None
        date, noted, told = self._seen
        passed = time.monotonic() - noted
        # A machine that sleeps stops the one clock and not the other.
        steady = abs(time.time() - told - passed) < _STEADY
        return date + timedelta(seconds=passed) if passed < _FRESH and steady else None
