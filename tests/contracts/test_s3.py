"""Buckets keep the contract: those of a real distributed store, and those of a second, independent server."""

import pytest

from modelver.storage import open_store
from modelver.storage.store import Store
from tests.servers.moto import Moto
from tests.servers.seaweedfs import SeaweedFS

from .store import RemoteContract


class TestSeaweedFS(RemoteContract):
    """A bucket of SeaweedFS, which takes a second for a contended create."""

    contested = 4

    @pytest.fixture
    def store(self, seaweedfs: SeaweedFS) -> Store:
        """Give a store in a new bucket."""
        return self._opened(seaweedfs)

    def behind(self, store: Store) -> dict[str, bytes]:
        """Read the bucket by another client."""
        return self._server.behind(store.url)

    def _opened(self, server: SeaweedFS | Moto) -> Store:
        self._server = server
        url, options = server.fresh()
        type(self).options = options
        return open_store(url, storage_options=options)


class TestMoto(TestSeaweedFS):
    """A bucket of moto."""

    contested = 8

    @pytest.fixture
    def store(self, moto: Moto) -> Store:
        """Give a store in a new bucket."""
        return self._opened(moto)
