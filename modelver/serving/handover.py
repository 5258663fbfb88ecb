"""Handing a place over from one model to the next while it is in use."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from modelver.errors import InvalidValue
from modelver.serving.served import ANSWERING, Mark, Served
from modelver.values.model_version import ModelVersion

T = TypeVar("T")


class Slot(Generic[T]):
    """A model that is or was in the place, and how many use it."""

    __slots__ = ("served", "users")

    def __init__(self, served: Served[T]) -> None:
        self.served = served
        self.users = 0


class Handover(Generic[T]):
    """One place for a model; any number of threads use what is in it.

    Args:
        idle: Called when the last user of a model that left the place is done.
    """

    def __init__(self, idle: Callable[[], None]) -> None:
        self._idle = idle
        # The lock itself is taken, as every request does so and a condition's own way to it is slower. A signal's handler,
        # or the end of a generator that is collected, may use or leave the place while this thread holds the lock.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._slot: Slot[T] | None = None
        self._retired: list[Slot[T]] = []
        self._closed = False
        self._keeper = 0

    @property
    def served(self) -> Served[T] | None:
        """What is in the place; None while it is empty."""
        slot = self._slot
        return slot.served if slot else None

    def serves(self, version: ModelVersion) -> bool:
        """Tell whether a version is in the place; who asks by this holds no model that has to go before the next."""
        slot = self._slot
        return slot is not None and slot.served.version == version

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Fill the place in this thread: functions of the caller that are called meanwhile wait for nothing here."""
        self._keeper = threading.get_ident()
        try:
            yield
        finally:
            self._keeper = 0

    @property
    def is_ours(self) -> bool:
        """Whether this thread is the one that fills the place at the moment."""
        return self._keeper == threading.get_ident()

    def enter(self, outer: tuple[Mark, ...], *, wait: bool = True) -> Slot[T] | None:
        """Begin to use what is in the place.

        Args:
            outer: What this thread or task uses already. If some of that is of this place it is used again, so that one
                request has one version, and a place that is being emptied doesn't wait for itself.
            wait: Whether to wait while the place is empty; else None is returned then.

        Raises:
            InvalidValue: The place was closed; or it is empty, and this thread is the one that fills it.
        """
        with self._lock:
            slot = (self._own(outer) or self._slot) if outer else self._slot
            while slot is None and not self._closed and wait:
                if self.is_ours:
                    raise InvalidValue(
                        "there is no model between two", hint="A callback can't wait for what comes after it."
                    )
                self._changed.wait()
                slot = self._slot
            if slot is None and self._closed:
                raise InvalidValue(
                    "the follower was closed", hint="Follow the alias again, or close it later."
                )
            if slot is not None:
                slot.users += 1
            return slot

    def _own(self, outer: tuple[Mark, ...]) -> Slot[T] | None:
        """Return the slot that the caller uses already; one that nobody uses any more may be gone at any moment."""
        slots = self._retired if self._slot is None else [self._slot, *self._retired]
        used = (slot for slot in slots if slot.users)
        return next((slot for slot in used if _is_among(slot, outer)), None)

    def leave(self, slot: Slot[T]) -> None:
        """End a use that `enter` began."""
        with self._lock:
            slot.users -= 1
            done = slot.users == 0 and slot is not self._slot
            if done:
                self._changed.notify_all()
        if done:
            self._idle()

    def put(self, served: Served[T]) -> bool:
        """Put a model into the place; from now on it is what `enter` gives.

        Returns:
            False where the place was closed: `take_idle` gives the model back.
        """
        with self._lock:
            if self._closed:
                self._retired.append(Slot(served))
                return False
            if self._slot is not None:
                self._retired.append(self._slot)
            self._slot = Slot(served)
            self._changed.notify_all()
            return True

    def vacate(self, timeout: float) -> bool:
        """Empty the place: let nobody in, and wait until the last user is done.

        Returns:
            Whether that was so in time; else the model is back in its place.
        """
        with self._lock:
            slot = self._slot
            if slot is None:
                return True
            self._slot = None
            self._retired.append(slot)
            empty = False
            try:
                longest = min(max(0.0, timeout), threading.TIMEOUT_MAX)
                empty = self._changed.wait_for(lambda: slot.users == 0 or self._closed, longest)
            finally:
                # After Ctrl-C the last user may have left, and the model be released already.
                if not empty and not self._closed and slot in self._retired:
                    self._retired.remove(slot)
                    self._slot = slot
                    self._changed.notify_all()
            return empty

    def take_idle(self) -> list[T]:
        """Return the models that left the place and that nobody uses any more, and forget them."""
        with self._lock:
            idle: list[Slot[T]] = []
            used: list[Slot[T]] = []
            for slot in self._retired:
                (used if slot.users else idle).append(slot)
            self._retired = used
        return [slot.served.model for slot in idle]

    def close(self) -> None:
        """Empty the place for good; those who use the model may go on."""
        with self._lock:
            self._closed = True
            if self._slot is not None:
                self._retired.append(self._slot)
                self._slot = None
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether the place was closed."""
        return self._closed

    def forked(self, idle: Callable[[], None]) -> None:
        """Begin anew in a forked child: other threads, and what they held, did not come along."""
        self._idle = idle
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._keeper = 0
        self._retired = []
        slot = self._slot
        if slot is not None and slot.users and _is_among(slot, ANSWERING.get()):
            slot.users = 1  # of the thread that forked, which goes on with what it uses
        elif slot is not None:
            self._slot = Slot(slot.served)


def _is_among(slot: Slot[T], marks: tuple[Mark, ...]) -> bool:
    """Tell whether one of the uses that go on is of a slot."""
    return any(not each.ended and each() is slot.served for each in marks)
