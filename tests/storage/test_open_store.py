"""Addresses: which store they open, and what is said about those that open none."""

from pathlib import Path

import fsspec
import pytest

from modelver.errors import InvalidValue, StoreError, UnsupportedStore
from modelver.storage import open_store
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore


def test_a_path_opens_a_folder(tmp_path: Path) -> None:
    """As text or as a path object; nothing is made yet."""
    for address in (str(tmp_path / "registry"), tmp_path / "registry"):
        store = open_store(address)
        assert isinstance(store, LocalStore)
        assert store.url == str(tmp_path / "registry")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("start", ["file://", "file://localhost", "FILE://"])
def test_a_file_url_opens_a_folder(start: str, tmp_path: Path) -> None:
    """RFC 8089: an empty host or localhost, and percent-encoded characters."""
    assert open_store(f"{start}{tmp_path}/my%20models%C3%A9").url == f"{tmp_path}/my modelsé"


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell, also where no shell saw it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_store("~/models").url == str(tmp_path / "models")


def test_a_memory_url_opens_what_has_that_name() -> None:
    """Stores of one name share their objects, others don't."""
    store = open_store("memory://test-open-store/one")
    assert isinstance(store, MemoryStore)
    store.put_new("object", b"1")
    assert open_store("memory://test-open-store/one").get("object", limit=1) == b"1"
    assert list(open_store("memory://test-open-store/two").list("")) == []


@pytest.mark.parametrize("address", ["simplecache::s3://b", "hdfs://x", "dir::s3://b/c", "http://x/y"])
def test_what_can_not_create_exclusively_is_told_what_would_do(address: str) -> None:
    """The error names the kinds of store that a registry can be in."""
    with pytest.raises(UnsupportedStore, match="s3://") as caught:
        open_store(address)
    assert "only where there is none" in str(caught.value)


@pytest.mark.parametrize(
    "address", ["s3://key:secret@bucket/models", "gs://secret@bucket", "sftp://me:secret@host/models"]
)
def test_credentials_in_an_address_are_refused(address: str) -> None:
    """An address goes into messages and logs, so secrets have no place in it, and the error repeats none."""
    with pytest.raises(InvalidValue, match="storage_options") as caught:
        open_store(address)
    assert "secret" not in str(caught.value)


def test_a_bucket_is_needed() -> None:
    """A scheme alone is no place."""
    with pytest.raises(InvalidValue, match=r"bucket.*s3://name/folder"):
        open_store("s3://", storage_options={"anon": True})


def test_opening_a_bucket_asks_nothing_of_it() -> None:
    """An address is opened without a request; its store says what it promises."""
    store = open_store("s3://bucket/some/prefix/", storage_options={"endpoint_url": "http://127.0.0.1:9"})
    assert store.url == "s3://bucket/some/prefix"
    assert store.guarantees.exclusive_create


def test_a_filesystem_of_the_users_own_is_taken_for_its_settings(tmp_path: Path) -> None:
    """An fsspec filesystem and a path in it are a store; wrappers that drop a write's condition are refused."""
    s3 = fsspec.filesystem("s3", endpoint_url="http://127.0.0.1:9", key="k", secret="hidden")  # noqa: S106 (no secret)
    assert open_store("bucket/models", fs=s3).url == "s3://bucket/models"
    inside = fsspec.filesystem("dir", path="bucket/models", fs=s3)
    assert open_store("deeper", fs=inside).url == "s3://bucket/models/deeper"
    assert open_store(tmp_path, fs=fsspec.filesystem("file")).url == str(tmp_path)
    for refused in (
        fsspec.filesystem("memory"),
        fsspec.filesystem("simplecache", target_protocol="memory"),
    ):
        with pytest.raises(UnsupportedStore):
            open_store("models", fs=refused)
    with pytest.raises(InvalidValue, match="key"):
        open_store("bucket/models", fs=s3, storage_options={"key": "k"})


@pytest.mark.parametrize(
    "address", ["", "a\0b", "file://", "file://models", "file://server/models", "memory://"]
)
def test_malformed_addresses_are_refused(address: str) -> None:
    """An empty path, a NUL, a relative or foreign file URL, a store without a name."""
    with pytest.raises(InvalidValue):
        open_store(address)


@pytest.mark.parametrize("address", ["memory://options", "/nowhere/registry"])
def test_options_are_refused_where_they_mean_nothing(address: str) -> None:
    """Options that would be ignored are an error; an empty set of them is none."""
    open_store(address, storage_options={})
    with pytest.raises(InvalidValue, match="endpoint_url"):
        open_store(address, storage_options={"endpoint_url": "http://localhost", "key": "k"})


def test_a_path_with_colons_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colon alone makes no address."""
    monkeypatch.chdir(tmp_path)
    assert open_store("runs:2026").url == str(tmp_path / "runs:2026")


@pytest.mark.parametrize("address", ["s3:/bucket/models", Path("gs://bucket/models"), "FILE:/models"])
def test_a_url_that_lost_a_slash_is_refused(address: str | Path) -> None:
    """As a path it would be a new folder, into which a registry goes without a word."""
    with pytest.raises(InvalidValue, match="two slashes"):
        open_store(address)


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "localhost:9000"},
        {"profile": "nobody"},
        {"client_kwargs": {"no_such_argument": 1}},
        {"config_kwargs": {"no_such_argument": 1}},
    ],
)
def test_settings_that_a_client_refuses_are_told(options: dict[str, object]) -> None:
    """An endpoint without https://, for one: a message with the store's address, and no client's traceback."""
    with pytest.raises(StoreError, match=r"s3://bucket/models.*storage_options"):
        open_store("s3://bucket/models", storage_options=options).get("modelver.json", limit=1)


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("s3://bucket/models", {"endpoint": "http://127.0.0.1:9"}),
        ("gs://bucket/models", {"token": "anon", "endpoint": "http://127.0.0.1:9"}),
        ("az://container/models", {"account_name": "models", "account": "models"}),
    ],
)
def test_options_that_no_client_knows_are_refused(address: str, options: dict[str, object]) -> None:
    """Ignored, they would send the models to another place than the one that was meant."""
    with pytest.raises(InvalidValue, match="Did you mean"):
        open_store(address, storage_options=options)


def test_options_of_all_filesystems_are_taken() -> None:
    """A profile, and those that fsspec itself reads."""
    options = {"profile": "models", "use_listings_cache": True, "anon": True, "client_kwargs": {}}
    assert open_store("s3://bucket/models", storage_options=options).url == "s3://bucket/models"
