"""Memory stores keep the contract."""

import subprocess
import sys
from uuid import uuid4

import pytest

from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store

from .store import StoreContract


class TestMemoryStore(StoreContract):
    """Objects of this process."""

    processes = False

    @pytest.fixture
    def store(self) -> Store:
        """Give a store of a new name."""
        return MemoryStore(uuid4().hex)

    def behind(self, store: Store) -> dict[str, bytes]:
        """Look into the objects that all stores of the name share."""
        return dict(MemoryStore._shared[store.url.removeprefix("memory://")])


WHILE_A_THREAD_LISTS = """
import os, signal, sys, threading, time
from modelver.storage.memory import MemoryStore

store, done = MemoryStore("forked"), threading.Event()
for number in range(20_000):
    store.put_new(f"a/{number}", b"1")

def lists():
    while not done.is_set():
        store.list("a")

thread = threading.Thread(target=lists)
thread.start()
ended = []
for _ in range(20):
    time.sleep(0.003)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        store.put_new("b", b"1")
        os._exit(0)
    ended.append(os.waitpid(child, 0)[1])
done.set()
thread.join()
sys.exit(any(ended))
"""


def test_children_that_were_forked_while_a_thread_lists_have_a_store_of_their_own() -> None:
    """None of them waits for a lock whose holder is not there."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", WHILE_A_THREAD_LISTS], check=False)
    assert done.returncode == 0
