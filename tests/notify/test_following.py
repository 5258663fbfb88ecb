"""Going on telling: each round tells what is new, and who fails is left alone for ever longer."""

import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import attrs
import pytest

import modelver as mv
from modelver.notify.delivery import AT_ONCE, Delivery
from modelver.notify.notified import Notified
from modelver.notify.target import Target
from modelver.registry.notices.notifying import Asked, Rests, follow
from tests.notify.conftest import Configure
from tests.notify.receiver import Receiver, deaf_port
from tests.registries import MODEL, publish

TARGET = Target("https://hooks.example.org", "S")
FAILED = Delivery("x", "1", "yank", "m:1.0.0", 1, "pending")


def test_each_round_tells_what_is_new(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """A beginning counts for the first round alone."""
    publish(registry, b"1", aliases=["production"])
    configure(receiver.url, at_once="false")
    rounds = registry.keep_notifying(since=datetime(2026, 1, 1, tzinfo=UTC), every=0.01)
    assert [len(each.deliveries) for each in islice(rounds, 3)] == [1, 0, 0]
    publish(mv.Registry(registry._session.store.url), b"2", aliases=["production"])
    assert [len(each.deliveries) for each in islice(rounds, 2)] == [1, 0]
    assert [request.event["data"]["version"] for request in receiver.received] == ["1.0.0", "1.1.0"]


def test_who_fails_is_left_alone(registry: mv.Registry, configure: Configure) -> None:
    """For this round's other models, and for the next rounds; others are told meanwhile."""
    with deaf_port() as port, Receiver() as receiver:
        configure(f"http://127.0.0.1:{port}/hook", receiver.url, at_once="false")
        registry.notify()
        for name in ("a", "b"):
            mv.Registry(registry._session.store.url).register(
                name, {"x": b"1"}, capture=False, aliases=["production"]
            )
        rounds = follow(registry._session, Asked(patience=AT_ONCE), every=0.01)
        found = [[(each.outcome, each.subject) for each in one.deliveries] for one in islice(rounds, 2)]
        assert found[0] == [
            ("pending", "a@production"),
            ("delivered", "a@production"),
            ("delivered", "b@production"),
        ]
        assert len(receiver.received) == 2


def test_one_that_fails_loses_no_other_models_history(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """Each place is put before anybody is told anything: the next round goes on from where this one was to begin."""
    for name in ("a", "b"):
        registry.register(name, {"x": b"1"}, capture=False, aliases=["production"])
    configure(receiver.url, at_once="false")
    receiver.answers.append((503, {"Retry-After": "100"}))
    (pending,) = registry.notify(since="2026-01-01").deliveries
    assert (pending.outcome, pending.subject) == ("pending", "a@production")
    told = registry.notify().deliveries
    assert [(each.outcome, each.subject) for each in told] == [
        ("delivered", "a@production"),
        ("delivered", "b@production"),
    ]


def test_a_log_that_can_be_read_again_is_told_from_where_all_were_to_begin(
    registry: mv.Registry, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    """And the others are not told again in each round until then."""
    for name in ("a", "b"):
        registry.register(name, {"x": b"1"}, capture=False, aliases=["production"])
    configure(receiver.url, at_once="false")
    (first,) = sorted((tmp_path / "registry" / "models" / "a" / "log").iterdir())[:1]
    kept = first.read_bytes()
    first.chmod(0o644)
    first.write_bytes(b"damaged")
    rounds = mv.Registry(tmp_path / "registry").keep_notifying(since="2026-01-01", every=0.01)
    found = list(islice(rounds, 2))
    assert [[each.subject for each in one.deliveries] for one in found] == [["b@production"], []]
    assert all(one.notes[0].startswith("a could not be read") for one in found)
    first.write_bytes(kept)
    found = list(islice(rounds, 2))
    assert [[each.subject for each in one.deliveries] for one in found] == [["a@production"], []]


def test_a_registry_that_can_not_be_listed_ends_nothing(
    registry: mv.Registry, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    """The round says so, and the next one finds what there is."""
    publish(registry, b"1", aliases=["production"])
    configure(receiver.url, at_once="false")
    models, aside = tmp_path / "registry" / "models", tmp_path / "aside"
    rounds = registry.keep_notifying(since="2026-01-01", every=0.01)
    models.rename(aside)
    models.symlink_to(models)
    first = next(rounds)
    assert not first
    assert "can't be listed" in first.notes[0]
    models.unlink()
    aside.rename(models)
    assert [len(each.deliveries) for each in islice(rounds, 2)] == [1, 0]


def test_a_rest_grows_with_each_failure_and_ends_with_a_success() -> None:
    """Up to a quarter of an hour."""
    rests = Rests(10.0)
    assert not rests.is_resting(TARGET)
    lengths = []
    for _ in range(12):
        assert rests.note(TARGET, Notified((FAILED,)))
        lengths.append(rests._until[TARGET.key])
    assert lengths[-1] - lengths[0] < 900
    assert rests.is_resting(TARGET)
    assert not rests.note(TARGET, Notified((attrs.evolve(FAILED, outcome="delivered"),)))
    assert not rests._failures
    assert not rests.note(TARGET, Notified())


def test_a_rest_is_as_long_as_a_recipient_asks_for() -> None:
    """Though ours would be shorter."""
    rests = Rests()
    rests.note(TARGET, Notified((attrs.evolve(FAILED, retry_after=3600.0),)))
    assert rests.is_resting(TARGET)


def test_a_rest_is_a_day_at_most() -> None:
    """Whatever a recipient asks for: a number that is none of days would silence it for years."""
    rests = Rests()
    begin = time.monotonic()
    rests.note(TARGET, Notified((attrs.evolve(FAILED, retry_after=999_999_999.0),)))
    assert rests._until[TARGET.key] <= time.monotonic() + 86_400
    assert rests._until[TARGET.key] >= begin + 86_400


def test_tables_that_are_wrong_for_a_moment_end_nothing(
    registry: mv.Registry, receiver: Receiver, configure: Configure, project: Path
) -> None:
    """Nobody is told meanwhile, which is said; what happened meanwhile is told afterwards."""
    configure(receiver.url, at_once="false")
    rounds = registry.keep_notifying(since=datetime(2026, 1, 1, tzinfo=UTC), every=0.01)
    assert next(rounds)
    publish(mv.Registry(registry._session.store.url), b"1", aliases=["production"])
    whole = (project / "modelver.toml").read_text()
    (project / "modelver.toml").write_text(whole[:-3])
    wrong = next(rounds)
    assert not wrong
    assert wrong.notes[0].startswith("nobody is told now: ")
    (project / "modelver.toml").write_text(whole)
    assert [each.subject for each in next(rounds).deliveries] == [f"{MODEL}@production"]


@pytest.mark.usefixtures("project")
def test_a_registry_that_can_not_be_read_is_told(
    registry: mv.Registry, receiver: Receiver, configure: Configure, tmp_path: Path
) -> None:
    """The others are told of all the same, and the answer is that something is left."""
    configure(receiver.url, at_once="false")
    publish(registry, b"1", aliases=["production"])
    registry.register("broken", {"x": b"1"}, capture=False, aliases=["production"])
    for path in (tmp_path / "registry" / "models" / "broken" / "log").iterdir():
        path.chmod(0o644)
        path.write_bytes(b"damaged")
    found = mv.Registry(tmp_path / "registry").notify(since="2026-01-01")
    assert [each.subject for each in found.deliveries] == [f"{MODEL}@production"]
    assert not found
    assert found.notes[0].startswith("broken could not be read")
    with pytest.raises(mv.StoreError, match="broken could not be read"):
        found.raise_if_failed()
