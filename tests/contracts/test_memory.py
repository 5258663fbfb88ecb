"""Memory stores keep the contract."""

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
