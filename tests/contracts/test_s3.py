"""Buckets keep the contract: those of a real distributed store, and those of a second, independent server."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelver.errors import StoreError
from modelver.storage import open_store
from modelver.storage.remote import loop
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Store
from tests.servers.moto import Moto
from tests.servers.s3 import KEY, SECRET
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


@pytest.mark.parametrize("server", ["seaweedfs", "moto"])
def test_an_answer_of_long_ago_is_no_clock(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that had nothing to ask for hours may write then: the bucket is asked for the time."""
    running: SeaweedFS | Moto = request.getfixturevalue(server)
    url, options = running.fresh()
    store = open_store(url, storage_options=options)
    assert isinstance(store, RemoteStore)
    bucket: Any = store.connected()
    bucket._note_date(SimpleNamespace(headers={"date": "Thu, 01 Jan 2026 00:00:00 GMT"}))
    late = SimpleNamespace(monotonic=lambda: time.monotonic() + 7200, time=lambda: time.time() + 7200)
    monkeypatch.setattr(loop, "time", late)
    assert abs(store.clock() - datetime.now(UTC)) < timedelta(minutes=5)


def test_keys_that_were_replaced_in_their_file_are_read_again(
    seaweedfs: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who follows for months outlives the keys that it began with."""
    url, options = seaweedfs.fresh()
    file = tmp_path / "credentials"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))

    def write(secret: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {secret}\n")

    write(SECRET)
    store = open_store(url, storage_options={"endpoint_url": options["endpoint_url"]})
    store.put_new("before", b"1")
    write("another")
    outdated = open_store(url, storage_options={"endpoint_url": options["endpoint_url"]})
    with pytest.raises(StoreError):
        outdated.get("before", limit=1)
    write(SECRET)
    assert outdated.get("before", limit=1) == b"1"
