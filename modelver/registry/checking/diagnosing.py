"""Whether a registry is safe in a place, and how fast it would be: the store's own examination, and large objects."""

import os
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import attrs

from modelver.content.receive import Receiver
from modelver.content.send import Sender
from modelver.errors import ModelverError
from modelver.hashing.stream import hash_file
from modelver.registry.base.opening import check_online, locate
from modelver.registry.base.progress import Callback, Progress
from modelver.storage import DEFAULT_TIMEOUT, open_store
from modelver.storage.doctor import examine
from modelver.storage.examination import Check, Examination, Throughput, Verdict
from modelver.storage.layout import REGISTRY_FILE, blob_key
from modelver.storage.store import Store
from modelver.values.digest import Digest

SIZE = 64 * 2**20
"""Bytes of the large object."""

_BLOCK = 2**20


def diagnose(
    url: str | os.PathLike[str] | None = None,
    *,
    storage_options: Mapping[str, object] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    size: int = SIZE,
    callback: Callback | None = None,
) -> Examination:
    """Examine a place for a registry, whether one is there or not.

    What is written is deleted again, where the store allows that. A folder that was not there is not left behind.

    Args:
        url: As for `Registry`.
        storage_options: As for `Registry`.
        timeout: As for `Registry`.
        size: Bytes of the object whose way there and back is timed.
        callback: Told of progress in bytes, over both ways.

    Raises:
        UnsupportedStore: It is of a kind that modelver can't use.
        Offline: ``$MODELVER_OFFLINE`` forbids it.
        StoreError: It can't be asked at all: it is out of reach, or refuses the credentials.
    """
    address = locate(url)
    store, second = (open_store(address, storage_options=storage_options, timeout=timeout) for _ in range(2))
    check_online(store)
    founding = store.local_path(REGISTRY_FILE)
    is_new = founding is not None and not founding.parent.exists()
    try:
        found = examine(store, second)
        if not _may_measure(found):
            return found
        try:
            return attrs.evolve(found, throughput=_throughput(store, size, callback))
        except ModelverError as error:
            broken = Check("throughput", f"{type(error).__name__}: {error}", Verdict.FAULT)
            return attrs.evolve(found, checks=(*found.checks, broken))
    finally:
        if founding is not None and is_new:
            _remove_empty(founding.parent)


def _may_measure(found: Examination) -> bool:
    """Tell whether a large object can be written, read and deleted again."""
    deletes = [check.verdict for check in found.checks if check.name == "deletes"]
    return found.ok and deletes == [Verdict.GOOD]


def _throughput(store: Store, size: int, callback: Callback | None) -> Throughput:
    """Send a blob that nobody has, fetch it, and delete it."""
    on_bytes = Progress(callback, 2 * size)
    with tempfile.TemporaryDirectory(prefix="modelver-") as folder:
        source, target = Path(folder, "sent"), Path(folder, "received")
        with source.open("wb") as file:
            for start in range(0, size, _BLOCK):
                file.write(os.urandom(min(_BLOCK, size - start)))
        digest = hash_file(source)
        name = Digest.from_hex(digest.sha256)
        stop = threading.Event()
        try:
            with Sender(store, on_bytes) as sender:
                started = time.perf_counter()
                sender.send(source, digest, stop)
                sent = time.perf_counter() - started
            with Receiver(store, on_bytes) as receiver:
                started = time.perf_counter()
                receiver.receive(name, size, target, stop)
                received = time.perf_counter() - started
        finally:
            with suppress(ModelverError):
                store.delete(blob_key(name))
    return Throughput(size, size / sent, size / received)


def _remove_empty(root: Path) -> None:
    """Remove a folder that holds nothing but folders."""
    for folder, _, _ in os.walk(root, topdown=False):
        with suppress(OSError):
            os.rmdir(folder)  # noqa: PTH106 (os.walk gives texts)
