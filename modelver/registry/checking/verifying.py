"""Checking that everything stored is what it was: by digests, chains, and a replay from commit 1."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping

from modelver.content.blobs import get_blob, has_blob
from modelver.content.receive import Receiver
from modelver.errors import IntegrityError, ModelverError, NotFound, Offline, StoreError
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.history.checkpoint import MAX_CHECKPOINT, decode_checkpoint
from modelver.history.commit import Commit
from modelver.history.fold import replay
from modelver.history.state import State, VersionEntry
from modelver.log import Log
from modelver.registry.base.opening import MAX_REGISTRY_FILE, parse_identity
from modelver.registry.base.progress import Callback, Progress
from modelver.registry.base.reading import map_digests, provenance_digest, read_manifest
from modelver.registry.base.session import Session
from modelver.registry.governing.regating import check_gates
from modelver.storage.layout import BLOBS, MODELS, REGISTRY_FILE, blob_key, number_of, numbered_key
from modelver.storage.store import Entry, Store
from modelver.values.digest import Digest
from modelver.values.name import ModelName
from modelver.values.report import Finding, Report

_SHOWN = 12
_AT_ONCE = 8
"""Blobs of a remote store that are read at once."""

Sizes = Mapping[Digest, int | None]
"""Blobs, with the sizes that they must have, where these are known."""


def verify_version(
    session: Session, name: ModelName, entry: VersionEntry, callback: Callback | None
) -> Report:
    """Check one version: its commit, manifest, maps, provenance, and every byte of its files."""
    needed: dict[Digest, int | None] = {}
    findings = list(_collect(session, name, entry, needed))
    stored: dict[Digest, int] = {}
    for digest, size in needed.items():
        try:
            if has_blob(session.store, digest, size):
                stored[digest] = session.store.size(blob_key(digest))
            else:
                findings.append(_missing(digest))
        except ModelverError as error:
            findings.append(_finding(error, blob_key(digest)))
    findings += _check_blobs(session, stored, callback)
    return Report(f"{name}:{entry.version}", _each_once(findings), {"blobs": len(needed)})


def verify_registry(session: Session, callback: Callback | None) -> Report:
    """Check the founding file, every log from commit 1, every checkpoint, and every blob, needed or not.

    Raises:
        NotFound: There is no registry.
        StoreError: It can't be read at all; that is no damage.
    """
    findings = list(_check_founding(session))
    checked: Counter[str] = Counter()
    if findings:
        return Report(session.store.url, tuple(findings))
    needed: dict[Digest, int | None] = {}
    for folder, name in session.folders():
        if name is None:
            findings.append(Finding(f"{MODELS}/{folder}", "not a model's folder"))
        else:
            findings += _check_log(session, session.log(name), name, needed, checked)
    findings += _check_log(session, session.registry_log, None, needed, checked)
    findings += _check_stored(session, needed, checked, callback)
    return Report(session.store.url, _each_once(findings), dict(checked))


def _check_founding(session: Session) -> Iterator[Finding]:
    """Check the founding file's bytes, and that they are those that were read when the registry was opened."""
    try:
        data = session.store.get(REGISTRY_FILE, limit=MAX_REGISTRY_FILE)
        if parse_identity(data, what=REGISTRY_FILE) != session.identity:
            yield Finding(REGISTRY_FILE, "the founding file changed while the registry was open")
    except NotFound:
        if not any(True for folder in (MODELS, BLOBS) for _ in session.store.list(folder)):
            _ = session.identity  # says best what is not here
        yield Finding(REGISTRY_FILE, "is missing")
    except StoreError:
        raise  # out of reach, or no right to read: no damage
    except ModelverError as error:
        yield _finding(error, REGISTRY_FILE)


def _check_log(
    session: Session,
    log: Log,
    name: ModelName | None,
    needed: dict[Digest, int | None],
    checked: Counter[str],
) -> Iterator[Finding]:
    """Check a log and its checkpoints, and gather the blobs that its versions need."""
    state, fault = log.check()
    checked["logs"] += 1
    checked["commits"] += state.seq
    if fault is not None:
        yield _finding(fault, numbered_key(log.place.log, state.seq + 1))
    yield from _check_checkpoints(session, log, state, checked)
    if name is not None:
        checked["versions"] += len(state.versions)
        yield from check_gates(session, name, log, state)
        for entry in state.versions.values():
            yield from _collect(session, name, entry, needed)


def _check_checkpoints(session: Session, log: Log, head: State, checked: Counter[str]) -> Iterator[Finding]:
    """Replay up to each checkpoint and compare: a checkpoint is derived, so it must follow from the commits.

    Args:
        session: The registry.
        log: Whose checkpoints.
        head: How far the log is sound; checkpoints beyond that can't be compared.
        checked: Gets their number.
    """
    expected = State(seq=0, head=log.place.root)
    commits = log.commits()
    for entry in session.store.list(log.place.checkpoints):
        checked["checkpoints"] += 1
        try:
            found = decode_checkpoint(session.store.get(entry.key, limit=MAX_CHECKPOINT), what=entry.key)
        except ModelverError as error:
            yield _finding(error, entry.key)
            continue
        if found is None:
            continue  # made by another release's fold: readers pass it over, too
        if number_of(entry.key) != found.seq:
            yield Finding(entry.key, "a checkpoint under another number", found=str(found.seq))
        elif expected.seq <= found.seq <= head.seq:
            expected = replay(expected, _until(commits, expected.seq, found.seq))
            if found != expected:
                yield Finding(
                    entry.key, "a checkpoint does not follow from the log", _shown(expected), _shown(found)
                )


def _until(commits: Iterator[tuple[Commit, str]], seq: int, last: int) -> Iterator[tuple[Commit, str]]:
    while seq < last:
        commit, digest = next(commits)
        seq = commit.seq
        yield commit, digest


def _shown(state: State) -> str:
    return f"the state after commit {state.seq} ({state.head[:_SHOWN]})"


def _collect(
    session: Session, name: ModelName, entry: VersionEntry, needed: dict[Digest, int | None]
) -> Iterator[Finding]:
    """Gather the blobs that a version needs."""
    needed.setdefault(entry.digest, None)
    try:
        for digest in map_digests(session, name, entry).values():
            needed.setdefault(digest, None)
        if provenance := provenance_digest(session, name, entry):
            needed.setdefault(provenance, None)
    except ModelverError as error:
        yield _finding(error, numbered_key(session.log(name).place.log, entry.registered.seq))
    try:
        files = read_manifest(session, name, entry).files
    except ModelverError as error:
        yield _finding(error, blob_key(entry.digest))
    else:
        needed.update({Digest.from_hex(file.sha256): file.size for file in files})


def _check_stored(
    session: Session, needed: Sizes, checked: Counter[str], callback: Callback | None
) -> Iterator[Finding]:
    """Hash every stored blob, and name those that are needed but missing, or of another size than they should be."""
    stored: dict[Digest, int] = {}
    for entry in session.store.list(BLOBS):
        digest = _digest_of(entry)
        if digest is None:
            yield Finding(entry.key, "not a blob's place", expected="blobs/sha256/ab/<64 hex digits>")
        else:
            stored[digest] = entry.size
    checked["blobs"] += len(stored)
    for digest, size in needed.items():
        if digest not in stored:
            yield _missing(digest)
        elif size not in {None, stored[digest]}:
            yield Finding(blob_key(digest), "a blob is of another size", str(size), str(stored[digest]))
    yield from _check_blobs(session, stored, callback)


def _digest_of(entry: Entry) -> Digest | None:
    try:
        digest = Digest.from_hex(entry.key.rpartition("/")[2])
    except ModelverError:
        return None
    return digest if blob_key(digest) == entry.key else None


_SMALL = 2**20
"""Bytes up to which a blob is read whole: quicker than hashing a file, which waits for the times of a fresh one."""


def _check_blobs(
    session: Session, blobs: Mapping[Digest, int], callback: Callback | None
) -> Iterator[Finding]:
    """Hash blobs, given with their sizes."""
    progress = Progress(callback, sum(blobs.values()))
    with Receiver(session.store, progress) as receiver:

        def work(digest: Digest, cancelled: threading.Event) -> Finding | None:
            try:
                _check_blob(session.store, digest, blobs[digest], receiver, progress, cancelled)
            except ModelverError as error:
                return _finding(error, blob_key(digest))
            return None

        threads = None if session.store.folder else _AT_ONCE
        results = run_largest_first(list(blobs), blobs.__getitem__, work, threads=threads)
    progress.finish()
    return (finding for finding in results if finding is not None)


def _check_blob(
    store: Store,
    digest: Digest,
    size: int,
    receiver: Receiver,
    progress: Progress,
    cancelled: threading.Event,
) -> None:
    """Hash one blob.

    Raises:
        IntegrityError: Its bytes are not those that its name promises.
    """
    path = store.local_path(blob_key(digest))
    if path is None:
        receiver.check(digest, size, cancelled)
    elif size <= _SMALL:
        get_blob(store, digest, limit=size)
        progress(size)
    else:
        found = hash_file(path, on_bytes=progress, cancelled=cancelled).sha256
        if found != digest.hex:
            raise IntegrityError("a blob is damaged", expected=digest.hex[:_SHOWN], found=found[:_SHOWN])


def _missing(digest: Digest) -> Finding:
    return Finding(blob_key(digest), "a blob that a version needs is missing")


def _finding(error: ModelverError, key: str) -> Finding:
    """Return what an error says of an object.

    Raises:
        Offline: The store can't be reached any more: that says nothing of the object.
    """
    if isinstance(error, Offline):
        raise error
    what = "is missing" if isinstance(error, NotFound) else error.what
    return Finding(key, what, error.expected, error.found)


def _each_once(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return one finding for each object, the first: what else is wrong with it follows from that."""
    return tuple({finding.object: finding for finding in reversed(findings)}.values())[::-1]
