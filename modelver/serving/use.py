"""Using what a follower serves, in threads and in tasks."""

from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import Generic, TypeVar

from modelver.serving.handover import Handover, Slot
from modelver.serving.listening import LISTENERS
from modelver.serving.served import ANSWERING, Reference, Served

T = TypeVar("T")


class Use(Generic[T]):
    """``with follower.use() as served:``, or ``async with`` in a task.

    Inside, `now_serving` and all that logs and traces read of it name this version, whatever is swapped meanwhile, and
    the model is not released.
    """

    def __init__(self, place: Handover[T]) -> None:
        self._place = place
        self._slot: Slot[T] | None = None
        self._token: Token[tuple[Reference, ...]] | None = None

    def __enter__(self) -> Served[T]:
        slot = self._place.enter(ANSWERING.get())
        assert slot is not None  # noqa: S101 (it waited for one)
        return self._begin(slot)

    def _begin(self, slot: Slot[T]) -> Served[T]:
        self._slot = slot
        self._token = ANSWERING.set(_with(ANSWERING.get(), slot.reference))
        if LISTENERS.all:
            LISTENERS.tell(slot.served)
        return slot.served

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        slot, token = self._slot, self._token
        self._slot = self._token = None
        if token is not None:
            # A web framework may end a use in another context than the one it was begun in.
            with suppress(ValueError):
                ANSWERING.reset(token)
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


def _with(outer: tuple[Reference, ...], one: Reference) -> tuple[Reference, ...]:
    """Add one more, as the last; those that are gone fall out, so that tasks that begin each other don't add up."""
    return (*(each for each in outer if each is not one and each() is not None), one) if outer else (one,)


_PAUSE = 0.005
