"""One registry object before and after a fork, and in many threads: it works in all of them, and nobody waits for ever."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import modelver as mv
from modelver.storage import open_store
from modelver.storage.remote.store import RemoteStore
from tests.histories_checker import Operation, faults
from tests.registries import MODEL
from tests.servers.seaweedfs import SeaweedFS

PATIENCE = 120
"""Seconds after which a child counts as stuck, and is killed."""

KINDS = ["bucket", "folder", "memory"]


@pytest.fixture
def address(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, dict[str, object]]:
    """Give a new place of a kind, and its options."""
    if request.param == "bucket":
        server: SeaweedFS = request.getfixturevalue("seaweedfs")
        return server.fresh()
    return (str(tmp_path / "registry") if request.param == "folder" else f"memory://{uuid.uuid4().hex}"), {}


def use(registry: mv.Registry, name: str) -> str:
    """Resolve, load, register and set an alias; return what is wrong with the answers, or nothing."""
    known = registry.resolve(f"{MODEL}@production")
    if (registry.load(known) / "model.bin").read_bytes() != b"first":
        return "other bytes were loaded"
    made = registry.register(MODEL, {"model.bin": name.encode()}, changelog="x", capture=False)
    if not made.created or (registry.load(made) / "model.bin").read_bytes() != name.encode():
        return f"{made} is not what was registered"
    registry.set_alias(MODEL, name, made)
    if registry.resolve(f"{MODEL}@{name}").version != made.version:
        return f"{name} is not where it was set"
    return ""


@contextmanager
def busy(registry: mv.Registry) -> Iterator[None]:
    """Have threads ask all the time."""
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            registry.resolve(f"{MODEL}@production")
            registry._session.store.get("modelver.json", limit=2**20)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            yield
        finally:
            done.set()
    for each in asking:
        each.result()


def forked(registry: mv.Registry, name: str) -> str:
    """Use a registry in a forked child; return what was wrong there."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            problem = use(registry, name)
            sys.stderr.write(problem)
            code = 1 if problem else 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + PATIENCE
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"{name} is stuck"
        time.sleep(0.005)
    code = os.waitstatus_to_exitcode(ended[1])
    return f"{name} ended with {code}" if code else ""


def from_pool(name: str) -> str:
    """Use the parent's registry in a worker of `multiprocessing`, which was forked."""
    return use(OPENED[0], name)


OPENED: list[mv.Registry] = []


def main(url: str, options: str, rounds: int) -> None:
    """Fork in every way; print what went wrong."""
    registry = mv.Registry(url, storage_options=json.loads(options), create=True)
    OPENED.append(registry)
    registry.register(MODEL, {"model.bin": b"first"}, changelog="x", aliases=["production"], capture=False)
    registry.load(f"{MODEL}@production")
    problems = [forked(registry, f"quiet-{number}") for number in range(rounds)]
    with busy(registry):
        problems += [forked(registry, f"busy-{number}") for number in range(rounds)]
        problems.append(use(registry, "parent-while-busy"))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        asked = pool.map_async(from_pool, [f"pool-{number}" for number in range(4)])
        problems += asked.get(PATIENCE)
    problems.append(use(registry, "parent"))
    print("\n".join(filter(None, problems)))  # noqa: T201 (for the process that started this one)


@pytest.mark.parametrize("rounds", [3, pytest.param(20, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
@pytest.mark.parametrize("address", ["bucket", "folder"], indirect=True)
def test_a_registry_that_was_used_works_in_forked_children_and_afterwards(
    address: tuple[str, dict[str, object]], rounds: int
) -> None:
    """Also where other threads of the parent were in the middle of requests, and through multiprocessing."""
    url, options = address
    command = [sys.executable, "-W", "ignore", __file__, url, json.dumps(options), str(rounds)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1700)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
    observer = mv.Registry(url, storage_options=options)
    names = [
        *(f"{kind}-{number}" for kind in ("quiet", "busy") for number in range(rounds)),
        *(f"pool-{number}" for number in range(4)),
        *("parent", "parent-while-busy", "production"),
    ]
    assert sorted(observer.aliases(MODEL)) == sorted(names)
    assert len(observer.versions(MODEL)) == len(names)
    assert observer.verify()


@pytest.mark.parametrize("each", [2, pytest.param(30, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
@pytest.mark.parametrize("address", KINDS, indirect=True)
def test_eight_threads_share_a_registry(
    address: tuple[str, dict[str, object]], each: int, tmp_path: Path
) -> None:
    """They register, resolve, load and set aliases at once: each sees its own results, and all fit one order."""
    url, options = address
    registry = mv.Registry(url, storage_options=options, create=True)
    registry.create_model(MODEL)
    history: list[Operation] = []

    def timed(work: Callable[[], mv.ModelVersion], *, writes: bool) -> mv.ModelVersion:
        started = time.monotonic()
        version = work()
        seq = int(str(version.version).split(".")[1])
        history.append(Operation(started, time.monotonic(), seq, writes, threading.current_thread().name))
        return version

    def work(name: str) -> None:
        for number in range(each):
            files = {"model.bin": f"{name}, {number}".encode()}
            made = timed(lambda files=files: registry.register(MODEL, {**files}, capture=False), writes=True)  # type: ignore[misc] # bound now
            assert (registry.load(made) / "model.bin").read_bytes() == files["model.bin"]
            registry.set_alias(MODEL, name, made)
            assert registry.resolve(f"{MODEL}@{name}").digest == made.digest
            timed(lambda: registry.resolve(f"{MODEL}@latest"), writes=False)

    names = [f"thread-{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, names))
    assert faults(history, first=0) == []
    assert sum(operation.writes for operation in history) == 8 * each
    assert sorted(registry.aliases(MODEL)) == names
    assert all(len(registry.history(MODEL, alias=name)) == each for name in names)
    assert registry.verify()
    assert mv.Registry(url, storage_options=options, cache_dir=tmp_path / "observer").verify()


@pytest.mark.parametrize("address", ["bucket"], indirect=True)
def test_threads_that_connect_at_once_share_one_client(address: tuple[str, dict[str, object]]) -> None:
    """Whoever comes first makes it, and all the others get the same."""
    url, options = address
    store = open_store(url, storage_options=options)
    assert isinstance(store, RemoteStore)
    with ThreadPoolExecutor(8) as pool:
        assert len({id(each) for each in pool.map(lambda _: store.connected(), range(8))}) == 1


@pytest.mark.parametrize("address", ["bucket"], indirect=True)
def test_a_registry_in_a_bucket_is_not_pickled(address: tuple[str, dict[str, object]]) -> None:
    """It would take credentials along; the error says what to do instead, and versions can be pickled."""
    url, options = address
    registry = mv.Registry(url, storage_options=options, create=True)
    version = registry.register(MODEL, {"model.bin": b"1"}, capture=False)
    with pytest.raises(TypeError, match="open the registry anew"):
        pickle.dumps(registry)
    assert pickle.loads(pickle.dumps(version)).digest == version.digest  # noqa: S301 (our own bytes)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
