"""Sources elsewhere: listed once, fetched whole, and never quoted with their secrets."""

from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from modelver.errors import NotFound, SourceChanged, StoreError
from modelver.storage.remote_source import RemoteFile, is_url, list_remote


class ForgetfulFileSystem(MemoryFileSystem):
    """A store that says more bytes than it gives, fails in words of its own, and knows versions."""

    protocol = "forgetful"
    store = MemoryFileSystem.store
    secret = "https://key:secret@host/bucket?signature=abc"  # noqa: S105 (to be hidden)

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path.replace("forgetful://", "memory://"))
        return stripped

    def info(self, path: str, **kwargs: object) -> dict[str, object]:
        """Add what a bucket says."""
        if path.endswith("broken"):
            raise RuntimeError(f"403 for {self.secret}")
        told: dict[str, object] = super().info(path, **kwargs)
        return {**told, "size": 9, "version_id": "v7", "ETag": '"e"'}

    def open(self, path: str, mode: str = "rb", **kwargs: object) -> MemoryFile:
        """Fail for some."""
        if path.endswith("unreadable"):
            raise RuntimeError(f"500 for {self.secret}")
        return super().open(path, mode, **kwargs)


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Make the store known to fsspec."""
    fsspec.register_implementation("forgetful", ForgetfulFileSystem, clobber=True)


def only(url: str) -> RemoteFile:
    """Return the one file at an address."""
    ((_, file),) = list_remote(url, {})
    return file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket/key", True),
        ("simplecache::s3://bucket/key", True),
        ("memory://x", True),
        ("file:///x", True),
        ("/path", False),
        ("relative/path", False),
        ("C:\\folder", False),
        ("C:/folder", False),
        ("a:b", False),
        ("://", False),
    ],
)
def test_addresses_are_told_from_paths(text: str, expected: bool) -> None:
    """A scheme of two letters or more with `://` or `::` is an address; a drive is not."""
    assert is_url(text) is expected


def test_a_file_is_fetched_whole(tmp_path: Path) -> None:
    """The bytes arrive, and the address tells name and size."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/model.bin", b"123456789")
    file = only(f"memory:/{tmp_path}/model.bin")
    assert (file.name, file.size, file.mark) == ("model.bin", 9, "")
    file.download(tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"123456789"


def test_a_fetched_file_replaces_nothing(tmp_path: Path) -> None:
    """What is there already is not written over."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/a", b"1")
    (tmp_path / "here").write_text("mine")
    with pytest.raises(StoreError):
        only(f"memory:/{tmp_path}/a").download(tmp_path / "here")
    assert (tmp_path / "here").read_text() == "mine"


def test_a_file_of_another_size_than_was_listed_has_changed(tmp_path: Path) -> None:
    """Fewer bytes than the store said are SourceChanged, not a shorter model."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/model.bin", b"123")
    with pytest.raises(SourceChanged, match="9 bytes"):
        only(f"forgetful:/{tmp_path}/model.bin").download(tmp_path / "here")


def test_the_store_s_own_mark_is_taken(tmp_path: Path) -> None:
    """A version id says more than an ETag; quotes are no part of it."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/a", b"1")
    assert only(f"forgetful:/{tmp_path}/a").mark == "v7"


@pytest.mark.parametrize("name", ["broken", "unreadable"])
def test_failures_are_ours_and_keep_secrets(name: str, tmp_path: Path) -> None:
    """Whatever a client raises becomes a StoreError without the address's credentials and signature."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/{name}", b"123456789")
    with pytest.raises(StoreError) as caught:
        only(f"forgetful:/{tmp_path}/{name}").download(tmp_path / "here")
    assert "secret" not in str(caught.value)
    assert "signature" not in str(caught.value)
    assert "host/bucket" in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense-protocol://x", "memory://", "memory://nothing/there"])
def test_what_can_t_be_listed_is_told(url: str) -> None:
    """An unknown protocol is a StoreError; nothing at an address is NotFound."""
    fsspec.filesystem("memory").store.clear()
    with pytest.raises((StoreError, NotFound)):
        list(list_remote(url, {}))


def test_a_missing_package_is_named() -> None:
    """An address whose package is not installed says what to install."""
    with pytest.raises(StoreError, match=r"(?i)install"):
        list(list_remote("dropbox://folder", {}))
