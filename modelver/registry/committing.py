"""From stored content to a version: number it, or find the version that it is already; one commit."""

from collections.abc import Sequence
from typing import Literal

import attrs

from modelver.compare import Side, required_bump
from modelver.content.blobs import has_blob
from modelver.content.ingest import Stored
from modelver.errors import AlreadyExists, Conflict
from modelver.history.event import AliasSet, Event, Registered, SweepStarted
from modelver.history.state import State
from modelver.log import Proposal
from modelver.registry.moving import alias_set
from modelver.registry.reading import (
    model_version,
    read_manifest,
    read_map,
    read_prompts,
    scheme_of,
    side,
)
from modelver.registry.session import Session
from modelver.storage.layout import blob_key
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.file import Role
from modelver.values.manifest import Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias, ModelName
from modelver.values.provenance import Provenance
from modelver.values.scheme import Bump
from modelver.values.version import Version

AutoBump = Literal["major", "minor", "patch", "prerelease", "auto"]
IfUnchanged = Literal["return", "error"]


@attrs.frozen
class Wish:
    """How a version is to be numbered and named.

    Attributes:
        version: An exact version, or None to raise the last one.
        bump: How to raise it.
        aliases: Set in the same commit.
        if_unchanged: What to do where the content is that of the last version.
        commit_id: The caller's id for this write.
    """

    version: str | None = None
    bump: AutoBump = "auto"
    aliases: tuple[Alias, ...] = ()
    if_unchanged: IfUnchanged = "return"
    commit_id: str | None = None


@attrs.frozen
class Content:
    """What was stored for a version that has no number yet."""

    manifest: Manifest
    stored: tuple[Stored, ...]
    provenance: Digest | None
    captured: Provenance
    swept: int
    finalizes: str = ""

    def numbered(self, version: str) -> Manifest:
        """Return the manifest under a number."""
        return attrs.evolve(self.manifest, version=version)

    @property
    def blobs(self) -> dict[Digest, int]:
        """All blobs that the version needs, with the sizes that are known."""
        return {Digest.from_hex(stored.entry.sha256): stored.entry.size for stored in self.stored}

    @property
    def maps(self) -> dict[str, Digest]:
        """The digests of the file maps, by path."""
        return {stored.entry.path: stored.map for stored in self.stored}


def commit_version(session: Session, name: ModelName, content: Content, wish: Wish) -> ModelVersion:
    """Append the commit that makes stored content a version, or find the version that it is already."""
    named: list[str] = []

    def propose(state: State) -> Proposal:
        named.clear()
        found = _existing(session, state, content, wish)
        if found is not None:
            named.append(found)
            moved = _alias_events(state, wish.aliases, found, state.versions[found].digest)
            return Proposal(moved, message=content.manifest.changelog.summary)
        _check_blobs(session, state, content)
        version = _number(session, state, content, wish)
        named.append(version)
        manifest = content.numbered(version).to_bytes()
        digest = Digest.of(manifest)
        event = Registered(version, digest, content.provenance, content.maps, content.finalizes)
        return Proposal(
            (
                *_open_sweeps(session, state, content),
                event,
                *_alias_events(state, wish.aliases, version, digest),
            ),
            message=content.manifest.changelog.summary,
            blobs={blob_key(digest): manifest},
        )

    appended = session.log(name).append(propose, by=session.actor, commit_id=wish.commit_id)
    if not appended.written and appended.seq:
        return _resumed(session, name, appended.state, appended.seq, content)
    entry = appended.state.versions[named[0]]
    return model_version(
        session, appended.state, entry, created=entry.registered.seq == appended.seq and appended.written
    )


def _resumed(session: Session, name: ModelName, state: State, seq: int, content: Content) -> ModelVersion:
    """Return the version that an earlier call with the same ``commit_id`` registered."""
    entry = next((entry for entry in state.versions.values() if entry.registered.seq == seq), None)
    if entry is None or read_manifest(session, name, entry).content() != content.manifest.content():
        raise AlreadyExists(
            "this commit_id was used for something else",
            where=f"{name}, commit {seq}",
            hint="Use a commit_id of its own for each registration.",
        )
    return model_version(session, state, entry)


def _existing(session: Session, state: State, content: Content, wish: Wish) -> str | None:
    """Return the version that this content is already, or None.

    Raises:
        AlreadyExists: The wished version has other content, or the content is unchanged and may not be.
    """
    if wish.version is not None:
        version = scheme_of(state).version(wish.version)
        entry = state.versions.get(version)
        if entry is None:
            return None
        _check_same(read_manifest(session, content.manifest.model, entry), content.numbered(version))
    else:
        last = state.highest if wish.bump == "prerelease" else state.highest_release
        entry = state.versions[last] if last is not None else None
        if entry is None or entry.yanked:
            return None
        if read_manifest(session, content.manifest.model, entry).content() != content.manifest.content():
            return None
    if wish.if_unchanged == "error":
        raise AlreadyExists(
            "nothing has changed since this version", where=f"{content.manifest.model}:{entry.version}"
        )
    return entry.version


def _check_same(theirs: Manifest, mine: Manifest) -> None:
    if theirs.to_bytes() == mine.to_bytes():
        return
    differs = [
        role.value
        for role in Role
        if {entry for entry in theirs.files if entry.role is role}
        != {entry for entry in mine.files if entry.role is role}
    ]
    differs += [
        f"metadata.{field.name}"
        for field in attrs.fields(type(mine.metadata))
        if wire.to_json(getattr(theirs.metadata, field.name))
        != wire.to_json(getattr(mine.metadata, field.name))
    ]
    differs += ["changelog"] if theirs.changelog != mine.changelog else []
    raise AlreadyExists(
        "this version exists with other content",
        where=f"{theirs.model}:{theirs.version}",
        found=f"other {', '.join(differs)}",
        hint="Versions never change: register it under a new one.",
    )


def _number(session: Session, state: State, content: Content, wish: Wish) -> Version:
    scheme = scheme_of(state)
    if wish.version is not None:
        return scheme.version(wish.version)
    known = [version for version in (state.highest, state.highest_release) if version is not None]
    return scheme.bump(known, _bump(session, state, content) if wish.bump == "auto" else wish.bump)


def _bump(session: Session, state: State, content: Content) -> Bump:
    """Return how much the content differs from the last release."""
    if state.highest_release is None:
        return "major"
    entry = state.versions[state.highest_release]
    last = side(session, model_version(session, state, entry), entry)
    return required_bump(last, new_side(session, content)).bump


def _check_blobs(session: Session, state: State, content: Content) -> None:
    """Honour a sweep of garbage: see docs/format.md, "Sweeps".

    Raises:
        Conflict: A blob is condemned, or was swept away since it was stored.
    """
    needed = {**content.blobs}
    for digest in [*needed, *content.maps.values(), *([content.provenance] if content.provenance else [])]:
        if state.is_condemned(digest.hex):
            raise Conflict(
                "a garbage collection is about to delete a blob of this version",
                where=blob_key(digest),
                hint="Try again when it is done.",
            )
    if state.swept != content.swept:
        for digest, size in needed.items():
            if not has_blob(session.store, digest, size):
                raise Conflict(
                    "a garbage collection took a blob of this version away",
                    where=blob_key(digest),
                    hint="Register again.",
                )


def _open_sweeps(session: Session, state: State, content: Content) -> tuple[Event, ...]:
    """Copy sweeps that run already into the log of a model that has no version yet: its sweeper may not know it."""
    if state.versions:
        return ()
    registry = session.registry_log.state()
    condemned = {blob for blobs in registry.condemned.values() for blob in blobs}
    _check_blobs(session, attrs.evolve(state, condemned=registry.condemned, swept=content.swept), content)
    unknown = {sweep: blobs for sweep, blobs in registry.condemned.items() if sweep not in state.condemned}
    return (
        tuple(SweepStarted(sweep, tuple(sorted(blobs))) for sweep, blobs in unknown.items())
        if condemned
        else ()
    )


def _alias_events(
    state: State, aliases: Sequence[Alias], version: str, digest: Digest
) -> tuple[AliasSet, ...]:
    events = (alias_set(state, alias, version, digest, cause="manual") for alias in aliases)
    return tuple(event for event in events if event is not None)


def new_side(session: Session, content: Content) -> Side:
    """Gather what a comparison needs of content that is no version yet."""
    return Side(
        name=content.manifest.model,
        manifest=content.manifest,
        digest=content.manifest.digest,
        maps={path: read_map(session, path, digest) for path, digest in content.maps.items()},
        evaluations=(),
        provenance=content.captured,
        prompts=read_prompts(session, content.manifest),
    )
