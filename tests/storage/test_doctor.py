"""The doctor passes good stores, refuses each bad one by what it breaks, and shows what it found."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from modelver.errors import Offline, StoreError, UnsupportedStore
from modelver.storage import open_store, trials
from modelver.storage.doctor import examine
from modelver.storage.examination import Check, Examination, Latency, Throughput, Verdict
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore, MemoryUpload
from modelver.storage.store import Entry, Guarantees, Upload
from modelver.storage.trials import TRIALS
from tests.contracts import bad_stores

if TYPE_CHECKING:
    from tests.servers.seaweedfs import SeaweedFS

REFUSED = {
    bad_stores.RacyCreate: "racing creates",
    bad_stores.HalfVisible: "racing creates",
    bad_stores.IgnoredCondition: "double create",
    bad_stores.OverwritesThenComplains: "double create",
    bad_stores.ReplacesBlobs: "blobs",
    bad_stores.StaleListing: "listings",
    bad_stores.PrefixIsText: "listings",
    bad_stores.AfterIsIncluded: "listings from a key",
    bad_stores.ReadsWithoutLimit: "limits",
    bad_stores.AnyKey: "unsafe keys",
    bad_stores.LeavesLitter: "litter",
}
PROMISES = Guarantees(
    exclusive_create=True, strong_listing=True, durable=True, range_reads=True, server_side_copy=True
)


class WrongRanges(MemoryStore):
    """Takes the end of a range for its length."""

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Read less where the offset is not 0."""
        return super().read_range(key, offset, max(1, length - offset))


class MissesFolders(MemoryStore):
    """Has no folders."""

    def folders(self, prefix: str) -> Iterator[str]:  # noqa: ARG002 (the protocol's signature)
        """Name none."""
        return iter(())


class FillsEmpty(MemoryStore):
    """Puts a byte where there is none, as a client that can't send empty bodies might."""

    def put_blob(self, key: str, data: bytes) -> None:
        """Fill."""
        super().put_blob(key, data or b"\0")


class ReplacesByParts(MemoryStore):
    """Looks at nothing when an upload in parts ends: Ceph."""

    def upload(self, key: str, size: int) -> Upload:
        """Replace."""
        return MemoryUpload(lambda data: self._objects.__setitem__(key, data), size)


class KeepsDeleted(MemoryStore):
    """Says that it has deleted."""

    def delete(self, key: str) -> None:
        """Delete nothing."""


class ForbidsDeleting(MemoryStore):
    """Lets nobody delete."""

    def delete(self, key: str) -> None:
        """Refuse."""
        raise StoreError("access denied", where=key)


class Fails(MemoryStore):
    """Can't list."""

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:  # noqa: ARG002 (the protocol's signature)
        """Fail."""
        raise StoreError("could not list", where=prefix)


class Unreached(MemoryStore):
    """Is out of reach."""

    def get(self, key: str, *, limit: int) -> bytes:  # noqa: ARG002 (the protocol's signature)
        """Reach nobody."""
        raise Offline("could not read: the store can't be reached", where=key)


class Clocked(MemoryStore):
    """Has a clock of its own."""

    off = timedelta()

    def clock(self) -> datetime:
        """Be off."""
        return super().clock() + self.off


class Promises(MemoryStore):
    """Promises less."""

    promised = PROMISES

    @property
    def guarantees(self) -> Guarantees:
        """As the test says."""
        return self.promised


class Remembering(MemoryStore):
    """Never sees what another handle writes to a key that it has looked at."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._missed: set[str] = set()

    def get(self, key: str, *, limit: int) -> bytes:
        """Read from what was known."""
        if key not in self._objects or key in self._missed:
            self._missed.add(key)
            return super().get(f"{key}-missed", limit=limit)
        return super().get(key, limit=limit)


def verdict(examination: Examination, name: str) -> Verdict:
    """Return how a check ended."""
    (found,) = (check.verdict for check in examination.checks if check.name == name)
    return found


@pytest.mark.parametrize("make", [lambda path: MemoryStore(path.name + uuid4().hex), LocalStore])
def test_a_good_store_is_fit(make: Callable[[Path], MemoryStore | LocalStore], tmp_path: Path) -> None:
    """Every check is made and none finds a fault, the times are there, and nothing else is left."""
    store = make(tmp_path)
    store.put_new("models/other", b"1")
    found = examine(store)
    assert found, str(found)
    assert found.findings == ()
    assert {check.name for check in found.checks} == {"promises", "clock", *TRIALS}
    assert [(each.call, each.calls) for each in found.latencies] == [
        ("create", 20),
        ("get", 20),
        ("miss", 20),
        ("list", 20),
    ]
    assert all(0 < each.median <= each.p95 for each in found.latencies)
    assert [entry.key for entry in store.list("")] == ["models/other"]
    assert list(store.folders("")) == ["models"]
    found.raise_if_failed()


def test_a_store_on_a_server_is_fit(seaweedfs: "SeaweedFS", monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket of SeaweedFS passes, with two clients; all that was written is deleted."""
    monkeypatch.setattr(trials, "_ROUNDS", 2)  # a race takes this server seconds
    url, options = seaweedfs.fresh()
    store, second = (open_store(url, storage_options=options) for _ in range(2))
    found = examine(store, second)
    assert found, str(found)
    assert list(store.list("")) == []


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.__name__)
def test_a_bad_store_is_refused(bad: type[bad_stores.BadStore]) -> None:
    """Each is found unfit, by the check of the rule that it breaks."""
    found = examine(bad(uuid4().hex))
    assert not found
    assert not found.ok
    assert REFUSED[bad] in {finding.object for finding in found.findings}
    with pytest.raises(UnsupportedStore, match=REFUSED[bad]):
        found.raise_if_failed()


def test_every_bad_store_is_told() -> None:
    """There is no bad store that the doctor takes for a good one."""
    assert {*REFUSED, bad_stores.SortedByParts} == set(bad_stores.BAD_STORES)


def test_an_order_by_folders_is_remarked() -> None:
    """A listing that goes folder by folder does a registry no harm, since it reads on within one folder only."""
    found = examine(bad_stores.SortedByParts(uuid4().hex))
    assert found
    assert verdict(found, "listings") is Verdict.REMARK


@pytest.mark.parametrize(
    ("bad", "name", "ends"),
    [
        (WrongRanges, "ranges", Verdict.FAULT),
        (MissesFolders, "listings", Verdict.FAULT),
        (FillsEmpty, "empty objects", Verdict.FAULT),
        (ReplacesByParts, "uploads", Verdict.REMARK),
        (KeepsDeleted, "deletes", Verdict.FAULT),
        (ForbidsDeleting, "deletes", Verdict.REMARK),
        (Fails, "listings", Verdict.FAULT),
        (Fails, "latencies", Verdict.FAULT),
    ],
)
def test_other_faults_are_told(bad: type[MemoryStore], name: str, ends: Verdict) -> None:
    """What a registry can live with is a remark, what it can't is a fault; the other checks are made all the same."""
    found = examine(bad(uuid4().hex))
    assert verdict(found, name) is ends
    assert found.ok is (ends is Verdict.REMARK)
    assert verdict(found, "double create") is Verdict.GOOD


def test_another_handle_that_sees_old_things_is_a_fault() -> None:
    """What one handle wrote, another has to see."""
    name = uuid4().hex
    found = examine(MemoryStore(name), Remembering(name))
    assert verdict(found, "own writes") is Verdict.FAULT
    assert "a second handle" in str(found)


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [
        (0, Verdict.GOOD),
        (-3, Verdict.GOOD),
        (30, Verdict.REMARK),
        (-30, Verdict.REMARK),
        (310, Verdict.FAULT),
        (-310, Verdict.FAULT),
    ],
)
def test_the_clocks_are_compared(seconds: int, ends: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are nothing, more than five are a remark, more than five minutes a fault, in both directions."""
    monkeypatch.setattr(Clocked, "off", timedelta(seconds=seconds))
    assert verdict(examine(Clocked(uuid4().hex)), "clock") is ends


@pytest.mark.parametrize(
    ("missing", "ends"),
    [
        ("exclusive_create", Verdict.FAULT),
        ("strong_listing", Verdict.FAULT),
        ("range_reads", Verdict.FAULT),
        ("durable", Verdict.REMARK),
        ("server_side_copy", Verdict.GOOD),
    ],
)
def test_a_kind_of_store_has_to_promise_it(
    missing: str, ends: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a store did well once is not enough: its kind must promise it."""
    given = {name: name != missing for name in PROMISES.__annotations__}
    monkeypatch.setattr(Promises, "promised", Guarantees(**given))
    assert verdict(examine(Promises(uuid4().hex)), "promises") is ends


def test_a_store_out_of_reach_is_an_error() -> None:
    """What can't be asked is not examined."""
    with pytest.raises(Offline):
        examine(Unreached(uuid4().hex))


def test_an_examination_shows_itself() -> None:
    """As text, as JSON data and in a notebook, where nothing of a store's words is taken for markup."""
    found = Examination(
        "memory://<b>",
        PROMISES,
        (
            Check("double create", "all well"),
            Check("clock", "it is 7 s off", Verdict.REMARK),
            Check("ranges", "<i>wrong</i>", Verdict.FAULT, "right ones"),
        ),
        (Latency("get", 20, 1.25, 2.5),),
        Throughput(64_000_000, 100e6, 200e6),
    )
    assert str(found).splitlines() == [
        "memory://<b>: not fit for a registry: 1 fault, 1 remark",
        "good    double create        all well",
        "remark  clock                it is 7 s off",
        "fault   ranges               <i>wrong</i> (expected right ones)",
        "promised: exclusive create, strong listing, durable, range reads, server side copy",
        "              median           p95",
        "get          1.25 ms       2.50 ms",
        "100 MB/s up, 200 MB/s down, for 64 MB",
    ]
    data = found.to_dict()
    assert data["ok"] is False
    assert data["latencies"] == [{"call": "get", "calls": 20, "median_ms": 1.25, "p95_ms": 2.5}]
    assert data["throughput"] == {"size": 64_000_000, "upload": 100_000_000, "download": 200_000_000}
    html = found._repr_html_()
    assert "&lt;i&gt;wrong&lt;/i&gt;" in html
    assert "<i>" not in html
    assert "memory://<b>" not in html


def test_what_was_not_measured_is_not_shown() -> None:
    """Without times and rates the rest stands alone."""
    found = Examination("memory://x", PROMISES, ())
    assert str(found).splitlines()[0] == "memory://x: fit for a registry"
    assert found.to_dict()["throughput"] is None
    assert "median" not in found._repr_html_()
