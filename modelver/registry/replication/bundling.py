"""Bundles: a registry's objects in one file, for places without a network.

A bundle is a ZIP archive of the objects under their keys, none compressed, with ``bundle.json`` first, which says what
it is meant to bring. Its times are fixed, and so is its order, so that the same content gives the same bytes.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from modelver.content.blobs import damaged, get_blob
from modelver.content.copying import BlobCopier, Copied
from modelver.content.parts import read_parts
from modelver.content.places import local_place
from modelver.content.send import ONE_REQUEST
from modelver.errors import InvalidValue, NotFound
from modelver.hashing.parallel import Cancelled, run_largest_first
from modelver.history.event import Event, Indexed, Registered
from modelver.history.state import State, VersionEntry
from modelver.registry.base.finding import find
from modelver.registry.replication.adopting import adopt
from modelver.registry.replication.archive import Archive, new_archive
from modelver.registry.replication.contents import CONTENTS, Contents, open_bundle
from modelver.registry.replication.ends import End, StoredLog, is_same_registry
from modelver.registry.replication.replicated import Replicated, Tally, amount
from modelver.registry.replication.replicating import compare_logs, copy_logs, needed_blobs
from modelver.storage.ahead import read_ahead
from modelver.storage.layout import REGISTRY_FILE, blob_key, numbered_key
from modelver.storage.store import Store
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.ref import Ref
from modelver.values.sizes import format_size

_PART = 4 * 2**20
_AT_ONCE = 8


@attrs.frozen
class Exported:
    """A bundle that was written.

    Attributes:
        path: The file.
        models: The models whose logs it holds.
        versions: References of the versions that it holds with all of their bytes.
        blobs: How many blobs it holds.
        size: The file's bytes.
    """

    path: Path
    models: tuple[str, ...]
    versions: tuple[str, ...]
    blobs: int
    size: int

    def to_dict(self) -> dict[str, Json]:
        """Return the fields as JSON data."""
        return {
            "path": str(self.path),
            "models": list(self.models),
            "versions": list(self.versions),
            "blobs": self.blobs,
            "size": self.size,
        }

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return f"{self.path}: {self._counts()}"

    def _counts(self) -> str:
        return (
            f"{amount(len(self.versions), 'version')}, {amount(self.blobs, 'blob')}, {format_size(self.size)}"
        )

    def _repr_html_(self) -> str:
        rows = [(html.code(ref),) for ref in self.versions]
        return html.heading(self.path, self._counts()) + (html.table(("holds",), rows) if rows else "")


@attrs.frozen
class _Chosen:
    """A log, and the versions of it that are wanted whole."""

    log: StoredLog
    state: State
    entries: tuple[VersionEntry, ...]

    def wanted(self, event: Event) -> bool:
        """Tell whether an event's blobs belong into the bundle."""
        versions = {entry.version for entry in self.entries}
        return isinstance(event, Registered | Indexed) and event.version in versions


def export(
    source: End, what: Ref | None, to: str | os.PathLike[str], tally: Tally, *, overwrite: bool
) -> Exported:
    """Write a bundle; see `Registry.export`."""
    path = _path(to)
    names = [None, *source.models()] if what is None else [what.model]
    if what is not None:
        source.state(what.model)
    chosen = [_chosen(source.stored_log(name, source.identity), what) for name in names]
    chosen = [each for each in chosen if each.state.seq]
    source.check_reached()
    with new_archive(path, overwrite=overwrite) as archive:
        archive.add(CONTENTS, _contents(source, what, chosen).to_bytes())
        archive.add(REGISTRY_FILE, source.founding())
        needed: dict[Digest, int | None] = {}
        for each in chosen:
            needed.update(_add_log(archive, source.store, each))
        tally.add_blobs(_add_blobs(archive, source.store, needed, tally))
    models = tuple(str(each.state.model) for each in chosen if each.state.model)
    versions = tuple(f"{each.state.model}:{entry.version}" for each in chosen for entry in each.entries)
    return Exported(path, models, versions, len(needed), path.stat().st_size)


def _path(place: str | os.PathLike[str]) -> Path:
    path = local_place(place)
    if path is None:
        raise InvalidValue(
            "a bundle is a file of this machine",
            where=os.fspath(place),
            hint="Write it here, then copy it there.",
        )
    return Path(os.path.abspath(path))  # noqa: PTH100 (it drops "..", and follows no link)


def _chosen(log: StoredLog, what: Ref | None) -> _Chosen:
    state = log.state()
    if what is not None and (what.selector or what.digest):
        return _Chosen(log, state, (find(state, what),))
    return _Chosen(log, state, tuple(state.versions.values()))


def _contents(source: End, what: Ref | None, chosen: Sequence[_Chosen]) -> Contents:
    holds = []
    for each in chosen:
        if each.state.model:
            version = f":{each.entries[0].version}" if what and (what.selector or what.digest) else ""
            holds.append(f"{each.state.model}{version}")
    heads = {each.log.place.model: each.state.head for each in chosen}
    return Contents(source.identity.registry, tuple(holds), what is None, heads)


def _add_log(archive: Archive, store: Store, chosen: _Chosen) -> dict[Digest, int | None]:
    """Add a log's commits; return the blobs that its wanted versions need."""
    events: list[Event] = []
    for data, commit in chosen.log.stored(0, chosen.log.place.root, chosen.state):
        archive.add(numbered_key(chosen.log.place.log, commit.seq), data)
        events += filter(chosen.wanted, commit.events)
    return needed_blobs(store, events)


def _add_blobs(archive: Archive, store: Store, needed: Mapping[Digest, int | None], tally: Tally) -> Copied:
    """Add blobs, each checked: small ones first, which come several at once from afar; each kind in order."""
    digests = sorted(needed)
    found = run_largest_first(
        digests, lambda _: 0, lambda digest, _: _size(store, digest, needed[digest]), threads=_AT_ONCE
    )
    sizes = dict(zip(digests, found, strict=True))
    tally.expect(sum(found))
    small = [digest for digest in digests if sizes[digest] <= ONE_REQUEST]
    for digest, data in zip(small, read_ahead(store, map(blob_key, small), limit=ONE_REQUEST), strict=True):
        if Digest.of(data) != digest:
            raise damaged(store, digest, expected=digest.short, found=Digest.of(data).short)
        archive.add(blob_key(digest), data)
        tally(len(data))
    for digest in digests:
        if (size := sizes[digest]) > ONE_REQUEST:
            archive.add_parts(blob_key(digest), size, _counted(read_parts(store, digest, size, _PART), tally))
    return Copied(len(sizes), sum(found))


def _size(store: Store, digest: Digest, expected: int | None) -> int:
    size = store.size(blob_key(digest))
    if expected not in {None, size}:
        raise damaged(store, digest, expected=f"{expected} bytes", found=f"{size} bytes")
    return size


def _counted(parts: Iterator[bytes], tally: Tally) -> Iterator[bytes]:
    for part in parts:
        yield part
        tally(len(part))


def import_bundle(path: str | os.PathLike[str], target: End, tally: Tally) -> Replicated:
    """Bring in what a bundle holds; see `Registry.import_bundle`."""
    source, contents = open_bundle(_path(path), target)
    _check_bytes(source, target, contents)
    if is_same_registry(source, target):
        for ref in contents.refs:
            _check_enough(source, target, ref)
        names = [ref.model for ref in contents.refs]
        copy_logs(source, target, [None, *names] if contents.whole else names, tally)
    else:
        for ref in contents.refs:
            adopt(source, target, ref, tally)
    return tally.result(source.store.url, target.store.url)


def _check_bytes(source: End, target: End, contents: Contents) -> None:
    """Read through what a bundle holds and the target lacks, before anything is written.

    Raises:
        NotFound: A blob is in neither place.
        IntegrityError: A blob has other bytes than its name promises.
    """
    needed: dict[Digest, int | None] = {}
    for ref in contents.refs:
        chosen = _chosen(source.stored_log(ref.model, source.identity), ref)
        commits = chosen.log.stored(0, chosen.log.place.root, chosen.state)
        events = [event for _, commit in commits for event in filter(chosen.wanted, commit.events)]
        needed.update(needed_blobs(source.store, events))
    with BlobCopier(source.store, target.store, source.cache) as copier:
        missing = copier.missing(needed)

    def read_through(digest: Digest, cancelled: threading.Event) -> None:
        if missing[digest] <= ONE_REQUEST:
            get_blob(source.store, digest, limit=missing[digest])
            return
        for _ in read_parts(source.store, digest, missing[digest], _PART):
            if cancelled.is_set():
                raise Cancelled

    run_largest_first(list(missing), missing.__getitem__, read_through)


def _check_enough(source: End, target: End, ref: Ref) -> None:
    """Refuse, before anything is written, a bundle of one version where others that came before are missing.

    Raises:
        NotFound: Blobs of a commit that would be copied are in neither place.
    """
    behind = compare_logs(source, target, ref.model)
    if behind is None or not (ref.selector or ref.digest):
        return
    commits = behind.source.stored(behind.begin, behind.source.digest(behind.begin), behind.state)
    events = [event for _, commit in commits for event in commit.events]
    try:
        with BlobCopier(source.store, target.store, source.cache) as copier:
            copier.missing(needed_blobs(source.store, events))
    except NotFound as error:
        raise NotFound(
            f"the bundle holds {ref} alone, and versions that came before it are not here either",
            where=error.where,
            hint="Export the whole model; or import into a registry of its own (`modelver init`), which takes the"
            " version alone.",
        ) from None
