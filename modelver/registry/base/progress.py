"""Progress of long work, told to an fsspec Callback."""

import threading
from typing import Protocol


class Callback(Protocol):
    """What modelver needs of an ``fsspec.callbacks.Callback``, such as ``TqdmCallback()``."""

    def set_size(self, size: int | None) -> None:
        """Learn how many bytes there are to do."""
        ...

    def relative_update(self, inc: int = 1) -> None:
        """Learn that some more bytes are done."""
        ...


class Progress:
    """Tells a callback of bytes done, never of more than there are; callbacks need not be thread-safe.

    Args:
        callback: Who is told; None tells nobody.
        size: How many bytes there are to do.
    """

    def __init__(self, callback: Callback | None, size: int) -> None:
        self._callback = callback
        self._left = size
        self._lock = threading.Lock()
        if callback is not None:
            callback.set_size(size)

    def __call__(self, count: int) -> None:
        """Tell of some more bytes; many threads may."""
        if self._callback is None:
            return
        with self._lock:
            count = min(count, self._left)
            self._left -= count
            if count:
                self._callback.relative_update(count)

    def finish(self) -> None:
        """Tell of those that needed no work."""
        self(self._left)
