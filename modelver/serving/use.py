"""Using what a follower serves, in threads and in tasks."""

from types import TracebackType
from typing import Generic, TypeVar, cast

from modelver.serving.handover import Handover, Slot
from modelver.serving.listening import LISTENERS
from modelver.serving.served import ANSWERING, Mark, Served

T = TypeVar("T")


class Use(Generic[T]):
    """``with follower.use() as served:``, or ``async with`` in a task.

    Inside, `now_serving` and all that logs and traces read of it name this version, whatever is swapped meanwhile, and
    the model is not released.
    """

    def __init__(self, place: Handover[T]) -> None:
        self._place = place
        self._slot: Slot[T] | None = None
        self._mark: Mark | None = None
        self._outer: tuple[Mark, ...] = ()

    def __enter__(self) -> Served[T]:
        slot = self._place.enter(ANSWERING.get())
        assert slot is not None  # noqa: S101 (it waited for one)
        return self._begin(slot)

    def _begin(self, slot: Slot[T]) -> Served[T]:
        self._slot = slot
        self._outer = ANSWERING.get()
        self._mark = Mark(cast("Served[object]", slot.served))
        ANSWERING.set((*_others(self._outer, slot.served), self._mark) if self._outer else (self._mark,))
        if LISTENERS.all:
            LISTENERS.tell(slot.served)
        return slot.served

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        slot, mark = self._slot, self._mark
        self._slot = self._mark = None
        if mark is not None:
            mark.ended = True
            now = ANSWERING.get()
            # Uses may end in another order than they began in (generators), and in another context (web frameworks).
            ANSWERING.set(_going_on(self._outer if now and now[-1] is mark else now))
            self._outer = ()
        if slot is not None:
            self._place.leave(slot)

    async def __aenter__(self) -> Served[T]:
        import asyncio

        slot = self._place.enter(ANSWERING.get(), wait=False)
        while slot is None:  # only between two models that don't fit side by side
            await asyncio.sleep(_PAUSE)
            slot = self._place.enter(ANSWERING.get(), wait=False)
        return self._begin(slot)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)


def _others(outer: tuple[Mark, ...], served: object) -> tuple[Mark, ...]:
    """Return the uses of other models that are there, so that tasks that begin each other don't add up."""
    return tuple(each for each in outer if not each.ended and each() is not None and each() is not served)


def _going_on(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    return tuple(each for each in marks if not each.ended) if marks else ()


_PAUSE = 0.005
