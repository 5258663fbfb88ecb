"""The fold: what a log says, and what no log can say."""

import copy
from datetime import timedelta

import attrs
import pytest

from modelver.errors import InvalidName, InvalidValue, LogTampered
from modelver.history.event import (
    AliasDeleted,
    AliasSet,
    Annotated,
    Evaluated,
    Event,
    Indexed,
    ModelCreated,
    Previous,
    Registered,
    SweepDone,
    SweepStarted,
    UnknownEvent,
    Yanked,
)
from modelver.history.fold import replay
from modelver.history.state import State
from modelver.values.digest import Digest
from modelver.values.name import Alias, ModelName
from modelver.values.record import Metric
from tests.histories import (
    CREATED,
    EMPTY,
    START,
    after,
    alias_set,
    manifest_digest,
    next_commit,
    registered,
    stored,
    with_versions,
)

ONE = manifest_digest("1.0.0")
PRODUCTION = Alias("production")


def test_nothing_gives_the_same_state() -> None:
    """Replaying no commits changes nothing."""
    assert replay(EMPTY, []) is EMPTY


def test_a_model_begins_with_its_name_and_scheme() -> None:
    """Commit 1 makes it."""
    state = after(EMPTY, ModelCreated(ModelName("Fraud"), "v{major}"))
    assert (state.model, state.scheme and state.scheme.text) == ("Fraud", "v{major}")
    assert (state.seq, state.at, state.versions) == (1, START, {})


def test_a_version_is_known_by_its_commit() -> None:
    """Its entry says which commit registered it, when, by whom and why."""
    state = with_versions(["1.0.0"])
    commit, digest = stored(next_commit(after(EMPTY, CREATED), registered("1.0.0")))
    entry = state.versions["1.0.0"]
    assert (entry.digest, entry.commit, entry.registered.seq) == (ONE, digest, 2)
    assert (entry.registered.at, entry.registered.by, entry.registered.message) == (
        commit.at,
        "ci@acme.io",
        "Commit 2.",
    )


def test_the_highest_versions_are_found_whatever_the_order() -> None:
    """Precedence counts, not the time of registration."""
    state = with_versions(["1.10.0", "1.9.0", "2.0.0-exp.1", "1.2.0"])
    assert (state.highest, state.highest_release) == ("2.0.0-exp.1", "1.10.0")
    assert list(state.versions) == ["1.10.0", "1.9.0", "2.0.0-exp.1", "1.2.0"]


def test_versions_are_plain_text_in_a_state() -> None:
    """So that a state from a checkpoint and one from a replay sort alike."""
    assert {type(version) for version in with_versions(["1.0.0", "1.1.0"]).versions} == {str}


def test_an_alias_has_a_history_and_a_generation() -> None:
    """Each change says what was before; the generation is the number of its commit."""
    state = with_versions(["1.0.0", "2.0.0"])
    state = after(state, alias_set(state, "production", "1.0.0"))
    state = after(state, alias_set(state, "production", "2.0.0"))
    state = after(state, alias_set(state, "production", "1.0.0"))
    assert [(change.version, change.generation) for change in state.alias_history] == [
        ("1.0.0", 4),
        ("2.0.0", 5),
        ("1.0.0", 6),
    ]
    assert state.aliases["production"] == state.alias_history[-1]
    assert state.alias_history[-1].previous == Previous("2.0.0", manifest_digest("2.0.0"), 5)


def test_a_deleted_alias_keeps_its_history() -> None:
    """It names nothing, and may come back."""
    state = with_versions(["1.0.0"])
    state = after(state, alias_set(state, "production", "1.0.0"))
    previous = state.aliases["production"].as_previous()
    assert previous is not None
    state = after(state, AliasDeleted(PRODUCTION, previous))
    assert state.aliases == {}
    assert [change.cause for change in state.alias_history] == ["manual", "deleted"]
    assert state.alias_history[-1].as_previous() is None
    assert after(state, AliasSet(PRODUCTION, "1.0.0", ONE)).aliases["production"].generation == 5


def test_one_commit_may_register_and_name() -> None:
    """The events of a commit follow one another, so that an alias may name the version made just before."""
    state = after(
        after(EMPTY, CREATED),
        registered("1.0.0"),
        AliasSet(PRODUCTION, "1.0.0", ONE),
        registered("1.1.0"),
        AliasSet(PRODUCTION, "1.1.0", manifest_digest("1.1.0"), Previous("1.0.0", ONE, 2)),
    )
    assert state.aliases["production"].version == "1.1.0"
    assert len(state.alias_history) == 2


def test_later_events_add_to_a_version() -> None:
    """Yanks, metrics, notes and new maps gather in its entry; the first yank counts."""
    state = with_versions(["1.0.0"])
    state = after(state, Evaluated("1.0.0", ONE, (Metric("f1", 0.8),)))
    state = after(state, Annotated("1.0.0", ONE, "slow", {"team": "risk"}))
    state = after(state, Indexed("1.0.0", ONE, {"m": Digest.of(b"map")}))
    state = after(state, Yanked("1.0.0", ONE))
    state = after(state, Yanked("1.0.0", ONE), Evaluated("1.0.0", ONE, (Metric("f1", 0.7),)))
    entry = state.versions["1.0.0"]
    assert [evaluation.metrics[0].value for evaluation in entry.evaluations] == [0.8, 0.7]
    assert [(note.note, note.tags, note.mark.seq) for note in entry.annotations] == [
        ("slow", {"team": "risk"}, 4)
    ]
    assert entry.indexed == (5,)
    assert entry.yanked is not None
    assert entry.yanked.seq == 6


def test_a_sweep_condemns_until_it_is_done() -> None:
    """Its lists add up, and its end forgets them; the number of the last change is kept."""
    state = after(after(EMPTY, CREATED), SweepStarted("s1", ("a" * 64,)), SweepStarted("s2", ("a" * 64,)))
    state = after(state, SweepStarted("s1", ("b" * 64,)))
    assert (state.swept, state.condemned["s1"]) == (3, {"a" * 64, "b" * 64})
    state = after(state, SweepDone("s1"))
    assert (state.is_condemned("a" * 64), state.is_condemned("b" * 64), state.swept) == (True, False, 4)
    state = after(state, SweepDone("s2"), SweepDone("s2"))
    assert not state.is_condemned("a" * 64)


def test_a_callers_id_is_remembered_and_a_random_one_is_not() -> None:
    """Asking for an id finds the commit that used it first."""
    state = after(EMPTY, CREATED, commit_id="run-1")
    state = after(state, registered("1.0.0"), commit_id="auto-123")
    state = after(state, registered("1.1.0"), commit_id="run-1")
    assert state.commit_ids == {"run-1": 1}


def test_an_unknown_event_is_ignored() -> None:
    """A newer release's facts don't stop an older reader."""
    state = with_versions(["1.0.0"])
    newer = UnknownEvent("quarantined", {"type": "quarantined", "version": "1.0.0"})
    assert after(state, newer, registered("1.1.0")).versions.keys() == {"1.0.0", "1.1.0"}


def test_an_event_that_must_be_understood_to_write_blocks_writers() -> None:
    """Reading goes on, and the state says why writing does not."""
    state = after(with_versions([]), UnknownEvent("renamed", {"type": "renamed"}, "write"))
    state = after(state, registered("1.0.0"))
    assert (state.write_blocked, list(state.versions)) == ("renamed", ["1.0.0"])


def test_an_event_that_must_be_understood_to_read_stops_readers() -> None:
    """The message names it and says what to do."""
    with pytest.raises(InvalidValue, match=r"commit 2 holds an event.*renamed.*Upgrade modelver"):
        after(with_versions([]), UnknownEvent("renamed", {"type": "renamed"}, "read"))


OTHER = manifest_digest("2.0.0")
IMPOSSIBLE: list[tuple[str, Event]] = [
    ("creates a model that exists", CREATED),
    ("registers version 1.0.0 twice", registered("1.0.0")),
    ("registers version 1.0.0 twice", Registered("1.0.0", OTHER)),
    ("which the scheme semver does not write", registered("one")),
    ("which the scheme semver does not write", registered("v1.1.0")),
    ("which the scheme semver does not write", registered("1.1.0\n")),
    ("speaks of version '2.0.0'", AliasSet(PRODUCTION, "2.0.0", OTHER)),
    ("speaks of version '1.0.0'", AliasSet(PRODUCTION, "1.0.0", OTHER)),
    ("speaks of version ''", AliasSet(PRODUCTION, "", ONE)),
    ("named something else before", AliasSet(PRODUCTION, "1.0.0", ONE, Previous("1.0.0", ONE, 2))),
    ("named something else before", AliasSet(Alias("staging"), "1.0.0", ONE)),
    ("named something else before", AliasSet(Alias("staging"), "1.0.0", ONE, Previous("1.0.0", ONE, 2))),
    ("named something else before", AliasSet(Alias("staging"), "1.0.0", ONE, Previous("1.0.0", OTHER, 3))),
    ("named something else before", AliasDeleted(PRODUCTION, Previous("1.0.0", ONE, 2))),
    ("named something else before", AliasDeleted(Alias("staging"), Previous("1.0.0", ONE, 2))),
    ("speaks of version '2.0.0'", Yanked("2.0.0", OTHER)),
    ("speaks of version '1.0.0'", Yanked("1.0.0", OTHER)),
    ("speaks of version '2.0.0'", Evaluated("2.0.0", OTHER, ())),
    ("speaks of version '2.0.0'", Annotated("2.0.0", OTHER)),
    ("speaks of version '2.0.0'", Indexed("2.0.0", OTHER, {})),
]


@pytest.mark.parametrize(("message", "event"), IMPOSSIBLE)
def test_what_can_not_be_is_tampering(message: str, event: Event) -> None:
    """An event that contradicts the log before it is refused, and the state before it stays."""
    state = with_versions(["1.0.0"])
    state = after(state, alias_set(state, "staging", "1.0.0"))
    before = copy.deepcopy(state)
    with pytest.raises(LogTampered, match=rf"a commit .*{message}.*commit 4 of fraud"):
        after(state, event)
    assert state == before


@pytest.mark.parametrize(
    "event", [registered("1.0.0"), AliasSet(PRODUCTION, "1.0.0", ONE), Yanked("1.0.0", ONE)]
)
def test_a_log_that_makes_no_model_has_no_versions(event: Event) -> None:
    """Nothing can be said of a model before its first event."""
    with pytest.raises(LogTampered):
        after(EMPTY, event)


def test_a_model_is_made_by_the_first_commit_of_its_own_log() -> None:
    """A later commit can't make it, and a log can't make another model."""
    with pytest.raises(LogTampered, match="creates a model that exists"):
        after(after(EMPTY, SweepDone("s")), CREATED)
    with pytest.raises(LogTampered, match="in another's log"):
        after(EMPTY, ModelCreated(ModelName("other"), "semver"))
    with pytest.raises(InvalidName):
        after(EMPTY, ModelCreated(ModelName("fraud"), "no scheme"))


@pytest.mark.parametrize("seconds", [0, -1])
def test_time_goes_on(seconds: int) -> None:
    """A commit that is not later than its parent would make as-of answers ambiguous."""
    state = with_versions([])
    with pytest.raises(LogTampered, match="not later than the one before"):
        after(state, registered("1.0.0"), at=START + timedelta(seconds=seconds))


def test_an_unknown_field_of_a_previous_is_no_contradiction() -> None:
    """A newer release may say more of what was before."""
    state = with_versions(["1.0.0"])
    state = after(state, alias_set(state, "production", "1.0.0"))
    previous = Previous("1.0.0", ONE, 3, unknown={"age": 5})
    assert after(state, AliasSet(PRODUCTION, "1.0.0", ONE, previous)).seq == 4


def test_a_state_shares_nothing_with_the_next() -> None:
    """Replaying is pure: an old state stays what it was while the log goes on."""
    states: list[State] = [with_versions(["1.0.0"])]
    copies = [copy.deepcopy(states[0])]
    for event in (
        registered("1.1.0"),
        AliasSet(PRODUCTION, "1.0.0", ONE),
        Evaluated("1.0.0", ONE, (Metric("f1", 1),)),
        SweepStarted("s", ("a" * 64,)),
    ):
        states.append(after(states[-1], event, commit_id=f"run-{len(states)}"))
        copies.append(copy.deepcopy(states[-1]))
    assert states == copies
    assert attrs.asdict(states[0]) != attrs.asdict(states[-1])
