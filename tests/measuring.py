"""Where coverage is measured: not in threads that run other people's code, which takes more than twice as long there."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import attrs
from fsspec.asyn import get_loop

if TYPE_CHECKING:
    import pytest  # benchmarks, which start the same servers, have none


@attrs.frozen
class OwnThreads:
    """Has a new thread measured unless it is fsspec's, which speaks to buckets, or paramiko's.

    Attributes:
        measure: What coverage would have each new thread call.
    """

    measure: Callable[[FrameType, str, object], object]

    def __call__(self, frame: FrameType, event: str, argument: object) -> object:
        """Begin to measure the thread that this is called in, or leave it alone."""
        thread = threading.current_thread()
        if thread.name == "fsspecIO" or type(thread).__module__.startswith("paramiko."):
            sys.settrace(None)
            return None
        return self.measure(frame, event, argument)


def measure_own_threads() -> None:
    """Measure no foreign threads from now on."""
    measure = threading.gettrace()
    if measure is not None:
        threading.settrace(OwnThreads(measure))


@contextmanager
def measured_loop() -> Iterator[None]:
    """Measure fsspec's thread after all, since coroutines of our own run in it."""
    found = threading.gettrace()
    if not isinstance(found, OwnThreads):
        yield
        return
    get_loop().call_soon_threadsafe(sys.settrace, found.measure)
    yield
    get_loop().call_soon_threadsafe(sys.settrace, None)


def unmeasured_environment() -> dict[str, str]:
    """Return the environment without what has coverage measure in a process that is started."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE")}


def leave_unmeasured(patch: "pytest.MonkeyPatch") -> None:
    """Take that out of this process's own environment, until the patch ends."""
    for name in os.environ.keys() - unmeasured_environment().keys():
        patch.delenv(name)
