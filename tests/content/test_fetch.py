"""Blobs into folders: verified, whole or absent, and never at the store's expense."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelver.cache.stamps import StampCache
from modelver.content.check import Checking
from modelver.content.fetch import Wanted, choose, own_folder, shared_folder
from modelver.errors import AlreadyExists, IntegrityError, InvalidValue, NotFound, StoreError
from modelver.storage.layout import blob_key
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from tests.registries import ordinary_account

FILES = {"a.bin": b"a" * 1000, "deep/er/b.bin": b"b" * 500}
DIGEST = Digest.of(b"the version")


def filled(store: Store) -> Wanted:
    """Put the files' blobs into a store; return what to bring out of it."""
    for data in FILES.values():
        store.put_blob(blob_key(Digest.of(data)), data)
    entries = tuple(FileEntry(path, len(data), Digest.of(data).hex) for path, data in FILES.items())
    return Wanted(store, DIGEST, entries)


def checking(stamps: StampCache) -> Checking:
    """Trust nothing."""
    return Checking("full", stamps, dict)


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@contextmanager
def umask(mode: int) -> Iterator[None]:
    """Run the block with another umask."""
    before = os.umask(mode)
    try:
        yield
    finally:
        os.umask(before)


def stores(tmp_path: Path) -> list[Store]:
    """Return one of each kind."""
    return [LocalStore(tmp_path / "registry"), MemoryStore(os.urandom(8).hex())]


@pytest.mark.parametrize("kind", [0, 1])
def test_a_shared_folder_is_read_only_and_made_once(
    kind: int, tmp_path: Path, stamps: StampCache, private_cache: Path
) -> None:
    """It holds the files and nothing else, and is the same for whoever asks again."""
    wanted = filled(stores(tmp_path)[kind])
    folder = shared_folder(wanted, private_cache, checking(stamps))
    assert content(folder) == FILES
    assert {path.stat().st_mode & 0o777 for path in (folder, folder / "deep", folder / "deep/er")} == {0o555}
    assert (folder / "a.bin").stat().st_mode & 0o222 == 0
    inode = folder.stat().st_ino
    assert shared_folder(wanted, private_cache, checking(stamps)) == folder
    assert folder.stat().st_ino == inode
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_damaged_folder_is_made_again(tmp_path: Path, stamps: StampCache, private_cache: Path) -> None:
    """Changed, missing and foreign files don't stay."""
    wanted = filled(LocalStore(tmp_path / "registry"))
    folder = shared_folder(wanted, private_cache, checking(stamps))
    for path in (folder, folder / "a.bin"):
        path.chmod(0o755)
    (folder / "a.bin").write_bytes(b"x" * 1000)
    (folder / "extra").touch()
    assert content(shared_folder(wanted, private_cache, checking(stamps))) == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("damage", ["flip", "truncate", "extend", "delete", "link", "pipe"])
@pytest.mark.parametrize("shared", [True, False])
def test_a_damaged_blob_never_gets_out(
    kind: int, damage: str, shared: bool, tmp_path: Path, stamps: StampCache, private_cache: Path
) -> None:
    """Whatever was done to a blob, no folder with it appears, and nothing is left behind."""
    store = stores(tmp_path)[kind]
    wanted = filled(store)
    data = FILES["a.bin"]
    key = blob_key(Digest.of(data))
    new = {"flip": b"x" + data[1:], "truncate": data[:-1], "extend": data + b"x"}.get(damage)
    if isinstance(store, LocalStore):
        path = store.local_path(key)
        path.unlink()
        if new is not None:
            path.write_bytes(new)
        elif damage == "link":
            (tmp_path / "elsewhere").write_bytes(data)
            path.symlink_to(tmp_path / "elsewhere")
        elif damage == "pipe":
            os.mkfifo(path)
    elif isinstance(store, MemoryStore):
        del store._objects[key]
        if new is not None:
            store._objects[key] = new
    missing = damage == "delete" or (kind == 1 and new is None)
    bring = (
        (lambda: shared_folder(wanted, private_cache, checking(stamps)))
        if shared
        else (lambda: own_folder(wanted, tmp_path / "mine"))
    )
    with pytest.raises(NotFound if missing else IntegrityError, match=key):
        bring()
    assert not (tmp_path / "mine").exists()
    assert content(private_cache / "versions") == {}
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".modelver")] == []


def test_a_copy_of_one_s_own_may_be_written_to(tmp_path: Path) -> None:
    """A new or an empty folder is filled; the parents are made."""
    wanted = filled(LocalStore(tmp_path / "registry"))
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "new" / "deep"):
        assert content(own_folder(wanted, target)) == FILES
        (target / "a.bin").write_text("mine")
        (target / "more").touch()
    assert not list(tmp_path.rglob(".modelver*"))


@pytest.mark.parametrize("kind", ["file", "full folder", "dangling link"])
def test_what_is_there_is_not_written_over(kind: str, tmp_path: Path) -> None:
    """A copy needs a place of its own: AlreadyExists, and all stays as it was."""
    wanted = filled(LocalStore(tmp_path / "registry"))
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("1")
    elif kind == "full folder":
        target.mkdir()
        (target / "mine").write_text("1")
    else:
        target.symlink_to("nothing")
    with pytest.raises(AlreadyExists, match="target"):
        own_folder(wanted, target)
    assert kind != "full folder" or content(target) == {"mine": b"1"}


def test_an_ordinary_account_shares_inodes_but_never_writable_ones() -> None:
    """The shared folder may link to blobs, which stay read-only; a copy of one's own shares nothing with the store."""
    with ordinary_account() as home, umask(0o077):
        store = LocalStore(home / "registry")
        wanted = filled(store)
        blob = store.local_path(blob_key(Digest.of(FILES["a.bin"])))
        mode = blob.stat().st_mode
        folder = shared_folder(wanted, home / "cache", Checking("full", StampCache(home / "cache"), dict))
        assert content(folder) == FILES
        assert blob.stat().st_mode == mode
        mine = own_folder(wanted, home / "mine")
        assert not (mine / "a.bin").samefile(blob)
        (mine / "a.bin").write_bytes(b"changed")
        assert blob.read_bytes() == FILES["a.bin"]
        assert blob.stat().st_mode == mode


def test_without_hard_links_files_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache on another disk gets copies."""
    with ordinary_account() as home:
        wanted = filled(LocalStore(home / "registry"))

        def refuse(*_: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        folder = shared_folder(wanted, home / "cache", Checking("full", StampCache(home / "cache"), dict))
        assert content(folder) == FILES
        assert {path.stat().st_nlink for path in folder.rglob("*.bin")} == {1}


def test_many_at_once_get_one_folder(tmp_path: Path, stamps: StampCache, private_cache: Path) -> None:
    """Eight threads that load a version for the first time all get the same whole folder."""
    wanted = filled(LocalStore(tmp_path / "registry"))
    barrier = threading.Barrier(8)

    def load(_: int) -> tuple[Path, int, dict[str, bytes]]:
        barrier.wait()
        folder = shared_folder(wanted, private_cache, checking(stamps))
        return folder, folder.stat().st_ino, content(folder)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(load, range(8)))
    assert found == [found[0]] * 8
    assert found[0][2] == FILES


def test_patterns_choose_files(tmp_path: Path) -> None:
    """Patterns match whole paths, with case; nothing chosen is a mistake."""
    entries = filled(MemoryStore("patterns")).entries
    assert [entry.path for entry in choose(entries, "*.bin")] == list(FILES)
    assert [entry.path for entry in choose(entries, ["a.*", "nothing"])] == ["a.bin"]
    assert [entry.path for entry in choose(entries, "deep/*")] == ["deep/er/b.bin"]
    assert choose(entries, None) == entries
    for nothing in ("*.BIN", [], "deep"):
        with pytest.raises(InvalidValue, match=r"a\.bin"):
            choose(entries, nothing)


def test_some_files_have_a_folder_of_their_own(
    tmp_path: Path, stamps: StampCache, private_cache: Path
) -> None:
    """Loading a part never puts it where all of the version belongs."""
    wanted = filled(LocalStore(tmp_path / "registry"))
    part = Wanted(wanted.store, DIGEST, wanted.entries[:1], ("a.bin",))
    folder = shared_folder(part, private_cache, checking(stamps))
    assert content(folder) == {"a.bin": FILES["a.bin"]}
    assert shared_folder(wanted, private_cache, checking(stamps)) != folder


def test_a_cache_that_can_t_be_written_is_a_store_error() -> None:
    """The message says where the files would have gone, and what else to choose."""
    with ordinary_account() as home:
        wanted = filled(LocalStore(home / "registry"))
        (home / "cache").mkdir(mode=0o500)
        stamps = StampCache(home / "cache")
        with pytest.raises(StoreError, match="cache"):
            shared_folder(wanted, home / "cache", Checking("full", stamps, dict))
        with pytest.raises(StoreError, match="to="):
            own_folder(wanted, home / "cache" / "mine")


def test_the_cache_is_made_for_one_user_alone(
    tmp_path: Path, stamps: StampCache, private_cache: Path
) -> None:
    """Whatever the umask, nobody else may enter."""
    with umask(0):
        shared_folder(filled(LocalStore(tmp_path / "registry")), private_cache / "new", checking(stamps))
    assert (private_cache / "new").stat().st_mode & 0o777 == 0o700
