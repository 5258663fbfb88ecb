"""Every byte of the user's cache, read again and compared with what its name or its manifest promises."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from modelver.cache.stamps import StampCache
from modelver.content.check import holds_exactly
from modelver.content.keeping.survey import Name, Survey, Version
from modelver.errors import InvalidValue, ModelverError, NotFound, SourceChanged, StoreError
from modelver.hashing.parallel import run_largest_first
from modelver.hashing.stream import hash_file
from modelver.storage.files import opened, read_all
from modelver.storage.layout import blob_key
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from modelver.values.manifest import MAX_MANIFEST, Manifest
from modelver.values.report import Finding, Report

UNCHECKED = "versions of which no manifest is here"
"""What a report counts beside what was checked: of these only the files that are blobs too were."""

_UNREADABLE = ""
_GONE = "gone"


def recheck(
    cache: Path, found: Survey, stamps: StampCache, on_bytes: Callable[[int], None] | None = None
) -> tuple[Report, frozenset[Path]]:
    """Hash all blobs and all files of versions, each once. Stamps are not trusted; those of damaged files are forgotten.

    Args:
        cache: The cache folder.
        found: What is in it.
        stamps: What is known of its files.
        on_bytes: Told of bytes done, by several threads at once.

    Returns:
        What is damaged, and where that is.
    """
    digests = _hashed(found, on_bytes)
    bad = {
        path: Finding(_inside(cache, path), "neither a file nor a folder of the cache") for path in found.odd
    }
    bad |= {blob.path: finding for blob in found.blobs if (finding := _blob(cache, blob, digests))}
    without_manifest = 0
    for version in found.versions:
        manifest = manifest_of(cache, version)
        if manifest is None:
            without_manifest += 1
        elif what := _version(version, manifest, digests):
            bad[version.path] = Finding(
                _inside(cache, version.path), what, f"{manifest.model}:{manifest.version}"
            )
    stamps.forget(name.stamp for name in _suspects(found, bad))
    checked = {"blobs": len(found.blobs), "versions": len(found.versions) - without_manifest}
    if without_manifest:
        checked[UNCHECKED] = without_manifest
    return Report(str(cache), tuple(bad.values()), checked), frozenset(bad)


def manifest_of(cache: Path, version: Version) -> Manifest | None:
    """Return the manifest of a version in the cache, if it is there too and is what the version's digest says."""
    digest = Digest.from_hex(version.digest)
    try:
        with opened(cache / blob_key(digest)) as descriptor:
            data = read_all(descriptor, MAX_MANIFEST)
        return Manifest.from_bytes(data, what=digest) if Digest.of(data) == digest else None
    except (ModelverError, OSError):
        return None


def _hashed(found: Survey, on_bytes: Callable[[int], None] | None) -> Mapping[tuple[int, int], str]:
    names = {name.file: name for name in _all(found)}

    def work(name: Name, cancelled: threading.Event) -> str:
        try:
            return hash_file(name.path, on_bytes=on_bytes, cancelled=cancelled).sha256
        except NotFound:
            return _GONE
        except (InvalidValue, SourceChanged, StoreError):
            return _UNREADABLE

    digests = run_largest_first(list(names.values()), lambda name: name.stamp.size, work)
    return dict(zip(names, digests, strict=True))


def _all(found: Survey) -> Iterator[Name]:
    yield from found.blobs
    for version in found.versions:
        yield from version.files


def _blob(cache: Path, blob: Name, digests: Mapping[tuple[int, int], str]) -> Finding | None:
    digest = digests[blob.file]
    if digest in {blob.path.name, _GONE}:
        return None
    return Finding(
        _inside(cache, blob.path), "a blob is damaged", blob.path.name[:12], digest[:12] or "unreadable"
    )


def _version(version: Version, manifest: Manifest, digests: Mapping[tuple[int, int], str]) -> str:
    """Return what is wrong with a version's folder; nothing where it is as its manifest says."""
    entries = {entry.path: entry for entry in manifest.files}
    names = {name.path.relative_to(version.path).as_posix(): name for name in version.files}
    if any(digests[name.file] == _GONE for name in version.files):
        return ""
    wanted = _selection(version, entries, names)
    if wanted is None or not holds_exactly(version.path, wanted):
        return "a version has not the files that it should have"
    damaged = [entry.path for entry in wanted if digests[names[entry.path].file] != entry.sha256]
    return f"a version's file is damaged: {damaged[0]}" if damaged else ""


def _selection(
    version: Version, entries: Mapping[str, FileEntry], names: Mapping[str, Name]
) -> list[FileEntry] | None:
    """Return the files that a folder should have; its name says which where it has a part of the version."""
    _, _, chosen = version.path.name.partition("-")
    if not chosen:
        return list(entries.values())
    found = [path for path in entries if path in names]
    if hashlib.sha256("\0".join(found).encode()).hexdigest()[:12] != chosen:
        return None
    return [entries[path] for path in found]


def _suspects(found: Survey, bad: Mapping[Path, Finding]) -> Iterator[Name]:
    yield from (blob for blob in found.blobs if blob.path in bad)
    for version in found.versions:
        if version.path in bad:
            yield from version.files


def _inside(cache: Path, path: Path) -> str:
    return path.relative_to(cache).as_posix()
