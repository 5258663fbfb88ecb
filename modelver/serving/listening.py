"""Who wants to know which version begins to answer: traces and headers, without the core knowing of either."""

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from modelver.serving.served import Served

Listener: TypeAlias = Callable[[Served[object]], object]

_LOGGER = logging.getLogger("modelver")


class Listeners:
    """Those who are told at the beginning of each use, in its thread or task.

    Attributes:
        all: They, in the order in which they came; a new tuple each time, so that no use waits for a lock.
    """

    def __init__(self) -> None:
        self.all: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def add(self, listener: Listener) -> None:
        """Tell one more; one that is there already is told once."""
        with self._lock:
            if listener not in self.all:
                self.all = (*self.all, listener)

    def remove(self, listener: Listener) -> None:
        """Tell one no more."""
        with self._lock:
            self.all = tuple(each for each in self.all if each != listener)

    def tell(self, served: Served[object]) -> None:
        """Tell them all; none of them can keep a model from answering."""
        for listener in self.all:
            try:
                listener(served)
            except Exception:  # (telemetry must not fail a request)
                _LOGGER.exception("telemetry failed")


LISTENERS = Listeners()
"""Those of this process."""
