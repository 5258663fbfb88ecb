"""The place where one model follows another, under any order of coming, going, swapping and draining."""

import functools
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

import modelver as mv
from modelver.serving.handover import Handover, Slot
from modelver.serving.served import Mark, Served
from tests.registries import publish


@functools.cache
def version() -> mv.ModelVersion:
    """Return a version, of which one is enough."""
    return publish(mv.Registry(f"memory://{uuid.uuid4().hex}"), changelog="x")


def served(model: int) -> Served[int]:
    """Return a model that is a number."""
    return Served(model, version(), {})


class HandoverMachine(RuleBasedStateMachine):
    """Any sequence of steps of one thread; what has to hold is counted beside."""

    users: Bundle[Slot[int]] = Bundle("users")

    def __init__(self) -> None:
        super().__init__()
        self.woken = 0
        self.place: Handover[int] = Handover(self._wake)
        self.made = 0
        self.current: int | None = None
        self.inside: dict[int, int] = {}
        self.released: list[int] = []

    def _wake(self) -> None:
        self.woken += 1

    @rule()
    def put(self) -> None:
        """A new model comes into the place."""
        self.made += 1
        self.place.put(served(self.made))
        self.current = self.made
        self.inside.setdefault(self.made, 0)

    @rule(target=users)
    def enter(self) -> Slot[int] | None:
        """Somebody comes; who comes to an empty place does not get in."""
        slot = self.place.enter((), wait=False)
        assert (slot.served.model if slot else None) == self.current
        if slot is None:
            return None
        self.inside[slot.served.model] += 1
        return slot

    @rule(target=users, outer=users)
    def enter_again(self, outer: Slot[int] | None) -> Slot[int] | None:
        """Who is inside comes in again, to the same model, even where that has left the place."""
        if outer is None:
            return None
        again = self.place.enter((Mark(outer.served),), wait=False)
        assert again is outer
        self.inside[outer.served.model] += 1
        return again

    @rule(slot=consumes(users))
    def leave(self, slot: Slot[int] | None) -> None:
        """Somebody goes; the last one of a model that left the place says so."""
        if slot is None:
            return
        model = slot.served.model
        before = self.woken
        self.place.leave(slot)
        self.inside[model] -= 1
        assert self.woken - before == (model != self.current and not self.inside[model])

    @precondition(lambda self: self.current is not None)
    @rule()
    def vacate(self) -> None:
        """The place is emptied, unless somebody is in it; then all is as before."""
        current = self.current
        assert current is not None
        empty = self.place.vacate(0)
        assert empty == (not self.inside[current])
        self.current = None if empty else current

    @rule()
    def take(self) -> None:
        """Models that nobody uses any more are given out once, and no others."""
        idle = self.place.take_idle()
        self.released += idle
        assert all(model != self.current and not self.inside[model] for model in idle)

    @invariant()
    def nothing_is_released_twice(self) -> None:
        """Each model goes once."""
        assert len(self.released) == len(set(self.released))

    def teardown(self) -> None:
        """In the end every model that was made has been released, or is in use."""
        self.place.close()
        self.released += self.place.take_idle()
        in_use = {model for model, users in self.inside.items() if users}
        assert set(self.released) | in_use == set(range(1, self.made + 1))
        assert not set(self.released) & in_use


TestHandover = HandoverMachine.TestCase


def test_who_waits_at_an_empty_place_gets_the_next_model() -> None:
    """All of them, as soon as it is there."""
    place: Handover[int] = Handover(lambda: None)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(place.enter, ()) for _ in range(8)]
        place.put(served(1))
        slots = [each.result() for each in waiting]
    assert {slot.served.model for slot in slots if slot} == {1}
    assert slots[0] is not None
    assert slots[0].users == 8


def test_who_waits_when_the_place_is_closed_is_told() -> None:
    """Nobody waits for ever."""
    place: Handover[int] = Handover(lambda: None)
    begun = threading.Event()

    def enter() -> None:
        begun.set()
        place.enter(())

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(enter)
        begun.wait()
        place.close()
        with pytest.raises(mv.InvalidValue, match="the follower was closed"):
            waiting.result()


def test_ctrl_c_while_a_place_is_emptied_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the last user left at that moment, and the model was released already."""
    place: Handover[int] = Handover(lambda: None)
    place.put(served(1))
    slot = place.enter(())
    assert slot is not None
    released: list[int] = []

    def interrupted(*_: object) -> bool:
        place.leave(slot)
        released.extend(place.take_idle())
        raise KeyboardInterrupt

    monkeypatch.setattr(place._changed, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        place.vacate(1)
    assert (released, place.served) == ([1], None)
