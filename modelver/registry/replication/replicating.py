"""Logs from one copy of a registry to another, as they are: the same bytes, so the same digests, history and approvals.

A log's commits carry the registry's id, and its first one follows the founding file: so a log can be copied only
between registries with one founding file. Then copying is simple: what is there must be the beginning of what comes, and
each blob goes before the commit that names it, each commit before the next one.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice

import attrs

from modelver.content.blobs import get_blob
from modelver.content.copying import BlobCopier, Copied
from modelver.errors import AlreadyExists, Conflict, Corrupt, ModelverError, NotFound
from modelver.hashing.parallel import run_largest_first
from modelver.history.checkpoint import MAX_CHECKPOINT
from modelver.history.commit import MAX_COMMIT, Commit
from modelver.history.event import Event, Indexed, Registered
from modelver.history.state import State
from modelver.registry.replication.ends import End, StoredLog, another_registry, is_same_registry
from modelver.registry.replication.replicated import Tally
from modelver.storage.layout import numbered_key
from modelver.storage.store import Store
from modelver.values.digest import Digest
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.name import ModelName

_BATCH = 64
"""Commits that are in memory at once: their blobs are copied together, then they are written."""

_AT_ONCE = 8
_LOGGER = logging.getLogger("modelver")


@attrs.frozen
class Behind:
    """A log that lacks commits.

    Attributes:
        source: Where they are.
        target: Where they go.
        state: What the source's log says after the last commit that is to be copied.
        begin: The number of the last commit that both have.
    """

    source: StoredLog
    target: StoredLog
    state: State
    begin: int


def mirror(source: End, target: End, tally: Tally) -> None:
    """Bring all logs of a copy up to date; see `Registry.mirror`. Nothing is written before all were compared.

    Raises:
        AlreadyExists: The target is another registry.
    """
    _check_same(source, target)
    copy_logs(source, target, [None, *source.models()], tally)


def copy_logs(source: End, target: End, names: Iterable[ModelName | None], tally: Tally) -> None:
    """Bring some logs of a copy up to date, the registry's own for None.

    Where a blob or a commit is damaged, that log goes no further, but the others do.

    Raises:
        AlreadyExists: The target has become another registry.
        Conflict: Two logs have diverged.
        Corrupt: The source is damaged; what came before was copied, and is whole.
        NotFound: The source lacks a blob, likewise.
    """
    try:
        behind = [found for name in names if (found := compare_logs(source, target, name))]
    except ModelverError:
        _check_same(source, target)  # others may have founded it meanwhile
        raise
    for end in (source, target):
        end.check_reached()
    if target.known is None:
        target.take_founding(source.founding())
    _check_same(source, target)
    faults: list[ModelverError] = []
    with BlobCopier(source.store, target.store, source.cache, tally) as copier:
        for log in behind:
            try:
                _copy_log(log, source.store, target.store, copier, tally)
            except (Corrupt, NotFound) as fault:
                _LOGGER.warning("%s was not copied to its end: %s", log.state.model or "the log", fault)
                faults.append(fault)
    if faults:
        raise faults[0]


def _check_same(source: End, target: End) -> None:
    if not is_same_registry(source, target):
        raise another_registry(target)


def compare_logs(source: End, target: End, name: ModelName | None) -> Behind | None:
    """Return what a log lacks at the target; None where it lacks nothing.

    Raises:
        Conflict: Neither log is the beginning of the other.
    """
    theirs, ours = (end.stored_log(name, source.identity) for end in (source, target))
    coming, present = theirs.state(), ours.state()
    shared = min(coming.seq, present.seq)
    if theirs.digest(shared) != ours.digest(shared):
        raise _diverged(theirs, ours, shared, f"{coming.model or 'the registry'} in {target.store.url}")
    if present.seq > coming.seq:
        ahead = present.seq - coming.seq
        _LOGGER.warning("%s is %d commit(s) ahead in %s", coming.model or "the log", ahead, target.store.url)
    return Behind(theirs, ours, coming, present.seq) if present.seq < coming.seq else None


def _diverged(theirs: StoredLog, ours: StoredLog, last: int, where: str) -> Conflict:
    """Return the error for two logs; the first commit that differs is found by halving."""
    first = 1
    while first < last:
        middle = (first + last) // 2
        if theirs.digest(middle) == ours.digest(middle):
            first = middle + 1
        else:
            last = middle
    return Conflict(
        f"the logs diverged at commit {first}",
        where=where,
        expected=f"commit {first} to be {theirs.digest(first)[:12]}",
        found=ours.digest(first)[:12],
        hint="Nothing was written. Someone wrote to both copies: keep one of them, and make the other anew from it.",
    )


def _copy_log(behind: Behind, source: Store, target: Store, copier: BlobCopier, tally: Tally) -> None:
    model = str(behind.state.model or "")
    head = behind.source.digest(behind.begin)
    commits = behind.source.stored(behind.begin, head, behind.state)
    while batch := list(islice(commits, _BATCH)):
        needed = needed_blobs(source, [event for _, commit in batch for event in commit.events])
        copy_blobs(copier, needed, tally)
        for data, commit in batch:
            if _put_commit(target, numbered_key(behind.target.place.log, commit.seq), data):
                tally.add_commit(model, registered_in(commit))
        _copy_checkpoint(behind, source, target, [commit for _, commit in batch])


def copy_blobs(copier: BlobCopier, needed: dict[Digest, int | None], tally: Tally) -> None:
    """Copy what the target lacks of some blobs."""
    missing = copier.missing(needed)
    tally.expect(sum(missing.values()))
    tally.add_blobs(copier.copy(missing) + Copied(skipped=len(needed) - len(missing)))


def registered_in(commit: Commit) -> tuple[str, ...]:
    """Return the versions that a commit registers."""
    return tuple(event.version for event in commit.events if isinstance(event, Registered))


def needed_blobs(store: Store, events: Sequence[Event]) -> dict[Digest, int | None]:
    """Return the blobs that events name, and those that the manifests among them name; with sizes where known.

    Raises:
        NotFound: A manifest is missing.
        IntegrityError: A manifest is damaged.
    """
    needed: dict[Digest, int | None] = {}
    registered = [event for event in events if isinstance(event, Registered)]
    for manifest in run_largest_first(
        registered, lambda _: 0, lambda event, _: _manifest(store, event), threads=_AT_ONCE
    ):
        needed.update({Digest.from_hex(file.sha256): file.size for file in manifest.files})
    for event in events:
        if isinstance(event, Registered | Indexed):
            needed.update(dict.fromkeys(event.maps.values()))
        if isinstance(event, Registered):
            needed.update(dict.fromkeys([event.digest] + ([event.provenance] if event.provenance else [])))
    return needed


def _manifest(store: Store, event: Registered) -> Manifest:
    data = get_blob(store, event.digest, limit=MAX_MANIFEST)
    return Manifest.from_bytes(data, what=f"the manifest of version {event.version}")


def _put_commit(target: Store, key: str, data: bytes) -> bool:
    """Write a commit; tell whether this call did, and nobody before.

    Raises:
        Conflict: Another commit is there.
    """
    try:
        target.put_new(key, data)
    except AlreadyExists:
        if target.get(key, limit=MAX_COMMIT) != data:
            raise Conflict(
                "someone wrote to the target meanwhile, so that the logs diverged",
                where=f"{target.url}/{key}",
                hint="Keep one of the two copies, and make the other anew from it.",
            ) from None
        return False
    return True


def _copy_checkpoint(behind: Behind, source: Store, target: Store, commits: Sequence[Commit]) -> None:
    """Copy the newest checkpoint that copied commits vouch for; going without harms nobody."""
    vouched = [commit.checkpoint for commit in commits if commit.checkpoint]
    with suppress(ModelverError):
        for named in vouched[-1:]:
            data = source.get(numbered_key(behind.source.place.checkpoints, named.seq), limit=MAX_CHECKPOINT)
            if hashlib.sha256(data).hexdigest() == named.sha256:
                target.put_new(numbered_key(behind.target.place.checkpoints, named.seq), data)
