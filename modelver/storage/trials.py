"""The rules of a store's contract as trials that a user's own store goes through; each says what it saw.

They are the contract suite's, as far as a few requests from one machine can tell; `doctor` runs them.
"""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import attrs

from modelver.errors import IntegrityError, LimitExceeded, ModelverError, NotFound, StoreError, UnsafePath
from modelver.storage.layout import BLOBS, MODELS, REGISTRY_LOG
from modelver.storage.probe import PROBES, Scratch, Unfit, create_fresh, got, race, refuse_taken
from modelver.storage.store import Entry, Store

_WRITERS = 8
_ROUNDS = 10
_SIZE = 16 * 2**10
_NUMBERED = 12
_OWN = {PROBES, BLOBS.partition("/")[0], MODELS, REGISTRY_LOG.partition("/")[0], "recipes"}
"""Folders that a registry's writers may make at a store's top at any time."""


class Remark(Exception):
    """Something is not as it should be, but a registry can live with it; the argument says what."""


@attrs.frozen
class Bench:
    """What a trial works with.

    Attributes:
        store: The store.
        second: Another handle of it, as another process would have.
        scratch: Where to write.
        before: The folders at the store's top before the first trial.
    """

    store: Store
    second: Store
    scratch: Scratch
    before: frozenset[str]

    def key(self, name: str) -> str:
        """Return a key to write to."""
        return self.scratch.key(name)

    def folder(self, name: str) -> str:
        """Return a folder to write below."""
        return f"{self.scratch.folder}/{name}"

    @property
    def handles(self) -> Mapping[str, Store]:
        """Both handles, with what they are called in messages."""
        return {"its writer": self.store, "a second handle": self.second}


def missing_objects(bench: Bench) -> str:
    """What was never written is not there."""
    key = bench.key("missing")
    _refused(lambda: bench.store.get(key, limit=1), NotFound, "reading what is not there")
    _refused(lambda: bench.store.size(key), NotFound, "asking for the size of what is not there")
    if [*bench.store.list(bench.folder("nowhere"))]:
        raise Unfit("a folder that was never written to has objects", "none")
    return "they are not found"


def double_create(bench: Bench) -> str:
    """A taken key is refused, whatever the bytes, and keeps its object."""
    key = bench.key("double")
    create_fresh(bench.store, key, b"first")
    others = [b"other", b"first", b"one that is longer"]
    refuse_taken(bench.store, key, b"first", others)
    return f"{len(others)} later creates of a key were refused, and it has what was first"


def racing_creates(bench: Bench) -> str:
    """Of writers that create one key at once one wins, and who reads meanwhile sees all or nothing."""
    with ThreadPoolExecutor(_WRITERS + 1) as pool:
        for number in range(_ROUNDS):
            key = bench.key(f"race/{number}")
            payloads = [b"%c" % (65 + writer) * _SIZE for writer in range(_WRITERS)]
            done = threading.Event()
            reader = pool.submit(_watch, bench.second, key, payloads, done)
            try:
                race(bench.store, key, payloads, pool)
            finally:
                done.set()
            if part := reader.result():
                raise Unfit(
                    f"a reader saw {part} bytes of an object that was being written", "all or nothing"
                )
    return f"{_WRITERS} writers, {_ROUNDS} races: one winner each, and no reader saw a part"


def _watch(store: Store, key: str, payloads: list[bytes], done: threading.Event) -> int:
    """Read a key over and over; return the length of what is no writer's whole object, if that was seen."""
    while not done.is_set():
        found = got(store, key)
        if found is not None and found not in payloads:
            return len(found) or 1
    return 0


def own_writes(bench: Bench) -> str:
    """A read and a size show what was written before they began."""
    for number in range(3):
        key = bench.key(f"own/{number}")
        for name, handle in bench.handles.items():
            if got(handle, key) is not None:
                raise Unfit(f"{name} reads what was never written", "NotFound")
        bench.store.put_new(key, b"12345")
        for name, handle in bench.handles.items():
            if got(handle, key) != b"12345" or handle.size(key) != len(b"12345"):
                raise Unfit(f"{name} does not read what had just been written", "its bytes")
    return "both handles read at once what one had written"


def listings(bench: Bench) -> str:
    """A listing shows what was written before it began, and just what is below its folder."""
    names = ["a/x", "ab/x", "a-b/x", "a.b/x"]
    expected: list[Entry] = []
    in_order = _same_listings(bench, "listed", expected)
    for name in names:
        key = bench.key(f"listed/{name}")
        bench.store.put_new(key, name.encode())
        expected = sorted([*expected, Entry(key, len(name))], key=_key_of)
        in_order &= _same_listings(bench, "listed", expected)
    _same_listings(bench, "listed/a", [entry for entry in expected if entry.key.endswith("/a/x")])
    if [*bench.store.folders(bench.folder("listed"))] != ["a", "a-b", "a.b", "ab"]:
        raise Unfit("the folders of a folder are not those of its objects", "each once, in order")
    if not in_order:
        raise Remark(
            "they go folder by folder, not by whole keys: harmless, as no more than a folder is read on"
        )
    return f"after each of {len(names)} writes both handles listed all, in order"


def _same_listings(bench: Bench, folder: str, expected: list[Entry]) -> bool:
    """Compare what each handle lists; return whether it was in order."""
    in_order = True
    for name, handle in bench.handles.items():
        found = [*handle.list(bench.folder(folder))]
        if {entry.key for entry in expected} - {entry.key for entry in found}:
            raise Unfit(f"a listing by {name} lacks what had been written", "every object")
        if sorted(found, key=_key_of) != expected:
            raise Unfit("a listing has what is not in the folder, or a wrong size", "the objects below it")
        in_order &= found == expected
    return in_order


def _key_of(entry: Entry) -> str:
    return entry.key


def listings_from(bench: Bench) -> str:
    """A folder's listing is in order, and after a key it has just the later ones."""
    keys = [bench.key(f"log/{number:020d}.json") for number in range(1, _NUMBERED + 1)]
    for key in reversed(keys):
        bench.store.put_new(key, b"{}")
    for start in (0, 1, 5, _NUMBERED):
        after = keys[start - 1] if start else ""
        found = [entry.key for entry in bench.store.list(bench.folder("log"), after=after)]
        if found != keys[start:]:
            raise Unfit(f"a listing after entry {start} of {_NUMBERED} is wrong", "the later ones, in order")
    return f"a log of {_NUMBERED} entries was read on from each of several"


def ranges(bench: Bench) -> str:
    """Parts of an object are read right, wherever they are."""
    key, data = bench.key("ranges"), os.urandom(_SIZE)
    bench.store.put_blob(key, data)
    places = [(0, 1), (0, _SIZE), (1, 1000), (4095, 4098), (_SIZE - 1, 1), (_SIZE - 3, 100)]
    for offset, length in places:
        if bench.store.read_range(key, offset, length) != data[offset : offset + length]:
            raise Unfit(f"{length} bytes from offset {offset} on are wrong", "the object's own")
    return f"{len(places)} parts were right, one of them at the end"


def limits(bench: Bench) -> str:
    """No more is read than the caller allows."""
    key = bench.key("limit")
    bench.store.put_new(key, b"12345")
    _refused(lambda: bench.store.get(key, limit=4), LimitExceeded, "reading 5 bytes with a limit of 4")
    return "what is larger than allowed was not read"


def blobs(bench: Bench) -> str:
    """A blob put again stays; where its key has an object of another size, that is left alone and refused."""
    key = bench.key("blob")
    for _ in range(2):
        bench.store.put_blob(key, b"weights")
    _refused(lambda: bench.store.put_blob(key, b"weigh"), IntegrityError, "a blob of another size")
    _still(bench, key, b"weights", "a blob of another size")
    return "one put again was kept, one of another size refused"


def uploads(bench: Bench) -> str:
    """An upload in parts makes the object, and leaves one of another size alone."""
    key = bench.key("parts")
    _upload(bench, key, b"weights")
    _still(bench, key, b"weights", "an upload")
    try:
        _upload(bench, key, b"weigh")
    except IntegrityError:
        _still(bench, key, b"weights", "an upload of another size")
        return "an object came whole, and one of another size was refused"
    raise Remark("an upload in parts replaces what is there: harmless, as a blob's name is its digest")


def _upload(bench: Bench, key: str, data: bytes) -> None:
    upload = bench.store.upload(key, len(data))
    try:
        upload.send(0, data)
        upload.finish()
    except ModelverError:
        upload.abort()
        raise
    finally:
        upload.close()


def empty_objects(bench: Bench) -> str:
    """No bytes are bytes too."""
    key = bench.key("empty")
    bench.store.put_blob(key, b"")
    if got(bench.store, key) != b"" or bench.store.size(key):
        raise Unfit("an empty object is not there, or not empty", "no bytes")
    return "they are stored as such"


def unsafe_keys(bench: Bench) -> str:
    """What is no key is refused before anything is written."""
    key = bench.folder("Not-A-Key")
    for verb in (bench.store.put_new, bench.store.put_blob):
        _refused(partial(verb, key, b"1"), UnsafePath, "writing to what is no key")
    return "they are refused"


def litter(bench: Bench) -> str:
    """Writing leaves nothing but the object."""
    more = {*bench.store.folders("")} - bench.before - _OWN
    if more:
        raise Unfit(f"writing left something behind in {', '.join(sorted(more))}", "nothing")
    return "nothing was left beside the objects"


def deletes(bench: Bench) -> str:
    """What is deleted is gone."""
    key = bench.key("deleted")
    bench.store.put_new(key, b"1")
    try:
        for _ in range(2):
            bench.store.delete(key)
    except StoreError as error:
        raise Remark(f"deleting is not allowed, so probes stay and no sweep can work: {error}") from None
    if any(got(handle, key) is not None for handle in bench.handles.values()):
        raise Unfit("a deleted object is still there", "NotFound")
    return "a deleted object was gone, and a missing one is fine"


def _refused(work: Callable[[], object], error: type[ModelverError], what: str) -> None:
    try:
        work()
    except error:
        return
    raise Unfit(f"{what} was accepted", error.__name__)


def _still(bench: Bench, key: str, data: bytes, after: str) -> None:
    if got(bench.store, key) != data:
        raise Unfit(f"after {after}, the object has other bytes", "those that were put first")


TRIALS: Mapping[str, Callable[[Bench], str]] = {
    "missing objects": missing_objects,
    "double create": double_create,
    "racing creates": racing_creates,
    "own writes": own_writes,
    "listings": listings,
    "listings from a key": listings_from,
    "ranges": ranges,
    "limits": limits,
    "blobs": blobs,
    "uploads": uploads,
    "empty objects": empty_objects,
    "unsafe keys": unsafe_keys,
    "litter": litter,
    "deletes": deletes,
}
"""Each trial under the name that a report has for it, in the order in which they are made."""
