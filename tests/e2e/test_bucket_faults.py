"""A network that fails all the time, between clients and a real bucket: calls succeed, and what they say is true."""

import itertools
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import modelver as mv
from modelver.storage import open_store
from tests import resources
from tests.registries import MODEL, publish
from tests.servers.faultproxy import NO_FAULTS, FaultProxy, Faults
from tests.servers.seaweedfs import SeaweedFS

from .mixed import Client, contradictions

FLAKY = Faults(
    reset=0.08,
    drop_reply=0.07,
    error_before=0.1,
    before=(500, 503, 429, 429),
    error_after=0.05,
    truncate=0.03,
    delay=0.05,
)
"""SlateDB's rates: 15 % of connections break, 10 % of requests get a 5xx, before or after they were done, 5 % a 429."""

TIMEOUT = 60.0
MARGIN = 30.0
"""Seconds that a busy machine may take itself."""

CALLS = 8
AT_ONCE = 9
"""Runs at once: they mostly wait before they try again."""

PROVED = "modelver.registry.base.session.prove_once"


class Tally:
    """What many runs came to."""

    def __init__(self, seaweedfs: SeaweedFS, folder: Path) -> None:
        self.calls = 0
        self.slowest = 0.0
        self.longest_wait = 0.0
        self.failures: list[mv.ModelverError] = []
        self.struck = 0
        self._lock = threading.Lock()
        self._server = seaweedfs
        self._folder = folder

    def run(self, seed: int) -> None:
        """Let one or two clients work on a registry of their own; nothing that they were told may be wrong."""
        folder = self._folder / f"run-{seed}"
        folder.mkdir()
        url, straight = self._server.fresh()
        known: dict[str, bytes] = {}
        with FaultProxy("127.0.0.1", self._server.port, FLAKY, seed=seed) as proxy:

            def client(number: int) -> Client:
                registry = mv.Registry(
                    url,
                    storage_options={**straight, "endpoint_url": proxy.url},
                    cache_dir=folder / f"cache-{number}",
                    timeout=TIMEOUT,
                )
                registry._session.create = True  # the first call makes it, and is counted
                self._time_requests(registry)
                worker = Client(registry, f"client-{number}", 2 * seed + number, known, folder)
                worker.work(CALLS)
                return worker

            with ThreadPoolExecutor(2) as pool:
                clients = list(pool.map(client, range(1 + seed % 2)))
            struck = sum(count for (_, fault), count in proxy.requests.items() if fault)
        failures = [error for client in clients for error in client.failures]
        with self._lock:
            self.struck += struck
            self.calls += sum(client.calls for client in clients)
            self.slowest = max(self.slowest, *(client.slowest for client in clients), 0)
            self.failures += failures
        lies = [lie for client in clients for lie in client.lies]
        lies += [repr(error) for error in failures if not isinstance(error, mv.StoreError | mv.CommitUnknown)]
        if not failures:
            observer = mv.Registry(url, storage_options=straight, cache_dir=folder / "observer")
            lies += contradictions(observer, clients)
        assert lies == [], f"seed {seed}"

    def _time_requests(self, registry: mv.Registry) -> None:
        """Note how long each request to the store takes with all its repetitions, which is what a timeout bounds."""
        remote = registry._session.store.remote  # type: ignore[attr-defined] # it is a CachedStore

        def timed(verb: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **options: object) -> object:
                started = time.monotonic()
                try:
                    return verb(*arguments, **options)
                finally:
                    self.longest_wait = max(self.longest_wait, time.monotonic() - started)

            return call

        for name in ("get", "size", "read_range", "folders", "put_new", "put_blob"):
            setattr(remote, name, timed(getattr(remote, name)))


@pytest.mark.parametrize(
    ("first", "runs"),
    [
        *((first, 5) for first in range(0, 10, 5)),
        *(
            pytest.param(first, 50, marks=[pytest.mark.full, pytest.mark.timeout(3000)])
            for first in range(1000, 1500, 50)
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*last known state")
def test_calls_succeed_and_tell_the_truth_over_a_failing_network(
    first: int, runs: int, seaweedfs: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is done twice, no conflict is false, no byte is wrong, no request takes too long, and hardly one fails."""
    tally = Tally(seaweedfs, tmp_path)
    tally.run(first)  # with the probe, which takes seconds
    monkeypatch.setattr(PROVED, lambda *_: None)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(tally.run, range(first + 1, first + runs)))
    told = (
        f"{tally.calls} calls, {tally.struck} faults, slowest call {tally.slowest:.1f} s,"
        f" longest request {tally.longest_wait:.1f} s, failed: {tally.failures}"
    )
    print(told)  # noqa: T201 (for who looks into a failure)
    assert tally.struck > tally.calls
    assert tally.longest_wait < TIMEOUT + MARGIN
    assert len(tally.failures) <= tally.calls / 1000 + 1, tally.failures


def test_a_reply_that_broke_off_is_asked_for_again(seaweedfs: SeaweedFS) -> None:
    """Whole objects and ranges are never shorter than the store's, however many replies end too early."""
    url, options = seaweedfs.fresh()
    data = bytes(range(256)) * 100
    with FaultProxy("127.0.0.1", seaweedfs.port, Faults(truncate=0.4), seed=5) as proxy:
        store = open_store(url, storage_options={**options, "endpoint_url": proxy.url}, timeout=TIMEOUT)
        store.put_blob("blob", data)
        for offset in range(0, 25_000, 2_500):
            assert store.read_range("blob", offset, 600) == data[offset : offset + 600]
            assert store.get("blob", limit=len(data)) == data
        assert store.read_range("blob", 25_000, 5_000) == data[25_000:]
        assert [entry.size for entry in store.list("")] == [len(data)]
        assert proxy.requests["GET", "truncate"] > 5


def verified(report: mv.Report) -> None:
    """Take a report with findings for a failure: what could not be read is not well."""
    if not report:
        raise mv.StoreError(str(report))


VERBS: dict[str, Callable[[mv.Registry], object]] = {
    "register": lambda registry: publish(registry, b"new"),
    "register a large file": lambda registry: publish(registry, bytes(20 * 2**20)),
    "finalize": lambda registry: registry.finalize(f"{MODEL}:2.0.0-rc.1"),
    "create_model": lambda registry: registry.create_model("other"),
    "set_alias": lambda registry: registry.set_alias(MODEL, "production", "1.0.0"),
    "delete_alias": lambda registry: registry.delete_alias(MODEL, "production"),
    "rollback": lambda registry: registry.rollback(MODEL, "production"),
    "annotate": lambda registry: registry.annotate(f"{MODEL}:1.0.0", "note"),
    "record_metrics": lambda registry: registry.record_metrics(f"{MODEL}:1.0.0", {"f1": 0.9}),
    "yank": lambda registry: registry.yank(f"{MODEL}:1.0.0", reason="bad"),
    "load": lambda registry: registry.load(f"{MODEL}@production").path,
    "resolve": lambda registry: registry.resolve(f"{MODEL}@production"),
    "compare": lambda registry: registry.compare(f"{MODEL}:1.0.0", f"{MODEL}:1.1.0"),
    "verify": lambda registry: verified(registry.verify()),
    "verify a version": lambda registry: verified(registry.verify(f"{MODEL}:1.0.0")),
    "models": lambda registry: registry.models(),
    "versions": lambda registry: registry.versions(MODEL),
    "aliases": lambda registry: registry.aliases(MODEL),
    "history": lambda registry: registry.history(MODEL),
    "status": lambda registry: registry.status(f"{MODEL}:1.0.0"),
}
READING = [*itertools.dropwhile(lambda verb: verb != "load", VERBS)]
KEPT = {"load", "resolve", "compare", "models", "versions", "aliases", "history", "status"}
"""What is answered from what was read before."""


@pytest.mark.filterwarnings("ignore:.*last known state")
@pytest.mark.parametrize("warm", [False, True], ids=["that knows nothing", "that has read all"])
def test_every_verb_ends_in_time_whatever_the_network_does_to_a_client(
    warm: bool, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    """Writing fails, and reading too unless it was read before; nothing hangs, nothing is written, no thread is left."""
    timeout = 4.0
    threads = resources.threads()
    url, options = seaweedfs.fresh()
    writer = mv.Registry(url, storage_options=options, cache_dir=tmp_path / "writer", create=True)
    for content in (b"1", b"2"):
        publish(writer, content, aliases=["production"])
    publish(writer, b"3", version="2.0.0-rc.1")
    before = seaweedfs.behind(url)
    with FaultProxy("127.0.0.1", seaweedfs.port, NO_FAULTS) as proxy:
        through = {**options, "endpoint_url": proxy.url}

        def client() -> mv.Registry:
            cache = tmp_path / f"cache-{uuid.uuid4().hex}"
            if warm:
                shutil.copytree(tmp_path / "warm", cache, symlinks=True)
            registry = mv.Registry(url, storage_options=through, cache_dir=cache, timeout=timeout)
            registry._session.store.remote.connected()  # type: ignore[attr-defined] # takes this machine's time, not the network's
            return registry

        def outcome(registry: mv.Registry, verb: str) -> tuple[str, str, float]:
            started = time.monotonic()
            try:
                VERBS[verb](registry)
            except mv.ModelverError as error:
                return verb, type(error).__name__, time.monotonic() - started
            return verb, "", time.monotonic() - started

        reader = mv.Registry(url, storage_options=through, cache_dir=tmp_path / "warm")
        for verb in READING:
            VERBS[verb](reader)
        for fault in (Faults(blackhole=1), Faults(refuse=True)):
            proxy.faults = NO_FAULTS
            clients = [client() for _ in VERBS]
            proxy.faults = fault
            with ThreadPoolExecutor(len(VERBS)) as pool:
                outcomes = list(pool.map(outcome, clients, VERBS))
            told = {verb: error for verb, error, _ in outcomes}
            assert {verb for verb in told if not told[verb]} == (KEPT if warm else set()), outcomes
            assert set(told.values()) <= {"", "Offline", "StoreError", "CommitUnknown"}
            assert max(seconds for *_, seconds in outcomes) < timeout + MARGIN, outcomes
    assert resources.threads() <= threads
    assert seaweedfs.behind(url) == before
