"""Datasets as a version records them: a digest, and how it came about."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import attrs

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.errors import InvalidValue, NotFound
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.hashing.tree import files_below
from modelver.storage.remote_source import is_url, list_remote
from modelver.values.canonical import Json, encode
from modelver.values.digest import Digest
from modelver.values.record import Dataset
from modelver.values.url import without_credentials

CONTENT = "content"
LISTING = "listing"
STATED = "stated"


def digest_dataset(dataset: Dataset, stamps: StampCache, storage_options: Mapping[str, object]) -> Dataset:
    """Return a dataset with its digest, ready to be recorded.

    One file's content digest is its SHA-256. A folder's is the SHA-256 of the canonical JSON of ``[path, size, sha256]``
    for each file, sorted by path. A listing's is that of ``[path, size, mark]``, where the mark is the store's version
    id or ETag, or empty (docs/format.md, "Datasets").

    Raises:
        NotFound: There is nothing at its URI.
        InvalidValue: It names neither a URI nor a digest, or a remote dataset is to be digested by content.
        SourceChanged: A file changed while it was read.
    """
    if dataset.digest.startswith("sha256:"):
        return attrs.evolve(dataset, digest=Digest(dataset.digest), method=STATED, uri=_shown(dataset.uri))
    if not dataset.uri:
        raise InvalidValue("a dataset needs a uri or a digest", where=dataset.name)
    remote = is_url(dataset.uri)
    method = dataset.digest or (LISTING if remote else CONTENT)
    if method not in {CONTENT, LISTING}:
        raise InvalidValue(
            "not a way to digest a dataset",
            where=dataset.name,
            expected="content, listing or sha256:<64 hex digits>",
            found=method,
        )
    if remote and method == CONTENT:
        raise InvalidValue(
            "a remote dataset is digested by its listing",
            where=dataset.name,
            hint='Download it first, or leave digest="listing".',
        )
    if remote:
        digest = _remote_listing(dataset.uri, storage_options)
    else:
        digest = _local_content(dataset, stamps) if method == CONTENT else _local_listing(dataset)
    return attrs.evolve(dataset, digest=digest, method=method, uri=_shown(dataset.uri))


def _shown(uri: str) -> str:
    """Return what of a URI goes on record: no credentials, and of a local path its name alone.

    A local path differs between machines, and the same statement must have the same digest on all of them.
    """
    return without_credentials(uri) if is_url(uri) or not uri else Path(os.path.abspath(uri)).name  # noqa: PTH100 (follows no link)


def _files(dataset: Dataset) -> dict[str, tuple[Path, int]]:
    place = Path(dataset.uri).expanduser()
    if place.is_file():
        return {"": (place, place.stat().st_size)}
    if not place.exists():
        raise NotFound("a dataset is missing", where=f"{dataset.name} at {place.absolute()}")
    return files_below(place)


def _local_content(dataset: Dataset, stamps: StampCache) -> Digest:
    files = _files(dataset)
    places = list(files.values())
    before = [Stamp.of(place.stat()) for place, _ in places]
    known = stamps.find_many(before)
    fresh = [(place, stamp) for (place, _), stamp in zip(places, before, strict=True) if stamp not in known]

    def work(item: tuple[Path, Stamp], cancelled: threading.Event) -> Reading:
        started = time.time_ns()
        digest = hash_file(item[0], cancelled=cancelled)
        return Reading(item[1], Remembered(digest.sha256), started)

    readings = run_largest_first(fresh, lambda item: item[1].size, work)
    stamps.remember_many(readings)
    known = {**known, **{reading.stamp: reading.remembered for reading in readings}}
    digests = [known[stamp].sha256 for stamp in before]
    if "" in files:
        return Digest.from_hex(digests[0])
    rows: list[Json] = [
        [path, size, sha256] for (path, (_, size)), sha256 in zip(files.items(), digests, strict=True)
    ]
    return Digest.of(encode(rows))


def _local_listing(dataset: Dataset) -> Digest:
    return Digest.of(encode([[path, size, ""] for path, (_, size) in _files(dataset).items()]))


def _remote_listing(uri: str, storage_options: Mapping[str, object]) -> Digest:
    return Digest.of(
        encode([[path, file.size, file.mark] for path, file in list_remote(uri, storage_options)])
    )
