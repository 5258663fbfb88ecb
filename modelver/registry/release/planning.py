"""What registering a project would do: which version, why that one, and what the gates would say. Nothing is stored."""

import hashlib
from datetime import UTC, datetime

import attrs

from modelver.compare import BumpAdvice, Side, required_bump
from modelver.content.looking import Seen, look
from modelver.errors import NotFound
from modelver.gates.parse import policy_json
from modelver.history.state import Mark, PolicyChange, State, VersionEntry
from modelver.project.settings import Project
from modelver.registry.aliases.pins import pin_verdicts
from modelver.registry.base.finding import model_of, scheme_of
from modelver.registry.base.reading import model_version, read_manifest, side
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import Governed, governed, move_verdicts, registration_verdicts
from modelver.registry.versions.committing import Wish, existing, number, numbered, with_model
from modelver.registry.versions.registering import check_wish, gathered_and_stated, with_datasets
from modelver.registry.working_tree.projecting import Said, statement_of
from modelver.values.digest import Digest
from modelver.values.file import Role
from modelver.values.manifest import Manifest
from modelver.values.name import Alias
from modelver.values.scheme import Bump, Scheme
from modelver.values.verdict import Verdict
from modelver.values.version import Version

_PROMPTS = frozenset({Role.PROMPT})
_WAITING = frozenset({"approval", "checklist", "signature", "stage", "age", "pin"})
"""Kinds of verdicts that only people, time or another alias can change, once the version is there."""


@attrs.frozen
class Plan:
    """What registering would do.

    Attributes:
        state: The log, or what a new model's begins with.
        manifest: What is stated, under the version's number.
        entry: The version, where an earlier call registered it or nothing has changed since it; None for a new one.
        previous: The release that it follows; None where none is lower.
        advice: What the changes since that one call for, and why; None where none is lower.
        first: Whether the model had no release before it.
        registering: What the gates say of registering it; empty where it is there.
        moving: What the gates say of the alias.
        commit_id: The id of the registration: the same for the same content from the same commit.
    """

    state: State
    manifest: Manifest
    entry: VersionEntry | None
    previous: VersionEntry | None
    advice: BumpAdvice | None
    first: bool
    registering: tuple[Verdict, ...]
    moving: tuple[Verdict, ...]
    commit_id: str

    @property
    def version(self) -> Version:
        """The version."""
        return scheme_of(self.state).version(self.manifest.version)

    @property
    def digest(self) -> Digest:
        """The version's digest."""
        return self.entry.digest if self.entry else self.manifest.digest

    @property
    def in_the_way(self) -> tuple[Verdict, ...]:
        """The failed verdicts of the alias that nobody can change once the version is registered."""
        return tuple(each for each in self.moving if not each and each.kind not in _WAITING)


def make_plan(
    session: Session,
    project: Project,
    said: Said,
    wish: Wish,
    alias: Alias | None,
    *,
    origin: str,
) -> Plan:
    """Tell what registering a project would do, and what the gates say of it and of an alias.

    Args:
        session: The registry.
        project: The project.
        said: What the caller says beside its file.
        wish: How the version is to be numbered.
        alias: What is to name it; None for nothing.
        origin: The commit that it is made from; empty where there is none.

    Raises:
        AlreadyExists: The version that is wanted has other content.
        NotFound: A file, dataset or base model is missing.
        InvalidValue: What is stated is wrong.
    """
    before = session.before(project.model)
    state = _begun(with_model(before, project.model), project, datetime.now(UTC))
    check_wish(state, wish)
    statement = statement_of(session, project, said, wish.version or "")
    gathered, stated = gathered_and_stated(session, before, project.model, statement, wish)
    draft = with_datasets(session, stated)
    seen = look(gathered.sources, session.stamps, session.cache, _PROMPTS, unsafe=True)
    draft = attrs.evolve(draft, files=seen.entries)
    commit_id = wish.commit_id or _commit_id(state, draft, wish, origin)
    entry = _registered(session, state, draft, attrs.evolve(wish, commit_id=commit_id))
    return _judged(session, state, _Draft(draft, seen), entry, wish, alias, commit_id)


@attrs.frozen
class _Draft:
    manifest: Manifest
    seen: Seen

    def side(self) -> Side:
        """Return it as the later side of a comparison."""
        return Side(
            name=self.manifest.model,
            manifest=self.manifest,
            digest=self.manifest.digest,
            maps=self.seen.maps,
            prompts={path: text.decode(errors="replace") for path, text in self.seen.texts.items()},
        )


def _judged(
    session: Session,
    state: State,
    draft: _Draft,
    entry: VersionEntry | None,
    wish: Wish,
    alias: Alias | None,
    commit_id: str,
) -> Plan:
    scheme = scheme_of(state)
    wanted = entry.version if entry else wish.version
    previous = previous_release(state, scheme.version(wanted) if wanted else None, entry)
    later = _side(session, state, entry) if entry else draft.side()
    advice = required_bump(_side(session, state, previous), later) if previous else None
    bump: Bump = advice.bump if advice else "major"
    version = scheme.version(entry.version) if entry else number(state, wish, lambda: bump)
    manifest = numbered(draft.manifest, state, version)
    governing = _governed(session, state)
    said = registration_verdicts(session, state, manifest, governing, unsafe=draft.seen.unsafe)
    now = datetime.now(UTC)
    mark = Mark(state.seq + 1, now, now, session.actor)
    there = entry or VersionEntry(manifest.version, manifest.digest, mark, "")
    then = attrs.evolve(state, versions={**state.versions, there.version: there})
    return Plan(
        state=state,
        manifest=manifest,
        entry=entry,
        previous=previous,
        advice=advice,
        first=previous_release(state, None, entry) is None,
        registering=() if entry else said,
        moving=_moving(session, then, there, alias, manifest, governing, draft.seen) if alias else (),
        commit_id=commit_id,
    )


def _moving(
    session: Session,
    state: State,
    entry: VersionEntry,
    alias: Alias,
    manifest: Manifest,
    governing: Governed,
    seen: Seen,
) -> tuple[Verdict, ...]:
    unsafe = seen.unsafe
    asked = move_verdicts(session, state, entry, alias, manifest=manifest, governing=governing, unsafe=unsafe)
    return (*pin_verdicts(state, entry, alias), *asked)


def _begun(state: State, project: Project, now: datetime) -> State:
    """Return the state that registering begins with: a new model gets the project's scheme and policy."""
    if not state.versions and project.scheme and not state.seq:
        state = attrs.evolve(state, scheme=Scheme.parse(project.scheme))
    tables = policy_json(project.policy)
    if tables and not state.policies:
        state = attrs.evolve(state, policies=(PolicyChange(tables, Mark(0, now, now, "")),))
    return state


def _governed(session: Session, state: State) -> Governed:
    try:
        return governed(session, state)
    except NotFound:  # there is no registry yet, whose default could be asked
        return Governed.of(None, state.policies[-1] if state.policies else None)


def _registered(session: Session, state: State, draft: Manifest, wish: Wish) -> VersionEntry | None:
    """Return the version that an earlier call with this id registered, or that has this content already."""
    if seq := state.commit_ids.get(wish.commit_id or ""):
        made = (each for each in state.versions.values() if each.registered.seq == seq)
        same = (
            each
            for each in made
            if read_manifest(session, model_of(state), each).content() == draft.content()
        )
        return next(same, None)  # registering tells what is wrong with another use of the id
    found = existing(session, state, draft, attrs.evolve(wish, if_unchanged="return"))
    return state.versions[found] if found else None


def _commit_id(state: State, draft: Manifest, wish: Wish, origin: str) -> str:
    """Return the id of a registration, which the same release from the same commit has again, dirty or not.

    Where there is no commit, the release before it stands for that: taking a change back is a release then, and no
    repetition of the one that had this content.
    """
    last = state.versions[state.highest_release].digest if state.highest_release else ""
    parts = (
        model_of(state).folder,
        wish.version or "",
        wish.bump,
        origin or str(last),
        draft.content().hex(),
    )
    return f"release-{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"


def previous_release(
    state: State, version: Version | None, entry: VersionEntry | None
) -> VersionEntry | None:
    """Return the highest release that is lower than a version, and was there before it.

    Args:
        state: The log.
        version: The version; None for one that is higher than all.
        entry: What the log says of it; None where it is not registered yet.
    """
    scheme = scheme_of(state)
    known = (
        (scheme.version(each.version), each)
        for each in state.versions.values()
        if entry is None or each.registered.seq < entry.registered.seq
    )
    lower = [pair for pair in known if not pair[0].is_prerelease and (version is None or pair[0] < version)]
    return max(lower, key=lambda pair: pair[0])[1] if lower else None


def _side(session: Session, state: State, entry: VersionEntry) -> Side:
    return side(session, model_version(session, state, entry), entry)
