"""Blobs of remote stores on this machine: fetched once, verified each time, and nothing of others trusted."""

import os
import threading
from pathlib import Path

import pytest

from modelver.cache.stamps import StampCache
from modelver.content.bring import bringer
from modelver.content.keeping.cleaning import Wish
from modelver.content.receive import Receiver
from modelver.errors import IntegrityError, NotFound, StoreError
from modelver.storage.layout import blob_key
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from tests.content.afar import AfarStore, Machine, content

DATA = b"weights" * 1000
DIGEST = Digest.of(DATA)


@pytest.fixture
def machine(tmp_path: Path, private_cache: Path) -> Machine:
    """Give a machine, and a store with one blob."""
    found = Machine(AfarStore(tmp_path / "store"), private_cache)
    found.store.put_blob(blob_key(DIGEST), DATA)
    return found


def get(machine: Machine) -> Path:
    """Ask for the blob."""
    with Receiver(machine.store) as receiver:
        return machine.blobs.get(DIGEST, len(DATA), receiver, threading.Event())


def fetched(machine: Machine) -> int:
    """Return how often the blob was asked of the store."""
    return machine.store.reads()[blob_key(DIGEST)]


def test_a_blob_is_fetched_once(machine: Machine) -> None:
    """It is read-only, under its own name, and nothing else is left."""
    path = get(machine)
    assert get(machine) == path
    assert (path.read_bytes(), fetched(machine)) == (DATA, 1)
    assert path.stat().st_mode & 0o777 == 0o444
    assert [each for each in (machine.cache / "blobs").rglob("*") if each.is_file()] == [path]


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "empty", "link", "pipe", "folder"])
def test_a_damaged_blob_is_fetched_again(damage: str, machine: Machine, tmp_path: Path) -> None:
    """Whatever is in its place; what a link leads to stays as it is."""
    path = get(machine)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(DATA)
    path.unlink()
    if damage == "link":
        path.symlink_to(elsewhere)
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "folder":
        path.mkdir()
    else:
        path.write_bytes({"flip": b"W" + DATA[1:], "cut": DATA[:-1], "longer": DATA + b"x"}.get(damage, b""))
    if damage == "folder":
        with pytest.raises(StoreError, match="can't be kept"):
            get(machine)
        return
    assert get(machine).read_bytes() == DATA
    assert not path.is_symlink()
    assert fetched(machine) == 2
    assert elsewhere.read_bytes() == DATA


def test_a_download_goes_on_where_it_was_broken_off(machine: Machine) -> None:
    """The bytes that are here are hashed, and not asked for again."""
    partial = machine.cache / "blobs" / "partial" / DIGEST.hex
    partial.parent.mkdir(parents=True)
    partial.write_bytes(DATA[:100])
    assert get(machine).read_bytes() == DATA
    partial.write_bytes(b"other bytes")
    machine.blobs.path(DIGEST).unlink()
    assert get(machine).read_bytes() == DATA


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_nothing_is_written_through_a_foreign_download(kind: str, machine: Machine, tmp_path: Path) -> None:
    """A link, a pipe or another file's second name where a download would go on."""
    dear = tmp_path / "dear"
    dear.write_bytes(b"dear")
    partial = machine.cache / "blobs" / "partial" / DIGEST.hex
    partial.parent.mkdir(parents=True)
    if kind == "link":
        partial.symlink_to(dear)
    elif kind == "hard link":
        partial.hardlink_to(dear)
    else:
        os.mkfifo(partial)
    assert get(machine).read_bytes() == DATA
    assert dear.read_bytes() == b"dear"


def test_a_receiver_follows_no_link(machine: Machine, tmp_path: Path) -> None:
    """Wherever it is told to write."""
    (tmp_path / "dear").write_bytes(b"dear")
    (tmp_path / "target").symlink_to(tmp_path / "dear")
    with Receiver(machine.store) as receiver, pytest.raises(StoreError, match="can't be written"):
        receiver.receive(DIGEST, len(DATA), tmp_path / "target", threading.Event())
    assert (tmp_path / "dear").read_bytes() == b"dear"


def test_a_damaged_store_fills_no_cache(machine: Machine) -> None:
    """Bytes that are not what their name promises are not kept."""
    path = machine.store._store.local_path(blob_key(DIGEST))
    path.unlink()
    path.write_bytes(b"W" + DATA[1:])
    with pytest.raises(IntegrityError):
        get(machine)
    path.unlink()
    with pytest.raises(NotFound):
        get(machine)
    assert not machine.blobs.has(DIGEST)


def test_a_blob_that_was_kept_writable_becomes_read_only(machine: Machine) -> None:
    """What was read whole, such as a prompt, may be a version's file later."""
    path = machine.blobs.path(DIGEST)
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    folder = machine.load(DATA)
    assert fetched(machine) == 0
    assert (folder / "0.bin").samefile(path)
    assert (folder / "0.bin").stat().st_mode & 0o222 == 0


def test_in_a_folder_that_others_may_write_to_nothing_is_kept(machine: Machine) -> None:
    """Neither are blobs that are there used, nor do a version's files share anything with them."""
    path = get(machine)
    machine.cache.chmod(0o777)
    assert not machine.blobs.has(DIGEST)
    folder = machine.load(DATA)
    assert content(folder) == [DATA]
    assert not (folder / "0.bin").samefile(path)
    assert fetched(machine) == 2
    assert not list(machine.cache.glob("*.sqlite3"))
    machine.load(DATA)
    assert machine.read == len(DATA)


def test_a_manifest_is_kept_if_it_is_one(machine: Machine) -> None:
    """Other bytes are not, nor anything in a folder that others may write to."""
    machine.blobs.keep(DIGEST, lambda: b"other")
    assert not machine.blobs.has(DIGEST)
    machine.cache.chmod(0o777)
    machine.blobs.keep(DIGEST, lambda: DATA)
    machine.cache.chmod(0o700)
    assert not machine.blobs.has(DIGEST)
    machine.blobs.keep(DIGEST, lambda: DATA)
    assert get(machine).read_bytes() == DATA
    assert fetched(machine) == 0


def test_a_blob_that_goes_before_it_is_shared_is_fetched_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cleaner may come between the two."""
    real, times = machine.blobs.get, []

    def get_and_lose(*arguments: object) -> Path:
        times.append(1)
        path: Path = real(*arguments)  # type: ignore[arg-type] # as given
        if len(times) == 1:
            machine.keeper.prune(Wish(everything=True))
        return path

    monkeypatch.setattr(machine.blobs, "get", get_and_lose)
    with bringer(machine.store, machine.blobs, None) as bring:
        entry = FileEntry("model.bin", len(DATA), DIGEST.hex)
        bring(entry, tmp_path / "model.bin", threading.Event(), shared=True)
    assert (tmp_path / "model.bin").read_bytes() == DATA
    assert len(times) == 2


def test_somebody_else_s_link_is_not_a_part_of_the_cache(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the cache may be a link only if this user made it."""
    (tmp_path / "elsewhere").mkdir()
    (machine.cache / "versions").symlink_to(tmp_path / "elsewhere")
    machine.load(DATA)
    user = os.geteuid()
    monkeypatch.setattr("os.geteuid", lambda: user + 1)
    with pytest.raises(StoreError, match="somebody else's link"):
        machine.load(DATA, b"more")


def test_missing_parents_are_private_too(tmp_path: Path) -> None:
    """Whatever the umask, nobody else may write to a folder of the cache."""
    cache = tmp_path / "new" / "cache"
    umask = os.umask(0)
    try:
        machine = Machine(AfarStore(tmp_path / "store"), cache)
        machine.stamps = StampCache(cache)
        machine.load(DATA)
    finally:
        os.umask(umask)
    folders = [tmp_path / "new", *(path for path in (tmp_path / "new").rglob("*") if path.is_dir())]
    assert {path for path in folders if path.stat().st_mode & 0o022} == set()
