"""From a reference to a version, and from a version to all that is known of it."""

import difflib
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime

from modelver.compare import Side
from modelver.content.blobs import get_blob
from modelver.content.ingest import MAX_MAP
from modelver.errors import IntegrityError, InvalidName, InvalidValue, LogTampered, NotFound
from modelver.history.event import Indexed, Registered
from modelver.history.state import AliasChange, State, VersionEntry
from modelver.registry.session import Session
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.file import Role
from modelver.values.filemap import FileMap
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.provenance import Provenance
from modelver.values.ref import LATEST, Ref
from modelver.values.scheme import Scheme
from modelver.values.version import Version

MAX_PROVENANCE = 8 * 2**20
MAX_PROMPT = 2**20


class VersionDetails:
    """Reads a version's manifest and provenance once, when they are first asked for; see `Details`."""

    def __init__(self, session: Session, name: ModelName, entry: VersionEntry) -> None:
        self._session: Session | None = session
        self._name = name
        self._entry = entry
        self._manifest: Manifest | None = None
        self._provenance: Provenance | None = None

    def manifest(self) -> Manifest:
        """Return the manifest, checked against the version's digest."""
        if self._manifest is None and self._session:
            self._manifest = read_manifest(self._session, self._name, self._entry)
        assert self._manifest  # noqa: S101 (pickling reads it before it drops the session)
        return self._manifest

    def provenance(self) -> Provenance:
        """Return what was captured at registration."""
        if self._provenance is None and self._session:
            digest = _registered(self._session, self._name, self._entry).provenance
            self._provenance = _read_provenance(self._session, digest) if digest else Provenance()
        assert self._provenance  # noqa: S101 (as above)
        return self._provenance

    def __getstate__(self) -> Mapping[str, object]:
        """Read everything before crossing to another process, where the session can't go."""
        self.manifest()
        self.provenance()
        return {**self.__dict__, "_session": None}


def scheme_of(state: State) -> Scheme:
    """Return the scheme of a model that exists."""
    if state.scheme is None:
        raise LogTampered("a log does not begin by making its model", where=state.model or "")
    return state.scheme


def model_version(
    session: Session, state: State, entry: VersionEntry, *, created: bool = False
) -> ModelVersion:
    """Return a version as people hold it."""
    name = state.model or ModelName("unknown")
    return ModelVersion(
        name=name,
        version=scheme_of(state).version(entry.version),
        digest=entry.digest,
        created_at=entry.registered.at,
        created_by=entry.registered.by,
        details=VersionDetails(session, name, entry),
        created=created,
    )


def find(state: State, ref: Ref, at: datetime | None = None) -> VersionEntry:
    """Return the version that a reference names, now or at a time.

    Raises:
        NotFound: It names nothing; what there is, is suggested.
        InvalidValue: A digest's first digits fit several versions.
    """
    if ref.digest:
        return _by_digest(state, ref, at)
    if ref.selector == LATEST:
        return _latest(state, at)
    if scheme_of(state).reads(ref.selector):
        return _by_version(state, scheme_of(state).version(ref.selector), at)
    change = _alias_at(state, ref.selector.lower(), at)
    if change is None or change.digest is None:
        raise _unknown(state, ref.selector, at)
    return state.versions[change.version]


def _existed(entry: VersionEntry, at: datetime | None) -> bool:
    return at is None or entry.registered.at <= at


def _by_digest(state: State, ref: Ref, at: datetime | None) -> VersionEntry:
    found = [
        entry
        for entry in state.versions.values()
        if entry.digest.hex.startswith(ref.digest) and _existed(entry, at)
    ]
    if len(found) > 1:
        raise InvalidValue(
            "a digest's first digits fit several versions", where=ref, hint="Give more digits."
        )
    if not found:
        raise NotFound("no version has this digest", where=ref)
    return found[0]


def _by_version(state: State, version: Version, at: datetime | None) -> VersionEntry:
    entry = state.versions.get(version)
    if entry is None or not _existed(entry, at):
        raise _unknown(state, version, at)
    return entry


def _latest(state: State, at: datetime | None) -> VersionEntry:
    """Return the highest version that is no pre-release and was not yanked."""
    scheme = scheme_of(state)
    if state.highest_release is not None and at is None:
        entry = state.versions[state.highest_release]
        if not entry.yanked:
            return entry
    releases = [
        scheme.version(entry.version)
        for entry in state.versions.values()
        if _existed(entry, at) and not (entry.yanked and (at is None or entry.yanked.at <= at))
    ]
    best = max((version for version in releases if not version.is_prerelease), default=None)
    if best is None:
        raise NotFound(
            "the model has no release", where=f"{state.model}@{LATEST}", hint="Name a version or an alias."
        )
    return state.versions[best]


def _alias_at(state: State, alias: str, at: datetime | None) -> AliasChange | None:
    """Return the alias's last change up to a time; warn where clocks disagree about which one that is."""
    if at is None:
        return state.aliases.get(alias)
    changes = [change for change in state.alias_history if change.alias == alias]
    for change in changes:
        if (change.mark.at <= at) != (change.mark.clock <= at):
            warnings.warn(
                f"{state.model}@{alias} moved at {change.mark.at.isoformat()} by the log's time, but its writer's clock"
                f" said {change.mark.clock.isoformat()}: the answer for {at.isoformat()} depends on whom you believe."
                " It follows the log.",
                stacklevel=5,
            )
    return next((change for change in reversed(changes) if change.mark.at <= at), None)


def _unknown(state: State, selector: str, at: datetime | None) -> NotFound:
    known = [*state.aliases, *state.versions]
    similar = difflib.get_close_matches(selector, known, n=3) or [
        *list(state.aliases)[:3],
        *list(state.versions)[-3:],
    ]
    when = f" at {at.isoformat()}" if at else ""
    return NotFound(
        f"the model has no such version or alias{when}",
        where=f"{state.model}:{selector}",
        hint=f"There is {', '.join(similar)}." if similar else "It has no versions yet.",
    )


def parse_at(at: datetime | str | None) -> datetime | None:
    """Read a time; one without a zone is UTC.

    Raises:
        InvalidValue: A text is not ISO 8601.
    """
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise InvalidValue(
                "not a time", where=repr(at), expected="ISO 8601, such as 2026-11-17T15:00Z"
            ) from None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def read_manifest(session: Session, name: ModelName, entry: VersionEntry) -> Manifest:
    """Read a version's manifest, checked against the log.

    Raises:
        NotFound: The blob is missing.
        IntegrityError: It is not what the log says.
    """
    what = f"{name}:{entry.version}"
    try:
        manifest = Manifest.from_bytes(get_blob(session.store, entry.digest, limit=MAX_MANIFEST), what=what)
    except NotFound as error:
        raise NotFound(
            "a manifest is missing",
            where=f"{what}, {error.where}",
            hint="Restore it from a copy of the registry.",
        ) from None
    if manifest.model.folder != name.folder or manifest.version != entry.version:
        raise IntegrityError(
            "a manifest is another version's", where=what, found=f"{manifest.model}:{manifest.version}"
        )
    return manifest


def _registered(session: Session, name: ModelName, entry: VersionEntry) -> Registered:
    """Return the event that registered a version."""
    commit, digest = session.log(name).commit(entry.registered.seq)
    if digest != entry.commit:
        raise LogTampered(
            "a commit is not the one that was read before", where=f"{name}, commit {commit.seq}"
        )
    for event in commit.events:
        if isinstance(event, Registered) and event.version == entry.version:
            return event
    raise LogTampered("a commit lacks the version it registered", where=f"{name}:{entry.version}")


def map_digests(session: Session, name: ModelName, entry: VersionEntry) -> dict[str, Digest]:
    """Return the digests of a version's file maps by path, the newest ones."""
    digests = dict(_registered(session, name, entry).maps)
    for seq in entry.indexed:
        for event in session.log(name).commit(seq)[0].events:
            if isinstance(event, Indexed) and event.version == entry.version:
                digests.update(event.maps)
    return digests


def read_maps(session: Session, name: ModelName, entry: VersionEntry) -> dict[str, FileMap]:
    """Return a version's file maps by path."""
    digests = map_digests(session, name, entry)
    return {path: read_map(session, path, digest) for path, digest in digests.items()}


def read_map(session: Session, path: str, digest: Digest) -> FileMap:
    """Return one file map."""
    data = get_blob(session.store, digest, limit=MAX_MAP)
    return wire.from_bytes(data, FileMap, what=f"file map of {path}")


def _read_provenance(session: Session, digest: Digest) -> Provenance:
    data = get_blob(session.store, digest, limit=MAX_PROVENANCE)
    return wire.from_bytes(data, Provenance, what="provenance")


def provenance_digest(session: Session, name: ModelName, entry: VersionEntry) -> Digest | None:
    """Return the digest of a version's provenance, or None where nothing was captured."""
    return _registered(session, name, entry).provenance


def read_prompts(session: Session, manifest: Manifest) -> dict[str, str]:
    """Return the texts of a version's prompt files, as far as they are text of a sensible size."""
    texts = {}
    for entry in manifest.files:
        if entry.role is Role.PROMPT and entry.size <= MAX_PROMPT:
            data = get_blob(session.store, Digest.from_hex(entry.sha256), limit=MAX_PROMPT)
            texts[entry.path] = data.decode(errors="replace")
    return texts


def side(session: Session, version: ModelVersion, entry: VersionEntry) -> Side:
    """Gather what a comparison needs of one version."""
    return Side(
        name=version.name,
        manifest=version.manifest,
        digest=version.digest,
        maps=read_maps(session, version.name, entry),
        evaluations=tuple(metric for evaluation in entry.evaluations for metric in evaluation.metrics),
        provenance=version.provenance,
        prompts=read_prompts(session, version.manifest),
    )


def parse_ref(ref: str | ModelVersion) -> Ref:
    """Return a reference; a version stands for itself, by its digest.

    Raises:
        InvalidName: The text is no reference.
    """
    if isinstance(ref, ModelVersion):
        return Ref(ref.name, digest=ref.digest.hex)
    if not isinstance(ref, str):
        raise InvalidName(
            "not a reference", where=repr(ref), expected="text such as name:1.3.0, or a ModelVersion"
        )
    return Ref.parse(ref)
