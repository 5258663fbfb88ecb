"""A few reused buffers, and the steps that each filled buffer goes through.

SHA-256 is the limit: reading, fingerprints and copying should hide behind it. With a core to spare each step has a
thread of its own and works on an older buffer while the reader fills the next; they all let go of Python's lock. Where
the cores are busy with other files, more threads would only disturb, and the reader does the steps itself.
"""

import os
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Self

BUFFERS = 4
"""Buffers in a ring: one being filled, the others waiting for the slowest step or in its hands."""

Step = Callable[[memoryview], object]


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity to ask for
        return os.cpu_count() or 1


class _Busy:
    """How many rings are at work in this process."""

    def __init__(self) -> None:
        self.rings = 0
        self._lock = threading.Lock()

    def change(self, by: int) -> None:
        with self._lock:
            self.rings += by


_busy = _Busy()


def _begin_anew() -> None:
    """In a forked child: its parent's rings are not at work here, and a thread that is not here may hold the lock."""
    global _busy  # noqa: PLW0603 (one for each process)
    _busy = _Busy()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class _Stage:
    """One step, in the reader's thread or in its own; it sees the buffers in order."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._todo: SimpleQueue[memoryview | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._pending = 0
        self._thread: threading.Thread | None = None
        self._dropping = False

    def take(self, chunk: memoryview, *, apart: bool) -> None:
        if not apart:
            self.wait(0)
            self._step(chunk)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="modelver-hashing", daemon=True)
            self._thread.start()
        self._pending += 1
        self._todo.put(chunk)

    def wait(self, pending: int) -> None:
        """Wait until at most so many buffers are in this stage's hands, and pass its error on."""
        while self._pending > pending:
            error = self._done.get()
            self._pending -= 1
            if error is not None:
                raise error

    def stop(self) -> None:
        """End the thread; buffers that still wait are dropped."""
        self._dropping = True
        if self._thread is not None:
            self._todo.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (chunk := self._todo.get()) is not None:
            try:
                if not self._dropping:
                    self._step(chunk)
            except BaseException as error:  # noqa: BLE001 - it is raised again where the reader waits
                self._dropping = True
                self._done.put(error)
            else:
                self._done.put(None)


class Ring:
    """Buffers in turn: `buffer` gives one to fill, `pass_on` sends its filled part through every step.

    Used as a context manager. All steps have seen all buffers once `finish` has returned; leaving ends the threads.

    Args:
        steps: What to do with each filled part, in any thread, but one part at a time and in order.
        size: Bytes of a buffer.
        threads: Whether steps may have threads of their own; for little work these cost more than they save.
    """

    def __init__(self, steps: Sequence[Step], size: int, *, threads: bool) -> None:
        self._stages = [_Stage(step) for step in steps]
        self._size = size
        self._most_rings = usable_cores() // 2 if threads else 0
        self._buffers: list[memoryview] = []
        self._current = 0

    def buffer(self) -> memoryview:
        """Return a buffer that no step needs any more; waits for one, and raises what a step raised."""
        for stage in self._stages:
            stage.wait(BUFFERS - 1)
        if self._current == len(self._buffers):
            self._buffers.append(memoryview(bytearray(self._size)))
        return self._buffers[self._current]

    def pass_on(self, chunk: memoryview) -> None:
        """Send the filled part of the last buffer through the steps."""
        apart = _busy.rings <= self._most_rings
        for stage in self._stages:
            stage.take(chunk, apart=apart)
        if apart:
            self._current = (self._current + 1) % BUFFERS

    def finish(self) -> None:
        """Wait until every step has seen every buffer, and raise what one raised."""
        for stage in self._stages:
            stage.wait(0)

    def __enter__(self) -> Self:
        _busy.change(1)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _busy.change(-1)
        for stage in self._stages:
            stage.stop()
