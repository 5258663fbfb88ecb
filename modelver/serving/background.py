"""The thread that looks after an object: it ends with the object, with the process, and begins again after a fork."""

import atexit
import logging
import os
import threading
import weakref
from typing import Protocol

_LOGGER = logging.getLogger("modelver")
_AT_EXIT = 5.0
"""Seconds that the interpreter's end waits for a thread that is at work."""


class Working(Protocol):
    """An object with work to do now and then."""

    def step(self) -> float:
        """Do what is due; return the seconds until the next time."""
        ...

    def reap(self) -> None:
        """Clear away what is done with; also after the end of the thread."""
        ...

    def forked(self) -> None:
        """Go on in a forked child."""
        ...


class Worker:
    """A background thread that calls an object's ``step``; it does not keep the object alive.

    Args:
        subject: The object.
    """

    def __init__(self, subject: Working) -> None:
        self._subject = weakref.ref(subject)
        self._awake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modelver-follow", daemon=True)
        weakref.finalize(subject, self._awake.set).atexit = False

    def start(self) -> None:
        """Begin."""
        subject = self._subject()
        if subject is not None:
            _ALIVE[id(subject)] = subject
        _WORKERS.add(self)
        self._thread.start()

    def wake(self) -> None:
        """Have ``step`` called now; once the thread was stopped, ``reap``, in the caller's."""
        self._awake.set()
        subject = self._subject() if self._stopped.is_set() else None
        if subject is not None:
            subject.reap()

    def stop(self, timeout: float | None = None) -> None:
        """End the thread, and wait until it is done."""
        self._stopped.set()
        self._awake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.is_set():
            subject = self._subject()
            if subject is None:
                return
            try:
                pause = subject.step()
            except BaseException:  # (whatever a caller's function raises, the thread must go on)
                _LOGGER.exception("following an alias failed")
                pause = 1.0
            del subject
            self._awake.wait(min(pause, threading.TIMEOUT_MAX))
            self._awake.clear()


_ALIVE: "weakref.WeakValueDictionary[int, Working]" = weakref.WeakValueDictionary()
_WORKERS: "weakref.WeakSet[Worker]" = weakref.WeakSet()


def _after_fork() -> None:
    _WORKERS.clear()
    for subject in list(_ALIVE.values()):
        subject.forked()


def _at_exit() -> None:
    """End the threads before the interpreter takes away what they use."""
    for worker in list(_WORKERS):
        worker.stop(_AT_EXIT)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
