"""The probe passes good stores, and refuses those that don't create exclusively, at little cost."""

import logging
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from modelver.errors import AlreadyExists, CommitUnknown, StoreError, UnsupportedStore
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from modelver.storage.probe import PROBES, prove_exclusive
from modelver.storage.store import Entry
from tests.contracts.bad_stores import (
    AnyKey,
    BadStore,
    IgnoredCondition,
    OverwritesThenComplains,
    RacyCreate,
)


class Counting(MemoryStore):
    """Counts its requests."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.requests: list[str] = []

    def get(self, key: str, *, limit: int) -> bytes:
        """Count."""
        self.requests.append("get")
        return super().get(key, limit=limit)

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Count."""
        self.requests.append("list")
        return super().list(prefix, after=after)

    def put_new(self, key: str, data: bytes) -> None:
        """Count."""
        self.requests.append("put_new")
        super().put_new(key, data)

    def delete(self, key: str) -> None:
        """Count."""
        self.requests.append("delete")
        super().delete(key)


class LosesWrites(MemoryStore):
    """Says that it has written."""

    def put_new(self, key: str, data: bytes) -> None:
        """Write nothing."""


class LosesRaces(MemoryStore):
    """Takes the first of several writers, and keeps none of their bytes."""

    def put_new(self, key: str, data: bytes) -> None:
        """Write something else where there are races."""
        super().put_new(key, b"nobody's" if "race" in key else data)


class LagsBehind(MemoryStore):
    """Lists nothing yet."""

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:  # noqa: ARG002 (the protocol's signature)
        """List nothing."""
        return iter(())


class LosesReplies(MemoryStore):
    """Writes, but the reply is lost, and the client's second try finds the key taken."""

    def put_new(self, key: str, data: bytes) -> None:
        """Write, then complain in any case."""
        super().put_new(key, data)
        raise AlreadyExists("taken", where=key)


class NeverAnswers(MemoryStore):
    """Has an unknown outcome of every write."""

    def put_new(self, key: str, data: bytes) -> None:
        """Write, and say nothing of it."""
        super().put_new(key, data)
        raise CommitUnknown("who knows", where=key, found="no reply")


class KeepsAll(MemoryStore):
    """Forbids deleting, as a bucket with a lock on its objects does."""

    def delete(self, key: str) -> None:
        """Refuse."""
        raise StoreError("could not delete: access denied", where=key)


def test_good_stores_pass_and_nothing_stays(tmp_path: Path) -> None:
    """In memory and in a folder nothing is seen of the probe afterwards, and nothing else was touched."""
    memory, local = MemoryStore(uuid4().hex), LocalStore(tmp_path)
    for store in (memory, local):
        store.put_new("models/other", b"1")
        prove_exclusive(store)
        assert [entry.key for entry in store.list("")] == ["models/other"]
        assert list(store.folders("")) == ["models"]


def test_the_probe_is_cheap() -> None:
    """It is 24 requests, however often it is repeated."""
    store = Counting(uuid4().hex)
    prove_exclusive(store)
    counts = {kind: store.requests.count(kind) for kind in set(store.requests)}
    assert counts == {"put_new": 14, "get": 5, "list": 1, "delete": 4}


@pytest.mark.parametrize(
    ("bad", "seen"),
    [
        (RacyCreate, "of 4 writers that created one key at once, "),
        (IgnoredCondition, "the second of two creates of one key was accepted, and replaced the first"),
        (AnyKey, "the second of two creates of one key was accepted, and replaced the first"),
        (OverwritesThenComplains, "the second of two creates of one key was refused, and replaced the first"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_store_that_does_not_create_exclusively_is_refused(bad: type[BadStore], seen: str) -> None:
    """The error says where, what was seen, and what would do; the probe's objects are gone."""
    store = bad(uuid4().hex)
    with pytest.raises(UnsupportedStore, match="not fit for a registry") as refused:
        prove_exclusive(store)
    assert seen in refused.value.found
    assert refused.value.where == store.url
    assert "Amazon S3" in refused.value.hint
    assert list(store.list("")) == []


@pytest.mark.parametrize(
    ("bad", "seen"),
    [
        (LosesWrites, "after an object was created, it is not there"),
        (LosesRaces, "after a race, other bytes are there"),
        (LagsBehind, "a listing lacks what had just been written"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_store_that_does_not_show_what_was_written_is_refused(bad: type[MemoryStore], seen: str) -> None:
    """What a writer can't read or list, nobody will."""
    with pytest.raises(UnsupportedStore) as refused:
        prove_exclusive(bad(uuid4().hex))
    assert seen in refused.value.found


def test_a_lost_reply_is_no_lost_race() -> None:
    """Where every writer is told that the key is taken, the object tells who took it."""
    prove_exclusive(LosesReplies(uuid4().hex))


def test_no_reply_is_no_verdict() -> None:
    """An outcome that is not known is the environment's failure, not the store's unfitness, and nobody's commit."""
    with pytest.raises(StoreError, match="did not answer while it was tried out") as failed:
        prove_exclusive(NeverAnswers(uuid4().hex))
    assert not isinstance(failed.value, UnsupportedStore)


def test_a_store_that_forbids_deleting_keeps_the_probe(caplog: pytest.LogCaptureFixture) -> None:
    """It passes, the probe's objects stay in their own folder, and that is noted."""
    store = KeepsAll(uuid4().hex)
    with caplog.at_level(logging.INFO, "modelver"):
        prove_exclusive(store)
    assert len(list(store.list(PROBES))) == len(list(store.list(""))) == 4
    assert "access denied" in caplog.text
