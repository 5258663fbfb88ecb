"""Bytes on their way into a local store: a temporary file that gets its final name when it is complete."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from modelver.storage.failures import failing_as
from modelver.storage.temporary import TemporaryFile


class LocalIncoming:
    """Bytes in a temporary file of a local store; see `Incoming`."""

    def __init__(self, file: TemporaryFile, publish: Callable[[TemporaryFile, str], None]) -> None:
        self._file = file
        self._publish = publish

    def fileno(self) -> int:
        """Return a descriptor open for reading and writing."""
        return self._file.descriptor

    def publish(self, key: str) -> None:
        """Make the bytes durable and visible; see `Incoming.publish`."""
        with self._file:
            self._publish(self._file, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.__exit__()


class LocalUpload:
    """Parts of a temporary file, written in place; see `Upload`. Nothing of it outlives the process."""

    part_size = 16 * 2**20
    at_once = 4

    def __init__(self, incoming: LocalIncoming, key: str, size: int) -> None:
        self._incoming = incoming
        self._key = key
        self._size = size

    def send(self, number: int, data: bytes) -> bool:
        """Write a part."""
        rest, offset = memoryview(data), number * self.part_size
        with failing_as("could not store", Path(self._key)):
            while rest:
                written = os.pwrite(self._incoming.fileno(), rest, offset)
                rest, offset = rest[written:], offset + written
        return True

    def finish(self) -> None:
        """Give the file its final name."""
        self._incoming.publish(self._key)

    def abort(self) -> None:
        """Remove the file."""
        self._incoming.__exit__()

    def close(self) -> None:
        """Remove the file, unless it is an object now."""
        self._incoming.__exit__()
