"""modelver among the clients that move files to and from S3."""

from pathlib import Path
from typing import Any

from _transfer_task import Job, Task

MODEL = "bench"


def modelver(task: Task) -> Job:
    """Register a folder, or load a version into an empty cache: hashed, verified, committed."""
    if not task.registry:
        return modelver_blobs_down(task) if task.down else modelver_blobs_up(task)
    import modelver as mv

    place = f"s3://{task.bucket}/{task.prefix}"
    registry = mv.Registry(
        place, storage_options=task.options(), cache_dir=task.cache, create=not task.down, actor="bench"
    )
    if task.down:
        registry._session.store.remote.connected()  # noqa: SLF001 (as the clients of the others are connected)
        return lambda: registry.load(f"{MODEL}@latest")
    return lambda: registry.register(MODEL, task.source, capture=False)


def connected(task: Task, prefix: str) -> Any:
    """Return a store of modelver that has made its client."""
    from modelver.storage import open_store

    store: Any = open_store(f"s3://{task.bucket}/{prefix}", storage_options=task.options())
    store.connected()
    return store


def modelver_blobs_up(task: Task) -> Job:
    """Send files as a registration does, to a server that can't keep a registry."""
    from modelver.cache.stamps import StampCache
    from modelver.content.at_hand import at_hand
    from modelver.content.ingest import ingest
    from modelver.content.sources import gather
    from modelver.content.transfer import Transfer

    store = connected(task, task.prefix)
    stamps, cache = StampCache(Path(task.cache)), Path(task.cache)

    def job() -> None:
        with at_hand(gather(task.source, {}, {}).sources, stamps, cache) as files:
            ingest(files, Transfer(store, stamps))

    return job


def modelver_blobs_down(task: Task) -> Job:
    """Fetch and verify blobs as a load does, from a server that can't keep a registry."""
    from modelver.content.fetch import Wanted, own_folder
    from modelver.values.digest import Digest
    from modelver.values.file import FileEntry, Role

    key, _, digest = task.objects[0]
    prefix = key.partition("/blobs/")[0]
    store = connected(task, prefix)
    entries = tuple(
        FileEntry(f"{number}.bin", size, sha256, Role.WEIGHTS, "application/octet-stream")
        for number, (_, size, sha256) in enumerate(task.objects)
    )
    return lambda: own_folder(Wanted(store, Digest.from_hex(digest), entries), Path(task.target))


def hash_only(task: Task) -> Job:
    """Hash the files as a registration does, and send nothing."""
    from modelver.hashing.tree import hash_tree

    return lambda: hash_tree(task.source)
