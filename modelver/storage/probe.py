"""Whether a store really creates an object only where there is none: evidence that is asked for before the first write.

That a client sends the condition proves little: some servers drop it without a word, and some check it before they write
(docs/decisions). So the same key is created twice, and then by several writers at once. What passes may still be racy,
now and then; what fails loses commits.
"""

import logging
import os
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Self

from modelver.errors import (
    AlreadyExists,
    CommitUnknown,
    LimitExceeded,
    ModelverError,
    NotFound,
    StoreError,
    UnsupportedStore,
)
from modelver.storage.store import Entry, Store

PROBES = "probes"
"""The folder of a store where all that is written to try it out lives, each trial in a folder of its own."""

HINT = (
    "Use a store that honours conditional writes, such as Amazon S3, Ceph or a recent SeaweedFS, or a folder;"
    " `modelver doctor` shows all that is wrong with this one."
)
LIMIT = 2**20
"""Bytes of an object of a trial at most."""

_WRITERS = 4
_ROUNDS = 3
_LONGEST_WAIT = 300.0
_DELETED_AT_ONCE = 8
_LOGGER = logging.getLogger("modelver")


class Unfit(Exception):
    """A store broke its contract.

    Args:
        found: What was seen.
        expected: What the contract says.
    """

    def __init__(self, found: str, expected: str = "") -> None:
        super().__init__(found, expected)
        self.found = found
        self.expected = expected


class Scratch:
    """A folder of our own in a store. At the end of its ``with`` block it is emptied, as far as the store lets us.

    Attributes:
        folder: ``probes/<32 hexadecimal digits>``.
        left: Why some of its objects are still there; empty where none is.
    """

    def __init__(self, store: Store) -> None:
        self.folder = f"{PROBES}/{uuid.uuid4().hex}"
        self.left = ""
        self._store = store
        self._keys: list[str] = []

    def key(self, name: str) -> str:
        """Return the key of a name in the folder; what is written there is deleted at the end."""
        self._keys.append(f"{self.folder}/{name}")
        return self._keys[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        with ThreadPoolExecutor(_DELETED_AT_ONCE) as pool:
            refusals = [*pool.map(self._delete, self._keys)]
        self.left = next(filter(None, refusals), "")
        place = self._store.local_path(self.folder)
        if place is not None:
            for folder, _, _ in os.walk(place, topdown=False):
                with suppress(OSError):
                    os.rmdir(folder)  # noqa: PTH106 (os.walk gives texts)
            with suppress(OSError):
                place.parent.rmdir()

    def _delete(self, key: str) -> str:
        try:
            self._store.delete(key)
        except ModelverError as error:
            return str(error)
        return ""


def prove_exclusive(store: Store) -> None:
    """See whether a store creates exclusively, and whether its writer reads and lists what it has just written.

    It takes 24 requests, of which about half wait for others. What is written is below ``probes/`` and is deleted again,
    where the store allows that.

    Raises:
        UnsupportedStore: It broke its contract; the message says how, and what would do.
        StoreError: It could not be asked.
    """
    scratch = Scratch(store)
    try:
        with scratch, ThreadPoolExecutor(_WRITERS) as pool:
            own = scratch.key("own")
            data = b"first " + uuid.uuid4().hex.encode()
            create_fresh(store, own, data)
            _listed(store, scratch.folder, Entry(own, len(data)))
            refuse_taken(store, own, data, [b"second"])
            for number in range(_ROUNDS):
                payloads = [b"writer %d of round %d" % (writer, number) for writer in range(_WRITERS)]
                race(store, scratch.key(f"race-{number}"), payloads, pool)
    except Unfit as broken:
        raise UnsupportedStore(
            "the store is not fit for a registry",
            where=store.url,
            expected=broken.expected,
            found=broken.found,
            hint=HINT,
        ) from None
    if scratch.left:
        _LOGGER.info("What the store was tried out with stays in %s: %s", scratch.folder, scratch.left)


def create_fresh(store: Store, key: str, data: bytes) -> None:
    """Create an object that is not there yet, and read it back.

    Raises:
        Unfit: It is not there, or has other bytes.
    """
    created(store, key, data)
    found = got(store, key)
    if found != data:
        raise Unfit(f"after an object was created, {_told(found)}", "its bytes")


def _listed(store: Store, folder: str, entry: Entry) -> None:
    if entry not in [*store.list(folder)]:
        raise Unfit("a listing lacks what had just been written", "every object")


def refuse_taken(store: Store, key: str, first: bytes, others: Sequence[bytes]) -> None:
    """Create an object that is there already, with each of some bytes.

    Raises:
        Unfit: It was accepted, or changed what is there.
    """
    for other in others:
        accepted = created(store, key, other)
        found = got(store, key)
        if not accepted and found == first:
            continue
        said = "accepted" if accepted else "refused"
        kept = "kept the first" if found == first else "replaced the first"
        raise Unfit(f"the second of two creates of one key was {said}, and {kept}", "AlreadyExists")


def race(store: Store, key: str, payloads: Sequence[bytes], pool: ThreadPoolExecutor) -> None:
    """Have several writers create one key at the same moment.

    A refusal is not yet a loss, since the reply to a writer's first try may have been lost on the way: the object tells.

    Args:
        store: The store.
        key: A fresh one.
        payloads: What each writer writes, all different.
        pool: Has a free thread for each.

    Raises:
        Unfit: Several were told that they had won, or the winner's bytes are not what is there.
    """
    start = threading.Barrier(len(payloads), timeout=_LONGEST_WAIT)

    def write(data: bytes) -> bool:
        start.wait()
        return created(store, key, data)

    won = [data for data, told in zip(payloads, pool.map(write, payloads), strict=True) if told]
    found = got(store, key)
    if len(won) > 1:
        raise Unfit(f"of {len(payloads)} writers that created one key at once, {len(won)} won", "one winner")
    if found not in (won or payloads):
        raise Unfit(f"after a race, {_told(found)}", "the winner's bytes")


def created(store: Store, key: str, data: bytes) -> bool:
    """Create an object; False where the store says that the key is taken.

    Raises:
        StoreError: It could not, or the outcome is not known.
    """
    try:
        store.put_new(key, data)
    except AlreadyExists:
        return False
    except CommitUnknown as error:
        raise StoreError(
            "the store did not answer while it was tried out",
            where=error.where,
            found=error.found,
            hint="Try again when it answers.",
        ) from error
    return True


def got(store: Store, key: str) -> bytes | None:
    """Return an object of a trial; None where there is none, or something that is too large to be one."""
    try:
        return store.get(key, limit=LIMIT)
    except (NotFound, LimitExceeded):
        return None


def _told(found: bytes | None) -> str:
    return "it is not there" if found is None else f"other bytes are there ({len(found)})"
