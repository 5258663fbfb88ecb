"""One event is told until it is taken, refused for good, or patience ends."""

from datetime import UTC, datetime

import attrs
import pytest

from modelver.notify.delivery import AT_ONCE, Delivery, Patience, deliver
from modelver.notify.happening import Happening
from modelver.notify.message import make_message
from modelver.notify.target import Target
from tests.notify.receiver import SECRET, Receiver

HAPPENING = Happening(
    "yank", "0f" * 16, "acme/fraud", 7, 0, datetime(2026, 11, 17, tzinfo=UTC), version="1.3.0"
)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give a list of the pauses that are made, and set the secret."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return []


def tell(receiver: Receiver, patience: Patience, *statuses: int, **headers: str) -> Delivery:
    """Tell a recipient that answers so."""
    receiver.answers.extend((status, headers) for status in statuses)
    target = Target(receiver.url, "HOOK_SECRET")
    return deliver(HAPPENING, target, make_message(HAPPENING, target, {}), patience)


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 425, 404, 302])
def test_a_try_that_failed_is_followed_by_another(
    receiver: Receiver, pauses: list[float], status: int
) -> None:
    """With the same id and a signature of its own."""
    found = tell(receiver, Patience(pause=pauses.append), status, status)
    assert (found.outcome, found.tries, found.detail) == ("delivered", 3, "")
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert all(request.verified()["type"] == "dev.modelver.version.yanked" for request in receiver.received)


def test_pauses_grow_up_to_a_limit(receiver: Receiver, pauses: list[float]) -> None:
    """Each is a random part of twice the one before."""
    patience = Patience(tries=8, first=1.0, longest=10.0, pause=pauses.append)
    assert tell(receiver, patience, *[500] * 8).outcome == "pending"
    assert len(pauses) == 7
    assert all(pause <= limit for pause, limit in zip(pauses, [1, 2, 4, 8, 10, 10, 10], strict=True))
    assert len(set(pauses)) == len(pauses)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (500, "pending"),
        (503, "pending"),
        (429, "pending"),
        (408, "pending"),
        (425, "pending"),
        (400, "given_up"),
        (401, "given_up"),
        (404, "given_up"),
        (413, "given_up"),
        (308, "given_up"),
    ],
)
def test_what_is_refused_each_time_is_given_up(
    receiver: Receiver, pauses: list[float], status: int, outcome: str
) -> None:
    """Where the fault may pass, the event waits instead."""
    found = tell(receiver, Patience(pause=pauses.append), *[status] * 5)
    assert (found.outcome, found.tries) == (outcome, 5)
    assert found.detail.startswith(str(status))


def test_one_try_gives_nothing_up(receiver: Receiver, pauses: list[float]) -> None:
    """Who has just committed leaves that to `modelver notify`."""
    assert tell(receiver, attrs.evolve(AT_ONCE, pause=pauses.append), 404).outcome == "pending"
    assert (len(receiver.received), pauses) == (1, [])


def test_who_is_gone_is_told_nothing_more(receiver: Receiver, pauses: list[float]) -> None:
    """410 Gone is the word of the specification for that."""
    found = tell(receiver, Patience(pause=pauses.append), 410)
    assert (found.outcome, found.tries, pauses) == ("stopped", 1, [])


def test_a_recipient_gets_the_time_that_it_asks_for(receiver: Receiver, pauses: list[float]) -> None:
    """If that is not too long to wait for."""
    assert tell(receiver, Patience(pause=pauses.append), 503, **{"Retry-After": "7"}).outcome == "delivered"
    assert pauses == [7.0]


def test_a_recipient_that_asks_for_long_is_left_alone(receiver: Receiver, pauses: list[float]) -> None:
    """A refusal is then the first of five, and no final one."""
    found = tell(receiver, Patience(pause=pauses.append), 404, **{"Retry-After": "3600"})
    assert (found.outcome, found.tries, found.retry_after, pauses) == ("pending", 1, 3600.0, [])
    assert found.is_refused
    found = tell(receiver, Patience(pause=pauses.append), 503, **{"Retry-After": "3600"})
    assert not found.is_refused


def test_nothing_is_sent_without_a_secret(
    receiver: Receiver, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits until there is one."""
    monkeypatch.delenv("HOOK_SECRET")
    found = tell(receiver, Patience(pause=pauses.append))
    assert (found.outcome, found.tries, receiver.received) == ("pending", 0, [])
    assert "$HOOK_SECRET" in found.detail
