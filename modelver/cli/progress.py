"""A bar for long work, on stderr, where somebody looks at it."""

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from modelver.cli.terminal import on_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 0.4
"""Seconds of work before a bar appears: what is quick needs none."""


class Bar:
    """Shows bytes done; an fsspec callback as far as modelver needs one. Any thread may tell of progress.

    Args:
        what: What is being done, such as ``hashing``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._size: int | None = None
        self._done = 0
        self._lock = threading.Lock()
        self._wanted = on_terminal(err=True)
        self._started = time.monotonic()
        self._shown: tuple[Progress, TaskID] | None = None

    def set_size(self, size: int | None) -> None:
        """Learn how many bytes there are to do; 0 or None where nobody knows."""
        self._size = size or None

    def relative_update(self, inc: int = 1) -> None:
        """Learn that some more bytes are done."""
        with self._lock:
            self._done += inc
            if self._shown is None and self._wanted and time.monotonic() - self._started > _PATIENCE:
                self._shown = self._show()
            if self._shown is not None:
                bar, task = self._shown
                bar.update(task, completed=self._done)

    def _show(self) -> "tuple[Progress, TaskID]":
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        task = bar.add_task(self._what, total=self._size)
        bar.start()
        return bar, task

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._wanted = False
            if self._shown is not None:
                self._shown[0].stop()
