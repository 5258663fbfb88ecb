"""A pinned alias stays where it is, and everybody is told who pinned it and why."""

from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from modelver.errors import Conflict
from modelver.history.event import AliasDeleted, AliasSet
from modelver.history.state import State
from modelver.log import Proposal
from modelver.values.reading import Breach, RuleAnswer

BREACH = Breach((RuleAnswer("current.metrics.f1 >= 0.9", "breached", "f1 0.5"),), readings=3)


@pytest.fixture
def registry(tmp_path: Path) -> mv.Registry:
    """Give a registry whose production went from 1.0.0 to 2.0.0, and has 3.0.0 waiting."""
    registry = mv.Registry(tmp_path / "registry", actor="ana@acme.io")
    for number in (1, 2, 3):
        registry.register("m", {"w.bin": bytes([number])}, version=f"{number}.0.0", capture=False)
    registry.set_alias("m", "production", "1.0.0")
    registry.set_alias("m", "production", "2.0.0")
    return registry


def generation(registry: mv.Registry) -> int:
    """Return the generation of production."""
    return registry.watched("m", "production").generation


MOVES: dict[str, Callable[[mv.Registry], object]] = {
    "promote": lambda registry: registry.promote("m:3.0.0", to="production"),
    "override": lambda registry: registry.promote("m:3.0.0", to="production", override=True, reason="now"),
    "set_alias": lambda registry: registry.set_alias("m", "production", "1.0.0"),
    "delete_alias": lambda registry: registry.delete_alias("m", "production"),
    "register": lambda registry: registry.register(
        "m", {"w.bin": b"4"}, capture=False, aliases=["production"]
    ),
    "guard": lambda registry: registry.rollback_on_breach(
        "m", "production", BREACH, expected=generation(registry)
    ),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_nothing_moves_a_pinned_alias(registry: mv.Registry, move: Callable[[mv.Registry], object]) -> None:
    """Whoever tries is told who pinned it, why, and what to do; once it is unpinned, the same goes through."""
    assert registry.pin("m", "production", reason="audit week").version == "2.0.0"
    with pytest.raises(
        mv.Refused, match=r"pinned by ana@acme.io at .*: audit week.*Unpin it first"
    ) as refused:
        move(registry)
    (verdict,) = refused.value.verdicts
    assert not verdict
    assert registry.resolve("m@production").version == "2.0.0"
    registry.unpin("m", "production", reason="the audit is over")
    move(registry)
    assert "production" not in registry.aliases("m") or registry.resolve("m@production").version != "2.0.0"
    assert registry.verify(), str(registry.verify())


def test_a_rollback_by_hand_passes_a_pin_that_stays(registry: mv.Registry) -> None:
    """A bad release has to go at once; the pin then holds what the alias went back to."""
    registry.pin("m", "production", reason="audit week")
    assert registry.rollback("m", "production", reason="it is broken").version == "1.0.0"
    with pytest.raises(mv.Refused, match="audit week"):
        registry.set_alias("m", "production", "2.0.0")
    assert registry.status("m:1.0.0").pins["production"].message == "audit week"
    assert registry.verify()


def test_a_pin_holds_no_other_alias_and_no_move_to_where_it_is(registry: mv.Registry) -> None:
    """What changes nothing is not refused."""
    registry.pin("m", "production", reason="audit week")
    registry.set_alias("m", "staging", "3.0.0")
    assert registry.set_alias("m", "production", "2.0.0").version == "2.0.0"
    assert registry.promote("m:2.0.0", to="production").moved


def test_a_dry_run_tells_of_the_pin(registry: mv.Registry) -> None:
    """So CI sees before it tries what would be refused."""
    registry.pin("m", "production", reason="audit week")
    promotion = registry.promote("m:3.0.0", to="production", dry_run=True)
    assert [verdict.check for verdict in promotion.failed] == ["not pinned"]
    assert registry.promote("m:2.0.0", to="production", dry_run=True)


def test_pins_are_shown(registry: mv.Registry) -> None:
    """Histories, the status and an audit say who, when and why."""
    registry.pin("m", "production", reason="audit week")
    entries = registry.history("m", alias="production")
    assert [entry.action for entry in entries] == ["manual", "manual", "pinned"]
    assert "pinned      production: 2.0.0  by ana@acme.io  (audit week)" in str(entries)
    assert entries[-1].generation == generation(registry), "a pin is no move"
    assert registry.history("m")[-1].action == "pinned"
    assert "production pinned" in str(registry.status("m:2.0.0"))
    audit = registry.audit("m", alias="production")
    assert audit
    assert "was pinned on" in str(audit)
    registry.unpin("m", "production")
    assert registry.status("m:2.0.0").pins == {}
    since = registry.audit("m", alias="production", at=entries[-1].at)
    assert "production unpinned" in [each.what for each in since.since]
    assert since.to_dict()["served"][0]["pinned"]["reason"] == "audit week"  # type: ignore[index,call-overload] # JSON


def test_a_pin_needs_an_alias_and_a_reason(registry: mv.Registry) -> None:
    """What is refused to others is worth a word to them."""
    with pytest.raises(mv.InvalidValue, match="reason"):
        registry.pin("m", "production", reason=" ")
    for call in (registry.pin, registry.unpin):
        with pytest.raises(mv.NotFound, match="no such alias"):
            call("m", "canary", reason="why")
    with pytest.raises(mv.NotFound, match="not pinned"):
        registry.unpin("m", "production")


def test_pinning_again_says_it_anew(registry: mv.Registry, tmp_path: Path) -> None:
    """The same words change nothing; other ones, or another person's, hold from now on."""
    registry.pin("m", "production", reason="audit week")
    registry.pin("m", "production", reason="audit week")
    assert len(registry.history("m", alias="production")) == 3
    other = mv.Registry(tmp_path / "registry", actor="bo@acme.io")
    other.pin("m", "production", reason="and the next")
    with pytest.raises(mv.Refused, match=r"pinned by bo@acme.io at .*: and the next"):
        registry.set_alias("m", "production", "1.0.0")


def test_a_pin_can_be_repeated_after_a_crash(registry: mv.Registry) -> None:
    """With a commit_id of the caller's, nothing is written twice, and nothing else is taken for it."""
    for _ in range(2):
        assert registry.pin("m", "production", reason="audit", commit_id="pin-1").version == "2.0.0"
    assert len(registry.history("m", alias="production")) == 3
    with pytest.raises(mv.AlreadyExists, match="used for something else"):
        registry.unpin("m", "production", commit_id="pin-1")


def test_a_deleted_alias_takes_its_pin_along(registry: mv.Registry) -> None:
    """Whatever a stranger wrote: an alias that is made again is free."""

    def propose(state: State) -> Proposal:
        previous = state.aliases["production"].as_previous()
        assert previous
        return Proposal((AliasDeleted(mv.Alias("production"), previous),))

    registry.pin("m", "production", reason="audit week")
    registry._session.append(mv.ModelName("m"), propose)
    registry.set_alias("m", "production", "3.0.0")
    assert registry.status("m:3.0.0").pins == {}
    assert [entry.action for entry in registry.history("m", alias="production")][-2:] == ["deleted", "manual"]
    report = registry.verify()
    assert "it deletes production, which ana@acme.io had pinned" in str(report)


@pytest.mark.parametrize("cause", ["manual", "promote", "guard"])
def test_whoever_replays_the_log_finds_what_passed_a_pin(registry: mv.Registry, cause: str) -> None:
    """A commit of another program that moved a pinned alias is at fault."""

    def propose(state: State) -> Proposal:
        entry, now = state.versions["1.0.0"], state.aliases["production"]
        event = AliasSet(
            mv.Alias("production"),
            "1.0.0",
            entry.digest,
            now.as_previous(),
            cause,  # type: ignore[arg-type] # one of them
        )
        return Proposal((event,))

    registry.pin("m", "production", reason="audit week")
    registry._session.append(mv.ModelName("m"), propose)
    report = registry.verify()
    assert not report
    assert "it moves production, which ana@acme.io had pinned" in str(report)


def test_a_copy_brings_pins_and_a_push_does_not(registry: mv.Registry, tmp_path: Path) -> None:
    """A mirror is the same log; who may move aliases is for another registry to say."""
    registry.pin("m", "production", reason="audit week")
    registry.mirror(to=tmp_path / "copy")
    with pytest.raises(mv.Refused, match="audit week"):
        mv.Registry(tmp_path / "copy").set_alias("m", "production", "1.0.0")
    other = mv.Registry(tmp_path / "other")
    other.create_model("m")
    registry.push("m", to=other)
    assert other.aliases("m") == {}
    assert other.verify()


def test_a_breach_rolls_back_once(registry: mv.Registry) -> None:
    """What the guard saw is in the commit; a repetition, or another guard, finds that commit."""
    expected = generation(registry)
    for _ in range(2):
        version = registry.rollback_on_breach(
            "m", "production", BREACH, expected=expected, reason="f1 fell below 0.9"
        )
        assert version.version == "1.0.0"
    move = registry.history("m", alias="production")[-1]
    assert (move.action, move.previous, move.version) == ("guard", "2.0.0", "1.0.0")
    assert move.breach == BREACH
    assert len(registry.history("m", alias="production")) == 3
    assert registry.verify()
    with pytest.raises(Conflict, match="the alias moved"):
        registry.rollback_on_breach("m", "production", BREACH, expected=expected - 1)


def test_a_guard_never_goes_back_to_what_a_guard_left(registry: mv.Registry) -> None:
    """Even where a person set the alias to it again: so nothing flaps."""
    registry.rollback_on_breach("m", "production", BREACH, expected=generation(registry))
    registry.set_alias("m", "production", "2.0.0", reason="mended around it")
    registry.set_alias("m", "production", "3.0.0")
    assert registry.watched("m", "production").back.version.version == "1.0.0"  # type: ignore[union-attr] # there is one
    found = registry.rollback_on_breach("m", "production", BREACH, expected=generation(registry))
    assert found.version == "1.0.0"
    with pytest.raises(mv.NotFound, match="nothing to roll back to"):
        registry.rollback_on_breach("m", "production", BREACH, expected=generation(registry))
    assert registry.verify()


def test_a_guard_never_goes_to_a_yanked_version(registry: mv.Registry) -> None:
    """It passes over it, and where nothing is left it says so."""
    registry.set_alias("m", "production", "3.0.0")
    registry.yank("m:2.0.0", reason="bad")
    found = registry.rollback_on_breach("m", "production", BREACH, expected=generation(registry))
    assert found.version == "1.0.0"
