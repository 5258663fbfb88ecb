"""Ingesting as a registration does it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from modelver.cache.stamps import StampCache
from modelver.content.at_hand import at_hand
from modelver.content.blobs import get_blob
from modelver.content.ingest import ingest
from modelver.content.moves import Moves
from modelver.content.sources import Sources, gather
from modelver.content.transfer import MAX_MAP, Stored, Transfer
from modelver.storage.store import Store
from modelver.values import wire
from modelver.values.filemap import FileMap


def stored(
    sources: Sources,
    store: Store,
    stamps: StampCache,
    cache: Path,
    *,
    moves: Moves | None = None,
    on_bytes: Callable[[int], None] | None = None,
    between: Callable[[], object] = lambda: None,
) -> dict[str, Stored]:
    """Gather, prepare and store files; return them by path. `between` is called once their headers were read."""
    gathered = gather(sources, {}, {})
    with at_hand(gathered.sources, stamps, cache) as files:
        between()
        found = ingest(files, Transfer(store, stamps, moves, on_bytes))
    return {one.entry.path: one for one in found}


def map_of(one: Stored, store: Store) -> FileMap:
    """Return a stored file's map."""
    return wire.from_bytes(get_blob(store, one.map, limit=MAX_MAP), FileMap, what="map")


def old(path: Path, seconds: int = 100) -> Path:
    """Make a file so old that its stamp proves something; its ctime, which can't be set, still has to age."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9 + 1))
    time.sleep(0.12)
    return path
