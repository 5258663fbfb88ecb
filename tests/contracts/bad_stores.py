"""Stores that break the contract, each in one way that a real store or client is known for."""

import time
from collections.abc import Iterator
from typing import ClassVar

from modelver.errors import AlreadyExists
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Entry


class BadStore(MemoryStore):
    """A store with a fault.

    Attributes:
        breaks: The rule of the contract that rejects it.
    """

    breaks: ClassVar[str]


class RacyCreate(BadStore):
    """Looks whether the key is taken, then writes: fsspec's base class, and so its local files."""

    breaks = "test_of_many_writers_one_wins_and_readers_see_all_or_nothing"

    def put_new(self, key: str, data: bytes) -> None:
        """Check, then act."""
        if key in self._objects:
            raise AlreadyExists("taken", where=key)
        time.sleep(0.01)  # long enough for another thread on a busy machine
        self._objects[key] = data


class HalfVisible(BadStore):
    """Creates exclusively, then fills: open(2) with O_EXCL at the final name."""

    breaks = "test_of_many_writers_one_wins_and_readers_see_all_or_nothing"

    def put_new(self, key: str, data: bytes) -> None:
        """Write in two parts."""
        super().put_new(key, data[: len(data) // 2])
        time.sleep(0.005)
        self._objects[key] = data


class IgnoredCondition(BadStore):
    """Takes the condition, and overwrites: some S3 look-alikes, and clients that drop the argument."""

    breaks = "test_a_taken_key_is_refused"

    def put_new(self, key: str, data: bytes) -> None:
        """Write in any case."""
        self._objects[key] = data


class OverwritesThenComplains(BadStore):
    """Says that the key was taken, after it was overwritten."""

    breaks = "test_a_taken_key_is_refused"

    def put_new(self, key: str, data: bytes) -> None:
        """Write in any case, then look."""
        taken = key in self._objects
        self._objects[key] = data
        if taken:
            raise AlreadyExists("taken", where=key)


class ReplacesBlobs(BadStore):
    """Puts other bytes in a blob's place."""

    breaks = "test_a_blob_of_another_size_is_damaged"

    def put_blob(self, key: str, data: bytes) -> None:
        """Write in any case."""
        self._objects[key] = data


class StaleListing(BadStore):
    """Remembers the first listing of a folder: s3fs with its listings cache."""

    breaks = "test_what_was_written_is_seen_at_once"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._listings: dict[str, list[Entry]] = {}

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """List from memory."""
        entries = self._listings.setdefault(prefix, [*super().list(prefix)])
        return iter([entry for entry in entries if entry.key > after])


class SortedByParts(BadStore):
    """Sorts each folder's names by themselves, as walking a disk does."""

    breaks = "test_folders_that_begin_alike_are_told_apart"

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Sort by the lists of segments."""
        return iter(sorted(super().list(prefix, after=after), key=lambda entry: entry.key.split("/")))


class PrefixIsText(BadStore):
    """Lists every key that begins with the text: an object store asked without the final slash."""

    breaks = "test_folders_that_begin_alike_are_told_apart"

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Compare texts, not folders."""
        return (entry for entry in super().list("", after=after) if entry.key.startswith(prefix))


class AfterIsIncluded(BadStore):
    """Starts at the given key instead of after it."""

    breaks = "test_a_log_is_read_on_from_any_entry"

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Let the first one through."""
        return (entry for entry in super().list(prefix) if entry.key >= after)


class ReadsWithoutLimit(BadStore):
    """Reads whatever is there."""

    breaks = "test_a_limit_is_kept"

    def get(self, key: str, *, limit: int) -> bytes:
        """Forget the limit."""
        return super().get(key, limit=limit + 2**62)


class AnyKey(BadStore):
    """Takes every text for a key."""

    breaks = "test_hostile_keys_are_refused_by_every_verb"

    def put_new(self, key: str, data: bytes) -> None:
        """Check nothing."""
        self._objects[key] = data


class LeavesLitter(BadStore):
    """Leaves its temporary object behind."""

    breaks = "test_a_created_object_is_there"

    def put_new(self, key: str, data: bytes) -> None:
        """Stage first."""
        self._objects[f"tmp/{key}"] = data
        super().put_new(key, data)


BAD_STORES = (
    RacyCreate,
    HalfVisible,
    IgnoredCondition,
    OverwritesThenComplains,
    ReplacesBlobs,
    StaleListing,
    SortedByParts,
    PrefixIsText,
    AfterIsIncluded,
    ReadsWithoutLimit,
    AnyKey,
    LeavesLitter,
)
