"""Work that nobody waits for: one short-lived thread per recipient, and a little patience at the end of the process.

What is not done by then is not lost: the recipient's place in the log has not moved, and ``modelver notify`` goes on
from there. So threads are daemons, a forked child begins with none, and a full queue turns work away.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable

AT_EXIT = 2.0
"""Seconds that the interpreter's end waits for what is being told."""

MAX_WAITING = 100
"""Jobs that may wait for each recipient."""

Job = Callable[[], object]

_LOGGER = logging.getLogger("modelver")


class Background:
    """Runs jobs, those of one lane one after the other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lanes: dict[Hashable, dict[Hashable, Job]] = {}
        self._is_waited_for = True

    def submit(self, lane: Hashable, key: Hashable, job: Job) -> bool:
        """Have a job done soon.

        Args:
            lane: Jobs of one lane are done by one thread.
            key: A job that waits under the same key is not done twice.
            job: What to do.

        Returns:
            False where too many wait already.
        """
        with self._changed:
            self._is_waited_for = True
            waiting = self._lanes.get(lane)
            if waiting is not None:
                if key not in waiting and len(waiting) >= MAX_WAITING:
                    return False
                waiting.setdefault(key, job)
                return True
            self._lanes[lane] = {key: job}
        try:
            threading.Thread(target=self._work, args=(lane,), name="modelver-notify", daemon=True).start()
        except RuntimeError:  # too many threads, or the interpreter is ending
            self._end(lane)
            return False
        return True

    def wait(self, seconds: float) -> bool:
        """Wait until all is done, for so long at most; tell whether it is."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._lanes:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def finish(self, seconds: float = AT_EXIT) -> None:
        """Wait for what is being told, for so long at most and only once, and say if somebody was not told yet."""
        try:
            if self._is_waited_for and not self.wait(seconds):
                _LOGGER.warning("not everybody was told yet; `modelver notify` goes on with it")
        except KeyboardInterrupt:
            _LOGGER.warning("somebody may not be told yet; `modelver notify` goes on with it")
        self._is_waited_for = False

    def _work(self, lane: Hashable) -> None:
        while (job := self._next(lane)) is not None:
            try:
                job()
            except BaseException as error:  # noqa: BLE001 (nobody else would tell of it, nor go on with the lane)
                _LOGGER.warning("telling people failed: %s", error)

    def _next(self, lane: Hashable) -> Job | None:
        """Take the next job; where there is none, the lane ends, and a later job begins it again."""
        with self._changed:
            waiting = self._lanes[lane]
            if waiting:
                return waiting.pop(next(iter(waiting)))
            self._end(lane)
            return None

    def _end(self, lane: Hashable) -> None:
        with self._changed:
            del self._lanes[lane]
            self._changed.notify_all()


_background = Background()


def background() -> Background:
    """Return this process's."""
    return _background


def _begin_anew() -> None:
    """In a forked child: its parent does what waits, and a lock may be held by a thread that is not here."""
    global _background  # noqa: PLW0603 (one for each process)
    _background = Background()


def _at_exit() -> None:
    _background.finish()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
