"""Following an alias: the newest version that loads and passes its check, swapped in while requests are served."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

from modelver.errors import Offline
from modelver.serving.background import Worker
from modelver.serving.candidate import Candidate, Maker, StageFailed, first_at_hand
from modelver.serving.change import Change, Figures, Stage
from modelver.serving.handover import Handover
from modelver.serving.journal import Journal, call, line
from modelver.serving.served import ANSWERING, Served
from modelver.serving.source import Sighting
from modelver.serving.troubles import Troubles
from modelver.serving.use import Use
from modelver.values.model_version import ModelVersion

T = TypeVar("T")
Swap = Literal["overlap", "drain"]

_LOGGER = logging.getLogger("modelver")


class Follower(Generic[T]):
    """Serves what an alias names, and follows it as it moves; made by `Registry.follow`.

    Any number of threads and tasks may use it, and forked children: in each of these it goes on by itself.

    Args:
        maker: Makes models of versions.
        interval: Seconds between two looks, a tenth more or less.
        swap: ``overlap`` or ``drain``; see `Registry.follow`.
        on_change: Told of each change.
        release: Told of each model that nobody uses any more.
        drain_timeout: Seconds that ``drain`` waits for those who use the old model.

    Raises:
        ModelverError: The first version can't be resolved, fetched or verified; or what ``load`` and ``check`` raise.
    """

    def __init__(
        self,
        maker: Maker[T],
        *,
        interval: float,
        swap: Swap,
        on_change: Callable[[Change], object] | None,
        release: Callable[[T], object] | None,
        drain_timeout: float,
    ) -> None:
        self.interval = interval
        self._maker = maker
        self._swap = swap
        self._release = release
        self._drain_timeout = drain_timeout
        self._confirmed = time.monotonic()
        # Each try of a version interrupts those who wait, where the old model has to go first.
        self._troubles = Troubles(interval, final=("load", "check") if swap == "drain" else ())
        self._journal = Journal(maker.ref, self._troubles, on_change)
        self._last: ModelVersion | None = None
        self._working = threading.Lock()
        self._due = 0.0
        self._worker = Worker(self)
        self._place: Handover[T] = Handover(self._worker.wake)
        self._begin()
        self._due = time.monotonic() + random.uniform(0, interval)  # noqa: S311 (so that replicas don't ask in step)
        self._worker.start()

    def _begin(self) -> None:
        """Load the first version, or raise what keeps it from being loaded."""
        sighting = self._maker.look()
        self._note_age(sighting)
        try:
            candidate = self._maker.fetch(sighting.version).load()
        except StageFailed as failure:
            earlier = first_at_hand(self._maker) if isinstance(failure.error, Offline) else None
            if earlier is None:
                raise failure.error from None
            self._put(earlier[1], earlier[0], None)
            self._fail(failure.stage, failure.error, sighting)
        else:
            self._put(candidate, sighting, None)

    @property
    def ref(self) -> str:
        """The reference that is followed."""
        return self._maker.ref

    def use(self) -> Use[T]:
        """Use the model: ``with follower.use() as served:`` gives ``served.model`` and ``served.version``.

        Inside, `now_serving`, logs and spans name this version, and the model is not released. A use within a use
        gives the same version. With ``swap="drain"`` it waits while there is no model; ``async with`` waits without
        blocking the loop.

        Raises:
            InvalidValue: The follower was closed.
        """
        return Use(self._place)

    @property
    def current(self) -> Served[T]:
        """What is served now; it may be released once it is swapped out, so answer requests within `use`.

        With ``swap="drain"`` it waits while there is no model; `serving` does not.

        Raises:
            InvalidValue: The follower was closed.
        """
        # No use in which a request is answered: headers and spans are not told of it.
        slot = self._place.enter(ANSWERING.get())
        assert slot is not None  # noqa: S101 (it waited for one)
        self._place.leave(slot)
        return slot.served

    @property
    def serving(self) -> Served[T] | None:
        """What is served at this moment, without waiting for it; None between two models, and once it is closed."""
        return self._place.served

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._place.is_closed

    @property
    def age(self) -> float:
        """Seconds since the registry last confirmed what the reference names; grows while it can't be reached."""
        return time.monotonic() - self._confirmed

    @property
    def history(self) -> tuple[Change, ...]:
        """What was swapped in and what could not be, the oldest first: the last thousand, and the last swap."""
        return self._journal.changes

    @property
    def failing(self) -> Change | None:
        """Why what the reference names now is not served, or can't be told; None where all is well."""
        return self._troubles.last

    def figures(self) -> Figures:
        """Return the follower in numbers, for metrics."""
        return self._journal.figures(self.age)

    def check_now(self) -> Served[T]:
        """Look at the registry now, in this thread, swap if there is something to swap, and return what is served.

        A version that failed before is tried again. What fails is not raised: it is in `failing`.

        Raises:
            InvalidValue: The follower was closed.
        """
        if not self._place.is_ours:  # (a callback's call is part of what goes on already)
            self._tick(asked=True)
        return self.current

    def close(self, timeout: float | None = None) -> None:
        """Follow no more. Those who use the model may go on; it is released when they are done.

        Args:
            timeout: Seconds to wait for a ``load`` or ``check`` that is at work; None: until it is done. What it makes is
                not served in any case.
        """
        self._place.close()
        # The thread may be waiting for who calls a callback, so nobody waits for it there.
        self._worker.stop(0.0 if self._place.is_ours else timeout)
        self.reap()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        served = self._place.served
        return f"Follower({self.ref!r}, serving {served.version.version if served else 'nothing'})"

    def _repr_html_(self) -> str:
        served = self._place.served
        return self._journal.html(f"serving {served.version.ref}" if served else "", self.age)

    def step(self) -> float:
        """Do what is due, in the background; return the seconds until the next time."""
        self.reap()
        if time.monotonic() >= self._due:
            try:
                self._tick()
            finally:  # what goes wrong there each time does so no more often
                self._due = time.monotonic() + self.interval * random.uniform(0.9, 1.1)  # noqa: S311 (as above)
        return max(0.0, self._due - time.monotonic())

    def forked(self) -> None:
        """Go on in a forked child, where the background thread and its locks did not come along."""
        self._working = threading.Lock()
        self._worker = Worker(self)
        self._place.forked(self._worker.wake)
        self._due = time.monotonic() + random.uniform(0, self.interval)  # noqa: S311 (as above)
        if self._place.served is None:
            self._due = 0.0
        if not self._place.is_closed:
            self._worker.start()

    def _tick(self, *, asked: bool = False) -> None:
        """Look once, and swap where there is something to swap; who asks for it has what failed tried again."""
        with self._working, self._place.kept():
            self.reap()
            if self.is_closed:
                return
            if asked:  # (here, as a try that goes on may fail after this call began)
                self._troubles.forget_rest()
            try:
                sighting = self._maker.look()
            except Exception as error:  # noqa: BLE001 (whatever it is, the old version serves on)
                self._restore()
                self._fail("resolve", error, None)
                return
            self._note_age(sighting)
            if sighting.as_of is not None:
                self._restore()
                self._fail(
                    "resolve", f"the registry can't be reached since {sighting.as_of:%H:%M:%S} UTC", None
                )
                return
            if self._troubles.end("resolve"):
                _LOGGER.info("%s: the registry answers again", self.ref)
            self._journal.seen(sighting)
            if self._place.serves(sighting.version):
                self._troubles.clear()
            elif not self._troubles.is_resting(sighting):
                self._change_to(sighting)
            else:
                self._restore()

    def _note_age(self, sighting: Sighting) -> None:
        # A clock that was set back must not make what is known younger than it is.
        old = max(0.0, (datetime.now(UTC) - sighting.as_of).total_seconds()) if sighting.as_of else 0.0
        confirmed = time.monotonic() - old
        self._confirmed = max(self._confirmed, confirmed) if self._journal.swaps else confirmed

    def _change_to(self, sighting: Sighting) -> None:
        """Fetch, load and check a version, and put it in the old one's place."""
        try:
            fetched = self._maker.fetch(sighting.version)
            if self._swap == "drain":
                self._make_room()
            candidate = fetched.load()
        except StageFailed as failure:
            stage, error = failure.stage, line(failure.error)
        else:
            self._put(candidate, sighting, self._last)
            return
        # Here, as the failure's frames hold the model that failed, and a device may have room for only one.
        self._restore()  # before anybody is told, who may want to know what is served on
        self._fail(stage, error, sighting)

    def _make_room(self) -> None:
        """Wait until nobody uses the old model, and release it."""
        if not self._place.vacate(self._drain_timeout):
            late = TimeoutError(f"the old model was still in use after {self._drain_timeout:g} s")
            raise StageFailed("drain", late)
        self.reap()

    def _restore(self) -> None:
        """Load the last good version again, where its successor failed after it had been released."""
        if self._last is None or self._place.is_closed or self._place.served is not None:
            return
        try:
            candidate = self._maker.fetch(self._last).load()
        except StageFailed as failure:
            _LOGGER.warning("%s: %s can't be loaded again: %s", self.ref, self._last.ref, line(failure.error))
        else:
            self._place.put(candidate.served)
            self.reap()  # (it was closed meanwhile)

    def _put(self, candidate: Candidate[T], sighting: Sighting, previous: ModelVersion | None) -> None:
        if self._place.put(candidate.served):  # (else it was closed meanwhile)
            self._last = sighting.version
            self._journal.swapped(sighting, previous, candidate.fetch_seconds, candidate.load_seconds)
        self.reap()

    def _fail(self, stage: Stage, error: BaseException | str, sighting: Sighting | None) -> None:
        self._journal.failed(stage, error, sighting, self._last)

    def reap(self) -> None:
        """Release the models that left their place and that nobody uses any more."""
        for model in self._place.take_idle():
            if self._release is not None:
                call(self._release, model, f"{self.ref}: release failed")
