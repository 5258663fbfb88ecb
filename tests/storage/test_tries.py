"""Trying again: at random times that grow, within a bounded time."""

from types import SimpleNamespace

import pytest

from modelver.storage.remote import tries
from modelver.storage.remote.tries import Tries, attempt_timeout


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let time pass without waiting; give the pauses."""
    pauses: list[float] = []
    now = [1000.0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    # For that module alone: other threads' time goes on.
    monkeypatch.setattr(tries, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    return pauses


@pytest.mark.parametrize("timeout", [1.0, 20.0, 60.0])
def test_the_last_try_ends_in_time(timeout: float, slept: list[float]) -> None:
    """However often it fails, pauses and a last try that gets no answer fit into the time."""
    for _ in range(50):
        slept.clear()
        again = Tries(timeout)
        while again.again(reached=True):
            pass
        assert sum(slept) + attempt_timeout(timeout) <= timeout + 0.001


def test_pauses_are_random_and_grow(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th pause is uniform between nothing and twice the last bound, at most five seconds."""
    bounds: list[float] = []
    uniform = SimpleNamespace(uniform=lambda low, high: bounds.append(high) or low)
    monkeypatch.setattr(tries, "random", uniform)
    again = Tries(60.0)
    for _ in range(9):
        assert again.again(reached=True)
    assert bounds == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])


def test_a_place_where_nobody_is_soon_given_up(slept: list[float]) -> None:
    """Where nobody takes the request three tries are enough; an answer in between begins the count anew."""
    again = Tries(60.0)
    assert [again.again(reached=False) for _ in range(3)] == [True, True, False]
    again = Tries(60.0)
    answers = [again.again(reached=reached) for reached in (False, False, True, False, False)]
    assert answers == [True] * 5
