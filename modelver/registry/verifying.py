"""Checking that everything stored is what it was: by digests, chains, and a replay from commit 1."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import attrs

from modelver.content.blobs import get_blob
from modelver.errors import ModelverError, NotFound
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.history.checkpoint import MAX_CHECKPOINT, decode_checkpoint
from modelver.history.commit import Commit
from modelver.history.fold import replay
from modelver.history.state import State, VersionEntry
from modelver.log import Log
from modelver.registry.opening import MAX_REGISTRY_FILE, parse_identity
from modelver.registry.reading import map_digests, provenance_digest, read_manifest
from modelver.registry.session import Session
from modelver.storage.layout import BLOBS, REGISTRY_FILE, blob_key, number_of, numbered_key
from modelver.storage.store import Entry
from modelver.values.digest import Digest
from modelver.values.name import ModelName
from modelver.values.report import Finding, Report

OnBytes = Callable[[int], None] | None
_IN_MEMORY = 2**31


def verify_version(session: Session, name: ModelName, entry: VersionEntry, on_bytes: OnBytes) -> Report:
    """Check one version: its commit, manifest, maps, provenance, and every byte of its files."""
    subject = f"{name}:{entry.version}"
    try:
        needed = _needed(session, name, entry)
    except ModelverError as error:
        return Report(subject, (_finding(error),), {"blobs": 0})
    findings = _check_blobs(session, needed, on_bytes)
    return Report(subject, tuple(findings), {"blobs": len(needed)})


def verify_registry(session: Session, on_bytes: OnBytes) -> Report:
    """Check the founding file, every log from commit 1, every checkpoint, and every blob, needed or not."""
    findings: list[Finding] = []
    checked: Counter[str] = Counter()
    try:
        data = session.store.get(REGISTRY_FILE, limit=MAX_REGISTRY_FILE)
        if parse_identity(data, what=REGISTRY_FILE) != session.identity:
            findings.append(Finding(REGISTRY_FILE, "the founding file changed while the registry was open"))
    except ModelverError as error:
        return Report(session.store.url, (_finding(error, REGISTRY_FILE),), {})
    needed: dict[Digest, int | None] = {}
    for log, name in _logs(session):
        state, fault = log.check()
        if fault is not None:
            findings.append(_finding(fault, numbered_key(log.place.log, state.seq + 1)))
        checked["commits"] += state.seq
        checked["logs"] += 1
        findings += _check_checkpoints(session, log, checked)
        if name is not None:
            findings += _collect(session, name, state, needed, checked)
    findings += _check_stored(session, needed, checked, on_bytes)
    return Report(session.store.url, tuple(findings), dict(checked))


def _logs(session: Session) -> Iterator[tuple[Log, ModelName | None]]:
    yield session.registry_log, None
    for folder in session.folders():
        name = ModelName(folder.replace("--", "/"))
        yield session.log(name), name


def _check_checkpoints(session: Session, log: Log, checked: Counter[str]) -> Iterator[Finding]:
    """Replay up to each checkpoint and compare: a checkpoint is derived, so it must follow from the commits."""
    expected = State(seq=0, head=log.place.root)
    commits = log.commits()
    for entry in session.store.list(log.place.checkpoints):
        checked["checkpoints"] += 1
        try:
            data = session.store.get(entry.key, limit=MAX_CHECKPOINT)
            found = decode_checkpoint(data, what=entry.key)
            if found is None:
                continue
            expected = replay(expected, _until(commits, expected.seq, found.seq))
        except ModelverError as error:
            yield _finding(error, entry.key)
            continue
        if number_of(entry.key) != found.seq or not _same(expected, found):
            yield Finding(
                entry.key, "a checkpoint does not follow from the log", _shown(expected), _shown(found)
            )


def _until(commits: Iterator[tuple[Commit, str]], seq: int, last: int) -> Iterator[tuple[Commit, str]]:
    while seq < last:
        commit = next(commits, None)
        if commit is None:
            return
        seq = commit[0].seq
        yield commit


def _same(left: State, right: State) -> bool:
    return attrs.evolve(left, alias_history=tuple(left.alias_history)) == attrs.evolve(
        right, alias_history=tuple(right.alias_history)
    )


def _shown(state: State) -> str:
    return f"the state after commit {state.seq} ({state.head[:12]})"


def _collect(
    session: Session, name: ModelName, state: State, needed: dict[Digest, int | None], checked: Counter[str]
) -> Iterator[Finding]:
    """Gather the blobs that a model's versions need."""
    for entry in state.versions.values():
        checked["versions"] += 1
        try:
            needed.update(_needed(session, name, entry))
        except ModelverError as error:
            yield _finding(error, blob_key(entry.digest))


def _needed(session: Session, name: ModelName, entry: VersionEntry) -> dict[Digest, int | None]:
    """Return the blobs of a version, with their sizes where these are known."""
    needed: dict[Digest, int | None] = {entry.digest: None}
    needed.update(dict.fromkeys(map_digests(session, name, entry).values()))
    if provenance := provenance_digest(session, name, entry):
        needed[provenance] = None
    for file in read_manifest(session, name, entry).files:
        needed[Digest.from_hex(file.sha256)] = file.size
    return needed


def _check_stored(
    session: Session, needed: dict[Digest, int | None], checked: Counter[str], on_bytes: OnBytes
) -> list[Finding]:
    """Hash every stored blob, and name those that are needed but missing."""
    findings = []
    stored: dict[Digest, int | None] = {}
    for entry in session.store.list(BLOBS):
        digest = _digest_of(entry)
        if digest is None:
            findings.append(
                Finding(entry.key, "not a blob's place", expected="blobs/sha256/ab/<64 hex digits>")
            )
        else:
            stored[digest] = needed.get(digest)
    missing = [digest for digest in needed if digest not in stored]
    findings += [Finding(blob_key(digest), "a blob that a version needs is missing") for digest in missing]
    checked["blobs"] += len(stored)
    return findings + _check_blobs(session, stored, on_bytes)


def _digest_of(entry: Entry) -> Digest | None:
    name = entry.key.rpartition("/")[2]
    try:
        digest = Digest.from_hex(name)
    except ModelverError:
        return None
    return digest if blob_key(digest) == entry.key else None


def _check_blobs(session: Session, blobs: dict[Digest, int | None], on_bytes: OnBytes) -> list[Finding]:
    def size(digest: Digest) -> int:
        return blobs[digest] or 0

    def work(digest: Digest, cancelled: threading.Event) -> Finding | None:
        try:
            return _check_blob(session, digest, blobs[digest], on_bytes, cancelled)
        except ModelverError as error:
            return _finding(error, blob_key(digest))

    results: Iterable[Finding | None] = run_largest_first(list(blobs), size, work)
    return [finding for finding in results if finding is not None]


def _check_blob(
    session: Session, digest: Digest, size: int | None, on_bytes: OnBytes, cancelled: threading.Event
) -> Finding | None:
    key = blob_key(digest)
    path = session.store.local_path(key)
    if path is None:
        get_blob(session.store, digest, limit=_IN_MEMORY)
        return None
    found = hash_file(path, on_bytes=on_bytes, cancelled=cancelled)
    if found.sha256 != digest.hex:
        return Finding(key, "a blob is damaged", digest.hex[:12], found.sha256[:12])
    if size is not None and found.size != size:
        return Finding(key, "a blob is not of the size that the manifest says", str(size), str(found.size))
    return None


def _finding(error: ModelverError, key: str = "") -> Finding:
    what = "is missing" if isinstance(error, NotFound) else error.what
    return Finding(key or error.where, what, error.expected, error.found)
