"""From stored content to a version: number it, or find the version that it is already; one commit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import attrs

from modelver.compare import Side, required_bump
from modelver.errors import AlreadyExists
from modelver.history.event import AliasSet, Event, Registered
from modelver.history.state import Mark, State, VersionEntry
from modelver.log import Appended, Proposal
from modelver.registry.aliases.moving import alias_set, used_otherwise
from modelver.registry.base.finding import model_of, scheme_of
from modelver.registry.base.reading import model_version, read_manifest, read_map, read_prompts, side
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import Governed, gate_move, gate_registration, governed
from modelver.registry.versions.sweeping import Sweeps, honour_sweeps
from modelver.storage.layout import blob_key
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role
from modelver.values.manifest import Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.provenance import Provenance
from modelver.values.record import Changelog, Metadata
from modelver.values.scheme import SEMVER, Bump, Scheme
from modelver.values.version import Version

AutoBump = Literal["major", "minor", "patch", "prerelease", "auto"]
IfUnchanged = Literal["return", "error"]
_HEADLINE = 500


@attrs.frozen
class Wish:
    """How a version is to be numbered and named.

    Attributes:
        version: An exact version, or None to raise the last one.
        bump: How to raise it.
        aliases: Set in the same commit.
        if_unchanged: What to do where the content is that of the last version.
        commit_id: The caller's id for this write.
        resume: Whether content may lack files that an earlier call with the same id registered, and moved away.
    """

    version: str | None = None
    bump: AutoBump = "auto"
    aliases: tuple[Alias, ...] = ()
    if_unchanged: IfUnchanged = "return"
    commit_id: str | None = None
    resume: bool = False


@attrs.frozen
class Content:
    """What was stored for a version that has no number yet.

    Attributes:
        manifest: With the files, but without a number; its model is the name as the caller spells it.
        maps: The digests of the file maps, by path.
        provenance: The digest of the captured provenance.
        captured: The provenance itself.
        sweeps: What was known of sweeps before anything was stored.
        finalizes: The pre-release that this is the release of.
    """

    manifest: Manifest
    maps: Mapping[str, Digest]
    provenance: Digest | None
    captured: Provenance
    sweeps: Sweeps
    finalizes: str = ""

    @property
    def blobs(self) -> dict[Digest, int | None]:
        """All blobs that the version needs but its manifest, with the sizes that are known."""
        needed: dict[Digest, int | None] = dict.fromkeys(self.maps.values())
        if self.provenance:
            needed[self.provenance] = None
        return needed | {Digest.from_hex(entry.sha256): entry.size for entry in self.manifest.files}


def numbered(manifest: Manifest, state: State, version: Version) -> Manifest:
    """Return a manifest under a number, with the model's name as its maker spelled it."""
    return attrs.evolve(manifest, model=model_of(state), version=str(version))


def commit_version(session: Session, name: ModelName, content: Content, wish: Wish) -> ModelVersion:
    """Append the commit that makes stored content a version, or find the version that it is already."""
    named: list[str] = []
    # The model comes first, in a commit of its own: a sweep that starts from now on writes to its log, too.
    session.create_model(name, None)

    def propose(state: State) -> Proposal:
        message = _headline(content.manifest.changelog)
        if found := existing(session, state, content.manifest, wish):
            named[:] = [found]
            return Proposal(_aliases(session, state, wish.aliases, state.versions[found]), message)
        version = number(state, wish, partial(_bump, session, state, content))
        named[:] = [version]
        manifest = numbered(content.manifest, state, version)
        data = manifest.to_bytes()
        digest = Digest.of(data)
        sweeps = honour_sweeps(session, state, digest, content.blobs, content.sweeps)
        governing = governed(session, state)
        said = gate_registration(session, state, manifest, governing)
        entry = _entry(session, state, manifest, digest)
        then = (
            attrs.evolve(state, versions={**state.versions, entry.version: entry}) if wish.aliases else state
        )
        events: tuple[Event, ...] = (
            *sweeps,
            Registered(
                version,
                digest,
                content.provenance,
                content.maps,
                content.finalizes,
                said.evidence,
                said.default_policy,
            ),
            *_aliases(session, then, wish.aliases, entry, manifest, governing),
        )
        return Proposal(events, message, blobs={blob_key(digest): data})

    appended = session.append(name, propose, commit_id=wish.commit_id)
    if appended.seq and not appended.written:
        return _resumed(session, appended, content, wish)
    entry = appended.state.versions[named[0]]
    created = appended.written and entry.registered.seq == appended.seq
    return model_version(session, appended.state, entry, created=created)


def with_model(state: State, name: ModelName) -> State:
    """Return a state, or the one that a model's first commit makes where there is none yet."""
    if state.model is not None:
        return state
    return attrs.evolve(state, model=name, scheme=Scheme.parse(SEMVER))


def _headline(changelog: Changelog) -> str:
    """Return what the log says of a version: the changelog's first line; the manifest has it all."""
    return changelog.headline[:_HEADLINE]


def _entry(session: Session, state: State, manifest: Manifest, digest: Digest) -> VersionEntry:
    """Return what the log will say of a version that is about to be registered."""
    now = datetime.now(UTC)
    return VersionEntry(manifest.version, digest, Mark(state.seq + 1, now, now, session.actor), "")


def _aliases(
    session: Session,
    state: State,
    aliases: Sequence[Alias],
    entry: VersionEntry,
    manifest: Manifest | None = None,
    governing: Governed | None = None,
) -> tuple[AliasSet, ...]:
    events = (
        alias_set(
            state,
            alias,
            entry,
            cause="manual",
            gate=partial(gate_move, session, state, entry, alias, manifest=manifest, governing=governing),
        )
        for alias in aliases
    )
    return tuple(event for event in events if event is not None)


def _resumed(session: Session, appended: Appended, content: Content, wish: Wish) -> ModelVersion:
    """Return the version that an earlier call with the same ``commit_id`` registered, or set aliases to.

    Raises:
        AlreadyExists: That call was another one.
    """
    state = appended.state
    entry = named_by(state, appended.seq, wish.aliases)
    if entry is None or not _is_same_call(session, state, entry, content, wish):
        raise used_otherwise(state, appended.seq)
    return model_version(session, state, entry)


def named_by(state: State, seq: int, aliases: Sequence[Alias]) -> VersionEntry | None:
    """Return the version that a commit registered or, where it registered none, set these aliases to."""
    entry = next((each for each in state.versions.values() if each.registered.seq == seq), None)
    if entry is None:
        moves = (change for change in state.alias_history if change.generation == seq)
        moved = {change.version for change in moves if change.alias in aliases}
        entry = state.versions.get(moved.pop()) if len(moved) == 1 else None
    return entry


def _is_same_call(session: Session, state: State, entry: VersionEntry, content: Content, wish: Wish) -> bool:
    if wish.version is not None and scheme_of(state).version(wish.version) != entry.version:
        return False
    theirs, mine = read_manifest(session, model_of(state), entry), content.manifest
    if wish.resume and set(mine.files) <= set(theirs.files):
        mine = attrs.evolve(mine, files=theirs.files)
    return theirs.content() == mine.content()


def existing(session: Session, state: State, manifest: Manifest, wish: Wish) -> str | None:
    """Return the version that this content is already, or None.

    Args:
        session: The registry.
        state: The log.
        manifest: What is stated, without a number.
        wish: Which version is wanted.

    Raises:
        AlreadyExists: The wished version has other content, or the content is unchanged and may not be.
    """
    if wish.version is not None:
        version = scheme_of(state).version(wish.version)
        entry = state.versions.get(version)
        if entry is None:
            return None
        _check_same(read_manifest(session, model_of(state), entry), numbered(manifest, state, version))
    else:
        last = state.highest if wish.bump == "prerelease" else state.highest_release
        entry = state.versions[last] if last is not None else None
        if entry is None or entry.yanked:
            return None
        if read_manifest(session, model_of(state), entry).content() != manifest.content():
            return None
    if wish.if_unchanged == "error":
        raise AlreadyExists(
            "nothing has changed since this version",
            where=f"{state.model}:{entry.version}",
            hint='if_unchanged="return" gives that version.',
        )
    return entry.version


def _check_same(theirs: Manifest, mine: Manifest) -> None:
    if theirs.to_bytes() == mine.to_bytes():
        return
    differs = [role.value for role in Role if _files(theirs, role) != _files(mine, role)]
    differs += [
        f"metadata.{field.name}"
        for field in attrs.fields(Metadata)
        if wire.to_json(getattr(theirs.metadata, field.name))
        != wire.to_json(getattr(mine.metadata, field.name))
    ]
    differs += ["changelog"] if theirs.changelog != mine.changelog else []
    raise AlreadyExists(
        "this version exists with other content",
        where=f"{theirs.model}:{theirs.version}",
        found=f"other {', '.join(differs) or 'fields'}",
        hint="Versions never change: register it under a new one.",
    )


def _files(manifest: Manifest, role: Role) -> set[FileEntry]:
    return {entry for entry in manifest.files if entry.role is role}


def number(state: State, wish: Wish, required: Callable[[], Bump]) -> Version:
    """Return the version that new content gets.

    Args:
        state: The log.
        wish: Which version is wanted.
        required: Tells the bump that the content calls for, where nobody chose one.
    """
    scheme = scheme_of(state)
    if wish.version is not None:
        return scheme.version(wish.version)
    known = [version for version in (state.highest, state.highest_release) if version is not None]
    return scheme.bump(known, required() if wish.bump == "auto" else wish.bump)


def _bump(session: Session, state: State, content: Content) -> Bump:
    """Return how much the content differs from the last release."""
    if state.highest_release is None:
        return "major"
    entry = state.versions[state.highest_release]
    last = side(session, model_version(session, state, entry), entry)
    return required_bump(last, _new_side(session, content)).bump


def _new_side(session: Session, content: Content) -> Side:
    """Gather what a comparison needs of content that is no version yet."""
    return Side(
        name=content.manifest.model,
        manifest=content.manifest,
        digest=content.manifest.digest,
        maps={path: read_map(session, path, digest) for path, digest in content.maps.items()},
        provenance=content.captured,
        prompts=read_prompts(session, content.manifest),
    )
