"""Random histories, replayed beside a plain model of what they should say."""

from collections import defaultdict
from datetime import timedelta

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelver.errors import InvalidValue, LogTampered
from modelver.history.checkpoint import decode_checkpoint, encode_checkpoint
from modelver.history.commit import Commit, decode_commit, encode_commit
from modelver.history.event import (
    AliasDeleted,
    AliasSet,
    Annotated,
    Evaluated,
    Event,
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
from modelver.values.name import Alias, ModelName
from modelver.values.record import Metric
from modelver.values.scheme import Scheme
from tests.histories import EMPTY, MODEL, manifest_digest, next_commit, stored
from tests.strategies import texts, versions_of

ALIASES = ("production", "staging", "champion")
BLOBS = ("a" * 64, "b" * 64, "c" * 64)
aliases = st.sampled_from(ALIASES)
ids = st.sampled_from(["auto-1", "auto-2", "run-1", "run-2", "run-3"])


@attrs.define
class Plain:
    """What a log says, as a person would note it down.

    Attributes:
        versions: All versions in order.
        named: What each alias names: version and number of the commit.
        moves: Alias, version and number of each move; an empty version is a deletion.
        facts: Of each version: the number of commits that yanked it, metrics and notes.
        condemned: Blobs by sweep.
        ids: Callers' ids and the numbers of their first commits.
        blocked: The event that forbids writing.
    """

    versions: list[str] = attrs.field(factory=list)
    named: dict[str, tuple[str, int]] = attrs.field(factory=dict)
    moves: list[tuple[str, str, int]] = attrs.field(factory=list)
    facts: dict[str, list[tuple[str, object, int]]] = attrs.field(factory=lambda: defaultdict(list))
    condemned: dict[str, set[str]] = attrs.field(factory=dict)
    ids: dict[str, int] = attrs.field(factory=dict)
    blocked: str = ""


class History(RuleBasedStateMachine):
    """Adds commits one by one, to the fold and to the plain model."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = Plain()
        self.state = EMPTY
        self.commits: list[tuple[Commit, str]] = []

    @initialize(scheme=st.sampled_from(["semver", "v{major}", "gpt4-cx-v{major}.{minor}"]))
    def create(self, scheme: str) -> None:
        """Make the model."""
        self.scheme = Scheme.parse(scheme)
        self.add(ModelCreated(ModelName(MODEL), scheme))

    def add(self, *events: Event, commit_id: str = "auto-0") -> None:
        """Store a commit, read it back, and replay it."""
        data = encode_commit(next_commit(self.state, *events, commit_id=commit_id))
        commit = stored(decode_commit(data, what="a commit"))
        self.state = replay(self.state, [commit])
        self.commits.append(commit)
        if not commit_id.startswith("auto-"):
            self.plain.ids.setdefault(commit_id, self.state.seq)

    def refuse(self, *events: Event, error: type[Exception] = LogTampered) -> None:
        """Expect that a commit can't follow, and leaves the state as it is."""
        before = self.state
        with pytest.raises(error):
            replay(before, [stored(next_commit(before, *events))])
        assert self.state is before

    def previous(self, alias: str) -> Previous | None:
        """Return what an alias names, as events say it."""
        version, seq = self.plain.named.get(alias, ("", 0))
        return Previous(version, manifest_digest(version), seq) if version else None

    def move(self, alias: str, version: str) -> AliasSet:
        """Note a move of an alias that the next commit makes, and return its event."""
        event = AliasSet(Alias(alias), version, manifest_digest(version), self.previous(alias))
        self.plain.named[alias] = (version, self.state.seq + 1)
        self.plain.moves.append((alias, version, self.state.seq + 1))
        return event

    @rule(data=st.data(), named=st.lists(aliases, unique=True, max_size=2), commit_id=ids)
    def register(self, data: st.DataObject, named: list[str], commit_id: str) -> None:
        """Register a version, and name it in the same commit; a second time is impossible."""
        version = data.draw(versions_of(self.scheme))
        event = Registered(version, manifest_digest(version))
        if version in self.plain.versions:
            self.refuse(event)
            return
        self.plain.versions.append(version)
        self.add(event, *[self.move(alias, version) for alias in named], commit_id=commit_id)

    @precondition(lambda self: self.plain.versions)
    @rule(data=st.data(), alias=aliases, commit_id=ids)
    def set_alias(self, data: st.DataObject, alias: str, commit_id: str) -> None:
        """Move an alias."""
        version = data.draw(st.sampled_from(self.plain.versions))
        self.add(self.move(alias, version), commit_id=commit_id)

    @precondition(lambda self: self.plain.versions)
    @rule(data=st.data(), alias=aliases, generation=st.integers(0, 50))
    def mistake_an_alias(self, data: st.DataObject, alias: str, generation: int) -> None:
        """A change that gets wrong what was before is impossible."""
        version = data.draw(st.sampled_from(self.plain.versions))
        previous = Previous(version, manifest_digest(version), generation)
        if previous != self.previous(alias):
            self.refuse(AliasSet(Alias(alias), version, manifest_digest(version), previous))
            self.refuse(AliasDeleted(Alias(alias), previous))

    @precondition(lambda self: self.plain.named)
    @rule(data=st.data())
    def delete_alias(self, data: st.DataObject) -> None:
        """Delete an alias."""
        alias = data.draw(st.sampled_from(sorted(self.plain.named)))
        previous = self.previous(alias)
        assert previous is not None
        del self.plain.named[alias]
        self.plain.moves.append((alias, "", self.state.seq + 1))
        self.add(AliasDeleted(Alias(alias), previous))

    @precondition(lambda self: self.plain.versions)
    @rule(data=st.data(), kind=st.sampled_from(["yanked", "evaluated", "annotated"]), text=texts)
    def amend(self, data: st.DataObject, kind: str, text: str) -> None:
        """Add a fact to a version."""
        version = data.draw(st.sampled_from(self.plain.versions))
        digest = manifest_digest(version)
        seq = self.state.seq + 1
        if kind == "yanked":
            self.plain.facts[version].append((kind, None, seq))
            self.add(Yanked(version, digest))
        elif kind == "evaluated":
            metrics = (Metric(f"f{len(text)}", len(text)),)
            self.plain.facts[version].append((kind, metrics, seq))
            self.add(Evaluated(version, digest, metrics))
        else:
            self.plain.facts[version].append((kind, text, seq))
            self.add(Annotated(version, digest, note=text))

    @rule(data=st.data())
    def speak_of_another_version(self, data: st.DataObject) -> None:
        """An event about a version that the log does not have is impossible."""
        version = data.draw(versions_of(self.scheme))
        if version not in self.plain.versions:
            self.refuse(Yanked(version, manifest_digest(version)))
        else:
            self.refuse(Yanked(version, manifest_digest(f"{version}, but other content")))

    @rule(sweep=st.sampled_from(["s1", "s2"]), blobs=st.sets(st.sampled_from(BLOBS)))
    def start_sweep(self, sweep: str, blobs: set[str]) -> None:
        """Condemn blobs, or more of them."""
        self.plain.condemned.setdefault(sweep, set()).update(blobs)
        self.add(SweepStarted(sweep, tuple(sorted(blobs))))

    @rule(sweep=st.sampled_from(["s1", "s2"]))
    def end_sweep(self, sweep: str) -> None:
        """End a sweep, known or not."""
        self.plain.condemned.pop(sweep, None)
        self.add(SweepDone(sweep))

    @rule(must=st.sampled_from(["", "write"]))
    def meet_the_future(self, must: str) -> None:
        """An unknown event is passed over, and may forbid writing."""
        name = f"future-{must}"
        if must:
            self.plain.blocked = name
        fields = {"type": name, **({"must_understand": must} if must else {})}
        self.add(UnknownEvent(name, fields, "write" if must else ""))

    @rule()
    def meet_what_must_be_understood(self) -> None:
        """An unknown event that readers must understand stops them."""
        fields = {"type": "future", "must_understand": "read"}
        self.refuse(UnknownEvent("future", fields, "read"), error=InvalidValue)

    @rule(back=st.integers(0, 3600))
    def go_back_in_time(self, back: int) -> None:
        """A commit that is not later than its parent is impossible."""
        assert self.state.at is not None
        commit = next_commit(self.state, at=self.state.at - timedelta(seconds=back))
        with pytest.raises(LogTampered):
            replay(self.state, [stored(commit)])

    @rule(data=st.data())
    def replay_in_two_parts(self, data: st.DataObject) -> None:
        """replay(first part) + replay(rest) == replay(all), whether or not a checkpoint lies between."""
        cut = data.draw(st.integers(0, len(self.commits)))
        first = replay(EMPTY, self.commits[:cut])
        assert replay(first, self.commits[cut:]) == replay(EMPTY, self.commits) == self.state
        if cut:
            again = decode_checkpoint(encode_checkpoint(first), what="a checkpoint")
            assert again == first
            assert isinstance(again, State)
            assert list(again.aliases) == list(first.aliases)
            assert list(again.versions) == list(first.versions)
            assert replay(again, self.commits[cut:]) == self.state

    @invariant()
    def the_plain_model_agrees(self) -> None:
        """The state says what a person would have noted down."""
        state, plain = self.state, self.plain
        assert state.seq == len(self.commits)
        assert list(state.versions) == plain.versions
        assert {
            alias: (change.version, change.generation) for alias, change in state.aliases.items()
        } == plain.named
        assert [(move.alias, move.version, move.generation) for move in state.alias_history] == plain.moves
        assert state.condemned == plain.condemned
        assert (state.commit_ids, state.write_blocked) == (plain.ids, plain.blocked)
        if plain.versions:
            versions = sorted(self.scheme.version(text) for text in plain.versions)
            assert state.highest == versions[-1]
            releases = [version for version in versions if not version.is_prerelease]
            assert state.highest_release == (releases[-1] if releases else None)
        for text, entry in state.versions.items():
            facts = plain.facts[text]
            yanks = [seq for kind, _, seq in facts if kind == "yanked"]
            assert (entry.yanked and entry.yanked.seq) == (yanks[0] if yanks else None)
            assert [("evaluated", one.metrics, one.mark.seq) for one in entry.evaluations] == [
                fact for fact in facts if fact[0] == "evaluated"
            ]
            assert [("annotated", one.note, one.mark.seq) for one in entry.annotations] == [
                fact for fact in facts if fact[0] == "annotated"
            ]


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
