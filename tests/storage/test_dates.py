"""A server's clock, as it was told by its answers."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from modelver.storage.remote import loop
from modelver.storage.remote.loop import Dates

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Pass = Callable[[float, float], None]


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> Pass:
    """Give what lets so many seconds pass, by the clock that stops while a machine sleeps and by the one on the wall."""
    awake, wall = time.monotonic(), time.time()

    def pass_(seconds: float, shown: float) -> None:
        # For that module alone: other threads' time goes on.
        clocks = SimpleNamespace(monotonic=lambda: awake + seconds, time=lambda: wall + shown)
        monkeypatch.setattr(loop, "time", clocks)

    pass_(0.0, 0.0)
    return pass_


def test_a_servers_clock_goes_on_with_ours(go_on: Pass) -> None:
    """For an hour: then it is to be asked again."""
    dates = Dates()
    assert dates.now() is None
    dates.seen(THEN)
    go_on(1800.0, 1800.5)
    assert dates.now() == THEN + timedelta(minutes=30)
    go_on(3601.0, 3601.0)
    assert dates.now() is None


@pytest.mark.parametrize("shown", [1800.0, 3600.0, -3600.0, 8 * 3600.0])
def test_what_a_server_said_before_a_sleep_is_not_its_time(go_on: Pass, shown: float) -> None:
    """Nor what it said before this machine's clock was set: a registry would refuse to write by it."""
    dates = Dates()
    dates.seen(THEN)
    go_on(20.0, shown)
    assert dates.now() is None
