"""From a version to all that is known of it."""

from collections.abc import Collection, Container, Mapping
from contextlib import suppress
from itertools import accumulate

from modelver.compare import Side
from modelver.content.blobs import get_blob
from modelver.content.transfer import MAX_MAP
from modelver.errors import IntegrityError, InvalidValue, LogTampered, ModelverError, NotFound
from modelver.history.commit import MAX_COMMIT, Commit, check_link, commit_digest, decode_commit
from modelver.history.event import Indexed, Registered
from modelver.history.state import State, VersionEntry
from modelver.log import LogPlace
from modelver.registry.base.finding import model_of, scheme_of
from modelver.registry.base.insides import told_architecture, told_prompts
from modelver.registry.base.session import Session
from modelver.storage.ahead import read_ahead, work_ahead
from modelver.storage.layout import numbered_key
from modelver.storage.store import Store
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.file import Role
from modelver.values.filemap import FileMap
from modelver.values.making import Architecture, PromptFile
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.provenance import Provenance

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
        self._architecture: Architecture | None = None
        self._prompts: tuple[PromptFile, ...] | None = None

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

    def architecture(self) -> Architecture:
        """Return what is stated of the architecture, else what the weights and ``config.json`` tell."""
        if self._architecture is None and self._session:
            maps = read_maps(self._session, self._name, self._entry, weights_of(self.manifest()))
            self._architecture = told_architecture(self._session, self.manifest(), maps)
        return self._architecture or self.manifest().metadata.architecture or Architecture()

    def prompts(self) -> tuple[PromptFile, ...]:
        """Return the prompts with the variables in their texts."""
        if self._prompts is None and self._session:
            self._prompts = told_prompts(self.manifest(), read_prompts(self._session, self.manifest()))
        return told_prompts(self.manifest(), {}) if self._prompts is None else self._prompts

    def __getstate__(self) -> Mapping[str, object]:
        """Read everything before crossing to another process, where the session can't go."""
        self.manifest()
        self.provenance()
        with suppress(ModelverError):  # what is derived is worth no failure here
            self.architecture()
            self.prompts()
        return {**self.__dict__, "_session": None}


def model_version(
    session: Session, state: State, entry: VersionEntry, *, created: bool = False, alias: str = ""
) -> ModelVersion:
    """Return a version as people hold it; `alias` is the one that it was asked for by."""
    name = model_of(state)
    return ModelVersion(
        name=name,
        version=scheme_of(state).version(entry.version),
        digest=entry.digest,
        created_at=entry.registered.at,
        created_by=entry.registered.by,
        details=VersionDetails(session, name, entry),
        created=created,
        alias=alias,
    )


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


def vouched_commits(
    store: Store, place: LogPlace, state: State, wanted: Collection[int]
) -> dict[int, tuple[Commit, str]]:
    """Return some commits with their digests, proven by the chain from the first of them to the head.

    A state may come from a checkpoint, whose reader saw only later commits: an older one proves nothing by itself.

    Args:
        store: Where the log is.
        place: Which it is.
        state: What it says; its head is believed.
        wanted: The numbers, none of them higher than the head's.

    Raises:
        NotFound: A commit is missing.
        LogTampered: The commits are not those that led to the head.
    """
    found: dict[int, tuple[Commit, str]] = {}
    first, digest = min(wanted, default=state.seq), ""
    keys = [numbered_key(place.log, seq) for seq in range(first, state.seq + 1)] if wanted else []
    for seq, data in enumerate(read_ahead(store, keys, limit=MAX_COMMIT), first):
        what = numbered_key(place.log, seq)
        commit = decode_commit(data, what=what)
        parent = digest or commit.parent
        check_link(commit, registry=place.registry, model=place.model, seq=seq, parent=parent, what=what)
        digest = commit_digest(data)
        if seq in wanted:
            found[seq] = commit, digest
    if wanted and (digest != state.head or found.keys() != set(wanted)):
        raise LogTampered(
            "a commit is not the one that was read before",
            where=numbered_key(place.log, state.seq),
            expected=state.head[:12],
            found=digest[:12],
        )
    return found


def map_digests(session: Session, name: ModelName, entry: VersionEntry) -> dict[str, Digest]:
    """Return the digests of a version's file maps by path, the newest ones."""
    digests = dict(_registered(session, name, entry).maps)
    if entry.indexed:
        log = session.log(name)
        for commit, _ in vouched_commits(session.store, log.place, log.state(), entry.indexed).values():
            for event in commit.events:
                if isinstance(event, Indexed) and event.version == entry.version:
                    digests.update(event.maps)
    return digests


def read_maps(
    session: Session, name: ModelName, entry: VersionEntry, paths: Container[str] | None = None
) -> dict[str, FileMap]:
    """Return a version's file maps by path: all of them, or those of some files."""
    digests = map_digests(session, name, entry)
    wanted = [each for each in digests.items() if paths is None or each[0] in paths]

    def read(each: tuple[str, Digest]) -> tuple[str, FileMap]:
        return each[0], read_map(session, *each)

    return dict(work_ahead(session.store, read, wanted))


def weights_of(manifest: Manifest) -> set[str]:
    """Return the paths of a version's weights."""
    return {file.path for file in manifest.files if file.role is Role.WEIGHTS}


def read_map(session: Session, path: str, digest: Digest) -> FileMap:
    """Return one file map.

    Raises:
        NotFound: The blob is missing.
        IntegrityError: It is not what its name says.
        InvalidValue: It is no file map: its ranges do not cover the file, each byte once.
    """
    data = get_blob(session.store, digest, limit=MAX_MAP)
    filemap = wire.from_bytes(data, FileMap, what=f"file map of {path}")
    starts = list(accumulate((each.length for each in filemap.ranges), initial=0))
    consecutive = all(
        each.offset == start and each.length > 0 for each, start in zip(filemap.ranges, starts, strict=False)
    )
    if starts[-1] != filemap.size or not consecutive:
        raise InvalidValue("a file map's ranges do not cover the file", where=f"file map of {path}")
    return filemap


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
    captured = version.provenance
    return Side(
        name=version.name,
        manifest=version.manifest,
        digest=version.digest,
        maps=read_maps(session, version.name, entry),
        evaluations=tuple(metric for evaluation in entry.evaluations for metric in evaluation.metrics),
        provenance=None if captured == Provenance() else captured,
        prompts=read_prompts(session, version.manifest),
    )
