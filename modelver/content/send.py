"""Local files into a remote store: parts in parallel, each range checked on its way, a broken upload gone on with."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from io import FileIO
from pathlib import Path
from typing import Self

from modelver.content.blobs import has_blob
from modelver.errors import Conflict, SourceChanged, StoreError
from modelver.hashing.fingerprint import Fingerprinter
from modelver.hashing.parallel import Cancelled
from modelver.hashing.source import open_source, source_changed
from modelver.storage.layout import blob_key
from modelver.storage.store import Store, Upload
from modelver.values.digest import Digest
from modelver.values.filemap import FileDigest

ONE_REQUEST = 4 * 2**20
"""Bytes up to which a blob goes from store to store as it is: every kind takes as many in one request."""

_ONE_PART = 16 * 2**20
"""Bytes up to which a file goes as it is: in parts it would be one, and take three requests more."""

_PARTS_AT_ONCE = 8
_PARTS_WAITING = 2
_BEGINNINGS = 3


class Sender:
    """Sends files to a remote store; any number of threads may. As a context manager it ends its own threads.

    Args:
        store: Where they go.
        on_bytes: Told of bytes that the store has, by several threads at once.
    """

    def __init__(self, store: Store, on_bytes: Callable[[int], None] | None = None) -> None:
        self._store = store
        self._on_bytes = on_bytes
        self._pool = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="modelver-send")
        # Parts in memory, of all files together.
        self._slots = threading.BoundedSemaphore(_PARTS_AT_ONCE + _PARTS_WAITING)

    def send(self, path: Path, digest: FileDigest, cancelled: threading.Event) -> bool:
        """Make a file's bytes a blob, unless the store has it.

        Args:
            path: The file.
            digest: What its bytes were when it was hashed; each range is compared with its fingerprint on the way.
            cancelled: Once set, the work stops with `Cancelled`; what was sent stays for another try.

        Returns:
            Whether this call sent it; False where the store had it.

        Raises:
            SourceChanged: The bytes are others by now; the upload was aborted.
            IntegrityError: The store has a blob of this name and another size.
            StoreError: The store can't take it.
        """
        for beginning in range(_BEGINNINGS):
            if has_blob(self._store, Digest.from_hex(digest.sha256), digest.size):
                self._tell(digest.size)
                return False
            try:
                self._send(path, digest, cancelled)
            except Conflict:  # another writer finished or aborted the same upload
                if beginning == _BEGINNINGS - 1:
                    raise
            else:
                return True
        return False

    def _send(self, path: Path, digest: FileDigest, cancelled: threading.Event) -> None:
        key = blob_key(Digest.from_hex(digest.sha256))
        with open_source(path) as file:
            source = _Checked(file, path, digest)
            if digest.size <= _ONE_PART:
                if cancelled.is_set():
                    raise Cancelled
                with self._slots:
                    data = source.read(digest.size)
                    source.finish()
                    self._store.put_blob(key, data)
                self._tell(digest.size)
                return
            upload = self._store.upload(key, digest.size)
            try:
                self._send_parts(source, upload, digest.size, cancelled)
                source.finish()
                upload.finish()
            except SourceChanged:
                upload.abort()
                raise
            finally:
                upload.close()

    def _send_parts(self, source: "_Checked", upload: Upload, size: int, cancelled: threading.Event) -> None:
        """Send a file's parts, each read by the thread that sends it, in order; none is on its way afterwards.

        So memory is taken and given back by one thread, which has it at hand for its next part.
        """
        stop = threading.Event()
        failed = threading.Event()

        def send(number: int, before: threading.Event, read: threading.Event) -> None:
            try:
                before.wait()  # not for long: parts are begun in their order
                if stop.is_set() or failed.is_set():
                    return
                data = source.read(min(upload.part_size, size - number * upload.part_size))
                read.set()
                upload.send(number, data)
                self._tell(len(data))
            except BaseException:
                failed.set()
                raise
            finally:
                read.set()
                self._slots.release()

        sent: list[Future[None]] = []
        before = threading.Event()
        before.set()
        try:
            for number in range(-(-size // upload.part_size)):
                self._slots.acquire()
                read = threading.Event()
                sent.append(self._pool.submit(send, number, before, read))
                before = read
                if upload.at_once == 1:
                    sent[-1].result()
                if cancelled.is_set():
                    raise Cancelled
                if failed.is_set():
                    break
        finally:
            if cancelled.is_set() or failed.is_set():
                stop.set()
            wait(sent)
        for part in sent:
            part.result()

    def _tell(self, count: int) -> None:
        if self._on_bytes is not None:
            self._on_bytes(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


class _Checked:
    """A file that is read in order, whose ranges must have the fingerprints that they had when it was hashed."""

    def __init__(self, file: FileIO, path: Path, digest: FileDigest) -> None:
        self._file = file
        self._path = path
        self._ranges = digest.ranges
        self._fingerprints = Fingerprinter([part.length for part in digest.ranges])

    def read(self, count: int) -> bytes:
        """Return so many bytes, all that are left of them.

        Raises:
            SourceChanged: The file has fewer.
        """
        data = read_exactly(self._file, count, self._path)
        self._fingerprints.update(memoryview(data))
        return data

    def finish(self) -> None:
        """Compare all ranges.

        Raises:
            SourceChanged: One has other bytes, or the file goes on.
        """
        if self._file.read(1) or self._fingerprints.finish() != self._ranges:
            raise source_changed(self._path, found="other bytes than were hashed")


def read_exactly(file: FileIO, count: int, path: Path) -> bytes:
    """Return the next bytes of a file.

    Raises:
        SourceChanged: There are fewer.
        StoreError: It can't be read.
    """
    parts = []
    try:
        while count and (part := file.read(count)):
            parts.append(part)
            count -= len(part)
    except OSError as error:
        raise StoreError("a source can't be read", where=path, found=error.strerror or error) from error
    if count:
        raise source_changed(path, found=f"{count} bytes fewer")
    return parts[0] if len(parts) == 1 else b"".join(parts)
