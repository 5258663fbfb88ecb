"""Versions in other processes, and registries after a fork."""

import copy
import os
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, publish


def described(version: mv.ModelVersion) -> tuple[object, ...]:
    """Return all that a version says."""
    return (
        version,
        version.version.is_prerelease,
        version.files,
        version.metrics,
        version.provenance,
        version.created_at,
        version.created_by,
        version.created,
    )


@pytest.mark.parametrize("read_before", [True, False])
def test_a_pickled_version_is_whole(read_before: bool, memory: mv.Registry) -> None:
    """Manifest and provenance go with it, read before or not; it needs no registry any more."""
    version = publish(memory, metrics={"f1": 0.9}, run="run-1")
    expected = described(version)
    other = version if read_before else mv.Registry(memory.url).get(version)
    data = pickle.dumps(other)
    memory._session.store._objects.clear()  # type: ignore[attr-defined] # a memory store
    again = pickle.loads(data)  # noqa: S301 (our own bytes)
    assert described(again)[:-1] == expected[:-1]
    assert again.version < mv.Scheme.parse("semver").version("1.0.1")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_will_do(protocol: int, memory: mv.Registry) -> None:
    """Old ones too."""
    version = publish(memory)
    assert pickle.loads(pickle.dumps(version, protocol)) == version  # noqa: S301 (our own bytes)


def test_copies_are_equal(memory: mv.Registry) -> None:
    """Shallow and deep."""
    version = publish(memory, metrics={"f1": 0.9})
    for again in (copy.copy(version), copy.deepcopy(version)):
        assert (again, again.metrics) == (version, version.metrics)


def test_versions_are_values(memory: mv.Registry) -> None:
    """Equal by name, version and digest; usable as keys; frozen."""
    version = publish(memory)
    again = mv.Registry(memory.url).get(version)
    assert version == again
    assert len({version, again}) == 1
    with pytest.raises(AttributeError):
        version.version = "2.0.0"  # type: ignore[misc, assignment] # on purpose


def load(version: mv.ModelVersion, url: str) -> bytes:
    """Load a version in another process."""
    return (mv.Registry(url).load(version) / "model.bin").read_bytes() + version.files[0].path.encode()


@pytest.mark.usefixtures("unmeasured")
def test_a_version_crosses_to_a_process_pool(registry: mv.Registry) -> None:
    """As an argument it still names what to load."""
    version = publish(registry)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(load, version, registry.url).result()
    assert found == b"weightsmodel.bin"


def test_an_open_registry_survives_a_fork(registry: mv.Registry, tmp_path: Path) -> None:
    """Parent and child go on with the object that was open before, and see each other's work."""
    publish(registry)
    child = os.fork()
    if child == 0:
        try:
            version = publish(registry, b"of the child")
            (registry.load(version) / "model.bin").read_bytes()
            (tmp_path / "done").touch()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (tmp_path / "done").exists()
    assert publish(registry, b"of the parent").version == "1.2.0"
    assert len(registry.versions(MODEL)) == 3
    assert registry.verify()


WHILE_A_THREAD_LOOKS = """
import os, signal, sys, threading, modelver as mv
from modelver.registry.base import session

looks, child_ended = threading.Event(), threading.Event()
teller = session.teller

def slow(of):
    if threading.current_thread() is not threading.main_thread():
        looks.set()
        child_ended.wait()
    return teller(of)

session.teller = slow
registries = [mv.Registry(path) for path in sys.argv[1:]]
thread = threading.Thread(target=lambda: registries[0].create_model("a"))
thread.start()
looks.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    registries[1].create_model("b")
    os._exit(0)
ended = os.waitpid(child, 0)[1]
child_ended.set()
thread.join()
sys.exit(ended)
"""


def test_a_child_waits_for_no_thread_of_its_parent(tmp_path: Path) -> None:
    """One that was forked while a thread was about to commit for the first time commits all the same."""
    script = [sys.executable, "-W", "ignore", "-c", WHILE_A_THREAD_LOOKS]
    done = subprocess.run([*script, str(tmp_path / "1"), str(tmp_path / "2")], check=False)
    assert done.returncode == 0
    assert mv.Registry(tmp_path / "2").models() == ["b"]


def test_errors_cross_too(memory: mv.Registry) -> None:
    """What went wrong in a worker is told in the parent as it was."""
    with pytest.raises(mv.NotFound) as caught:
        memory.get(f"{MODEL}:1.0.0")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 (our own bytes)
    assert (type(again), str(again)) == (mv.NotFound, str(caught.value))
