"""Progress of long work, told to an fsspec Callback."""

import threading
from collections.abc import Callable
from typing import Protocol


class Callback(Protocol):
    """What modelver needs of an ``fsspec.callbacks.Callback``, such as ``TqdmCallback()``."""

    def set_size(self, size: int | None) -> None:
        """Learn how many bytes there are to do."""
        ...

    def relative_update(self, inc: int = 1) -> None:
        """Learn that some more bytes are done."""
        ...


def progress(callback: Callback | None, size: int) -> Callable[[int], None] | None:
    """Return a function that many threads may tell of bytes done; callbacks need not be thread-safe."""
    if callback is None:
        return None
    callback.set_size(size)
    lock = threading.Lock()

    def on_bytes(count: int) -> None:
        with lock:
            callback.relative_update(count)

    return on_bytes
