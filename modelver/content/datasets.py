"""Datasets as a version records them: a digest, and how it came about."""

import os
import stat
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.places import local_place, status_of
from modelver.errors import InvalidValue
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.source import check_unchanged
from modelver.hashing.stream import hash_file
from modelver.hashing.tree import files_below
from modelver.storage.remote_source import list_remote
from modelver.values.canonical import Json, encode
from modelver.values.digest import Digest
from modelver.values.record import NAMED, Dataset
from modelver.values.url import without_credentials

CONTENT = "content"
LISTING = "listing"
STATED = "stated"


def digest_dataset(
    dataset: Dataset, stamps: StampCache, storage_options: Mapping[str, Mapping[str, object]]
) -> Dataset:
    """Return a dataset with its digest, ready to be recorded.

    One file's content digest is its SHA-256. A folder's is the SHA-256 of the canonical JSON of ``[path, size, sha256]``
    for each file, sorted by path. A listing's is that of ``[path, size, mark]``, where the mark is the store's version
    id or ETag, or empty (docs/format.md, "Datasets"). One that is only named stays as it is.

    Raises:
        NotFound: There is nothing at its URI.
        InvalidValue: It names neither a URI nor a digest, or a remote dataset is to be digested by content.
        SourceChanged: A file changed while it was read.
    """
    if dataset.digest.startswith("sha256:"):
        digest, method = Digest(dataset.digest), dataset.method or STATED
        return attrs.evolve(dataset, digest=digest, method=method, uri=_shown(dataset.uri))
    if dataset.method == NAMED and not dataset.digest:
        return attrs.evolve(dataset, uri=_shown(dataset.uri))
    if not dataset.uri:
        raise InvalidValue("a dataset needs a uri or a digest", where=dataset.name)
    place = local_place(dataset.uri)
    method = dataset.digest or (LISTING if place is None else CONTENT)
    if method not in {CONTENT, LISTING}:
        raise InvalidValue(
            "not a way to digest a dataset",
            where=dataset.name,
            expected="content, listing or sha256:<64 hex digits>",
            found=method,
        )
    if place is None and method == CONTENT:
        raise InvalidValue(
            "a remote dataset is digested by its listing",
            where=dataset.name,
            hint='Download it first, or leave digest="listing".',
        )
    if place is None:
        digest = _remote_listing(dataset.uri, storage_options)
    else:
        files = _files(dataset, place)
        digest = _content(files, stamps) if method == CONTENT else _listing(files)
    return attrs.evolve(dataset, digest=digest, method=method, uri=_shown(dataset.uri))


def _shown(uri: str) -> str:
    """Return what of a URI goes on record: no credentials, and of a local path its name alone.

    A local path differs between machines, and the same statement must have the same digest on all of them.
    """
    if not uri:
        return uri
    place = local_place(uri)
    return without_credentials(uri) if place is None else Path(os.path.abspath(place)).name  # noqa: PTH100 (follows no link)


def _files(dataset: Dataset, place: Path) -> dict[str, tuple[Path, int]]:
    """Return a dataset's files by their paths in it, sorted; the path is empty for a single file."""
    status = status_of(place, what=f"dataset {dataset.name!r}")
    return {"": (place, status.st_size)} if stat.S_ISREG(status.st_mode) else files_below(place)


def _content(files: Mapping[str, tuple[Path, int]], stamps: StampCache) -> Digest:
    places = {path: place for path, (place, _) in files.items()}
    before = {path: Stamp.of(status_of(place)) for path, place in places.items()}
    known = stamps.find_many(before.values())
    fresh = [path for path, stamp in before.items() if stamp not in known]

    def work(path: str, cancelled: threading.Event) -> Reading:
        started, status = time.time_ns(), status_of(places[path])
        digest = hash_file(places[path], cancelled=cancelled)
        check_unchanged(places[path], status)
        return Reading(Stamp.of(status), Remembered(digest.sha256), started)

    readings = run_largest_first(fresh, lambda path: before[path].size, work)
    stamps.remember_many(readings)
    found = {path: (stamp.size, known[stamp].sha256) for path, stamp in before.items() if stamp in known}
    found |= {
        path: (reading.stamp.size, reading.remembered.sha256)
        for path, reading in zip(fresh, readings, strict=True)
    }
    if "" in files:
        return Digest.from_hex(found[""][1])
    rows: list[Json] = [[path, *found[path]] for path in files]
    return Digest.of(encode(rows))


def _listing(files: Mapping[str, tuple[Path, int]]) -> Digest:
    return Digest.of(encode([[path, size, ""] for path, (_, size) in files.items()]))


def _remote_listing(uri: str, storage_options: Mapping[str, Mapping[str, object]]) -> Digest:
    return Digest.of(
        encode([[path, file.size, file.mark] for path, file in list_remote(uri, storage_options)])
    )
