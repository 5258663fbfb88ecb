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

    def __enter__(self) -> Served[T]:
        slot = self._place.enter(ANSWERING.get())
        assert slot is not None  # noqa: S101 (it waited for one)
        return self._begin(slot)

    def _begin(self, slot: Slot[T]) -> Served[T]:
        self._slot = slot
        self._mark = Mark(cast("Served[object]", slot.served))
        ANSWERING.set((*_going_on(ANSWERING.get()), self._mark))
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
            # Uses may end in another order than they began in (generators), and in another context (web frameworks).
            mark.ended = True
            ANSWERING.set(_going_on(ANSWERING.get()))
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


def _going_on(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """Leave out the uses that are over, so that those of tasks that begin each other don't add up."""
    return tuple(each for each in marks if not each.ended) if marks else ()


_PAUSE = 0.005
