"""Uploads in parts whose steps are tried again."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from modelver.errors import ModelverError, NotFound
from modelver.storage.store import Upload

T = TypeVar("T")


class Retry(Protocol):
    """Does a step, again where it failed for a moment, and tells errors in our words."""

    def __call__(self, work: Callable[[], T]) -> T: ...  # noqa: D102 (the class says it)


class RetriedUpload:
    """An upload whose steps are tried again; see `Upload`.

    Args:
        inner: The client's own, which raises the client's errors.
        retry: How a step is done.
        check: Returns where the object is there, whole in size; raises `NotFound` where it is not.
    """

    def __init__(self, inner: Upload, retry: Retry, check: Callable[[], None]) -> None:
        self._inner = inner
        self._retry = retry
        self._check = check
        self.part_size = inner.part_size
        self.at_once = inner.at_once

    def send(self, number: int, data: bytes) -> bool:
        """Send a part, unless the store has it."""
        return self._retry(lambda: self._inner.send(number, data))

    def finish(self) -> None:
        """Make the object visible. Where that fails but the object is there, a reply was lost, or another writer won."""
        try:
            self._retry(self._inner.finish)
        except ModelverError as error:
            try:
                self._check()
            except NotFound:
                raise error from None

    def abort(self) -> None:
        """Take back what was sent."""
        try:
            self._retry(self._inner.abort)
        except ModelverError:
            return

    def close(self) -> None:
        """Let go of it."""
        self._inner.close()
