"""Asking the gates again, for every step of a log: what a commit says of them is not believed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from modelver.errors import ModelverError
from modelver.gates import Case
from modelver.gates.judge import judge_each, may_override
from modelver.history.commit import Commit
from modelver.history.event import AliasDeleted, AliasSet, Registered
from modelver.history.fold import replay
from modelver.history.state import AliasChange, PolicyChange, State, VersionEntry
from modelver.log import Log
from modelver.registry.aliases.rolling_back import guard_may_reach, served_before
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.registry.gates.evidence import gather_case
from modelver.registry.gates.gating import Governed
from modelver.storage.layout import numbered_key
from modelver.values.canonical import Json
from modelver.values.name import ModelName
from modelver.values.report import Finding
from modelver.values.verdict import Verdict

_CLOCKS = timedelta(minutes=5)
"""How far clocks may be apart (docs/format.md, "Clocks"): for so long a writer may not have seen what another log says."""

_WRITING = timedelta(minutes=1)
"""How long before its time a commit's gates may have been asked, such as when an approval was about to expire."""


@attrs.frozen
class _Step:
    """A commit that registers a version or moves an alias, and the log around it."""

    commit: Commit
    before: State
    after: State

    def entry(self, version: str) -> VersionEntry:
        """Return a version as it was before the commit: what the commit itself says for it doesn't count."""
        known = self.before.versions.get(version)
        return known or attrs.evolve(self.after.versions[version], approvals=(), rejections=())

    @property
    def state(self) -> State:
        """The log before the commit, with the versions that it registers."""
        new = {
            version: self.entry(version)
            for version in self.after.versions.keys() - self.before.versions.keys()
        }
        return attrs.evolve(self.before, versions={**self.before.versions, **new}) if new else self.before


@attrs.frozen
class _Answers:
    """What the gates say at a commit's time, and what they said just before, check by check.

    Attributes:
        now: At its time; each policy's checks by themselves.
        before: The same checks a moment earlier.
    """

    now: Sequence[Verdict]
    before: Sequence[Verdict]

    @property
    def verdicts(self) -> list[Verdict]:
        """Each check's answer: that of its time, or of the moment before where only that lets the step pass."""
        both = zip(self.now, self.before, strict=True)
        return [earlier if earlier and not now else now for now, earlier in both]

    def include(self, stored: Sequence[Mapping[str, Json]]) -> bool:
        """Tell whether a commit's verdicts are those of one of these moments."""
        said = Counter((str(each.get("check")), each.get("passed") is True) for each in stored)
        return any(said == _counted(each) for each in (self.verdicts, self.now, self.before))


def _counted(verdicts: Iterable[Verdict]) -> Counter[tuple[str, bool]]:
    """Count answers as commits hold them: where two policies say the same, once."""
    return Counter((each.check, each.passed) for each in dict.fromkeys(verdicts))


def check_gates(session: Session, name: ModelName, log: Log, head: State) -> Iterator[Finding]:
    """Find the commits that no gate would have let through.

    Args:
        session: The registry.
        name: The model.
        log: Its log, whose chain was checked up to `head`.
        head: How far it is sound.
    """
    defaults = session.registry_log.state().policies
    if (
        not defaults
        and not head.policies
        and not head.pin_history
        and not any(map(_is_told, head.alias_history))
    ):
        return
    asked = _Asked(session, name, defaults)
    for step in _steps(log, head):
        try:
            faults = list(asked.faults(step))
        except ModelverError as error:
            faults = [f"its gates can't be asked again: {error}"]
        key = numbered_key(log.place.log, step.commit.seq)
        yield from (Finding(f"{key}, gates", fault) for fault in faults[:1])


def _steps(log: Log, head: State) -> Iterator[_Step]:
    state = State(seq=0, head=log.place.root)
    waiting: list[tuple[Commit, str]] = []
    for commit, digest in log.commits():
        if commit.seq > head.seq:
            return
        if any(isinstance(event, AliasSet | AliasDeleted | Registered) for event in commit.events):
            before = replay(state, waiting)
            state = replay(before, [(commit, digest)])
            waiting.clear()
            yield _Step(commit, before, state)
        else:
            waiting.append((commit, digest))


class _Asked:
    """Asks the gates of one model again."""

    def __init__(self, session: Session, name: ModelName, defaults: Sequence[PolicyChange]) -> None:
        self._session = session
        self._name = name
        self._defaults = defaults

    def faults(self, step: _Step) -> Iterator[str]:
        """Say what is wrong with a commit."""
        if step.commit.at > datetime.now(UTC) + _CLOCKS:
            yield "it is dated ahead of this machine's clock, so that what takes time seems to have passed"
        own = step.before.policies[-1] if step.before.policies else None
        for event in step.commit.events:
            if isinstance(event, AliasSet | AliasDeleted):
                yield from _past_pins(step.before, event)
            if not isinstance(event, AliasSet | Registered):
                continue
            default, stale = self._default(event.default_policy, step.commit)
            if stale:
                yield stale
                continue
            governing = Governed.of(default, own)
            if isinstance(event, AliasSet):
                yield from self._move(step, event, governing)
            elif governing.policies:
                answers = self._judged(
                    step, self._case(step, event.version, None, governing), None, governing
                )
                yield from _unfounded(event.verdicts, answers, f"registers {event.version}")

    def _default(self, said: int, commit: Commit) -> tuple[PolicyChange | None, str]:
        """Return the default policy that a commit says it followed, and what is wrong with that."""
        found = next((change for change in self._defaults if change.mark.seq == said), None)
        if said and found is None:
            return None, f"it follows the default policy of commit {said}, which is none"
        due = [change.mark.seq for change in self._defaults if change.mark.at <= commit.at - _CLOCKS]
        if due and due[-1] > said:
            return None, f"it follows a default policy that commit {due[-1]} had replaced"
        return found, ""

    def _move(self, step: _Step, event: AliasSet, governing: Governed) -> Iterator[str]:
        what = f"moves {event.alias} to {event.version}"
        if event.cause in {"rollback", "guard"}:
            # A bad release has to go at once: the gates' answers are a note.
            reach = guard_may_reach if event.cause == "guard" else served_before
            if event.version not in reach(step.before, event.alias):
                yield f"it {what} as a rollback, which it is not"
            return
        if not any(event.alias in policy.aliases for policy in governing.policies):
            return
        case = self._case(step, event.version, event, governing)
        answers = self._judged(step, case, event, governing)
        if not event.override:
            yield from _unfounded(event.verdicts, answers, what)
        elif not step.commit.message.strip():
            yield f"it {what} over failed checks without a reason"
        elif not all(answers.verdicts) and not may_override(case, governing.policies):
            yield f"it {what} over failed checks, which the policy does not let anybody"

    def _judged(self, step: _Step, case: Case, move: AliasSet | None, governing: Governed) -> _Answers:
        now = judge_each(case, governing.policies)
        if all(now):
            return _Answers(now, now)
        version = case.manifest.version
        before = attrs.evolve(self._case(step, version, move, governing, _CLOCKS), at=case.at - _WRITING)
        return _Answers(now, judge_each(before, governing.policies))

    def _case(
        self,
        step: _Step,
        version: str,
        move: AliasSet | None,
        governing: Governed,
        earlier: timedelta = timedelta(0),
    ) -> Case:
        entry = step.entry(version)
        manifest = read_manifest(self._session, self._name, entry)
        return gather_case(
            self._session,
            step.state if move else step.before,
            manifest,
            entry if move else None,
            move.alias if move else None,
            governing.policies,
            step.commit.at - earlier,
        )


def _is_told(change: AliasChange) -> bool:
    """Tell whether a move says something that can be asked again."""
    return bool(change.verdicts) or change.cause in {"rollback", "guard"}


def _past_pins(before: State, event: AliasSet | AliasDeleted) -> Iterator[str]:
    """Say which pin a commit passed; a rollback by hand may."""
    held = before.pin(event.alias)
    if held is None or (isinstance(event, AliasSet) and event.cause == "rollback"):
        return
    yield f"it {'moves' if isinstance(event, AliasSet) else 'deletes'} {event.alias}, which {held.mark.by} had pinned"


def _unfounded(stored: Sequence[Mapping[str, Json]], answers: _Answers, what: str) -> Iterator[str]:
    """Say which checks a commit passed over, or answered otherwise than they do."""
    failed = [f"{verdict.check}: {verdict.reason}" for verdict in answers.verdicts if not verdict]
    if failed:
        yield f"it {what}, although {len(failed)} checks fail: {'; '.join(failed[:3])}"
    elif not answers.include(stored):
        yield f"it {what} with other verdicts than the policy gives"
