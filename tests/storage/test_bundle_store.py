"""A bundle is read as a store; whatever is odd about the file is refused before anything is taken from it."""

import io
import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from modelver.storage import zipped
from modelver.storage.bundle import BundleStore
from modelver.storage.store import Entry, Store

KEYS = {
    "bundle.json": b"{}",
    "modelver.json": b"founding",
    "models/acme--fraud/log/00000000000000000001.json": b"one",
    "models/acme--fraud/log/00000000000000000002.json": b"two",
    "models/bot/log/00000000000000000001.json": b"bot",
    "blobs/sha256/ab/" + "ab" * 32: b"x" * 1000,
    "blobs/sha256/cd/" + "cd" * 32: b"",
}
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def archive(
    entries: dict[str, bytes] | list[tuple[str, bytes]] = KEYS,
    *,
    method: int = zipfile.ZIP_STORED,
    large: bool = False,
) -> bytes:
    """Return an archive."""
    pairs = list(entries.items()) if isinstance(entries, dict) else entries
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, data in pairs:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with made.open(info, "w", force_zip64=large) as entry:
                entry.write(data)
    return file.getvalue()


def opened(data: bytes, folder: Path) -> BundleStore:
    """Write a bundle and open it."""
    path = folder / "b.modelver"
    path.write_bytes(data)
    return BundleStore(path)


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    """Give an honest one."""
    return opened(archive(), tmp_path)


def put(data: bytes, at: int, new: bytes) -> bytes:
    """Return the bytes with some replaced."""
    return data[:at] + new + data[at + len(new) :]


def test_objects_are_read(store: BundleStore, tmp_path: Path) -> None:
    """Each object is there with its bytes, its size and its ranges."""
    for key, data in KEYS.items():
        assert store.get(key, limit=2000) == data
        assert store.size(key) == len(data)
    blob = next(key for key in KEYS if key.startswith("blobs/sha256/ab"))
    assert store.read_range(blob, 990, 100) == b"x" * 10
    assert store.read_range(blob, 1000, 1) == b""
    assert store.url == str(tmp_path / "b.modelver")
    assert store.local_path(blob) is None
    assert store.folder is None
    assert store.clock().tzinfo
    with pytest.raises(mv.LimitExceeded):
        store.get(blob, limit=999)
    for ask in (store.size, lambda key: store.get(key, limit=1), lambda key: store.read_range(key, 0, 1)):
        with pytest.raises(mv.NotFound):
            ask("nothing")
        with pytest.raises(mv.UnsafePath):
            ask("../nothing")


def test_objects_are_listed(store: BundleStore) -> None:
    """Listings are deep, in order, and begin after a key; folders are those right below."""
    assert list(store.list("")) == [Entry(key, len(KEYS[key])) for key in sorted(KEYS)]
    log = "models/acme--fraud/log"
    assert [entry.key for entry in store.list(log, after=f"{log}/{1:020d}.json")] == [f"{log}/{2:020d}.json"]
    assert [entry.key for entry in store.list("model")] == []
    assert list(store.folders("models")) == ["acme--fraud", "bot"]
    assert list(store.folders("")) == ["blobs", "models"]
    assert list(store.folders("nothing")) == []


def test_nothing_can_be_written(store: BundleStore) -> None:
    """Every verb that writes says what a bundle is."""
    store_: Store = store
    for write in (
        lambda: store_.put_new("a", b"x"),
        lambda: store_.put_blob("a", b"x"),
        lambda: store_.upload("a", 1),
        lambda: store_.copy_from(store_, "a"),
        lambda: store_.delete("a"),
    ):
        with pytest.raises(mv.UnsupportedStore, match="can't be written to"):
            write()
    assert not store.guarantees.exclusive_create


def test_threads_share_one(store: BundleStore) -> None:
    """Many threads read at once and get what they ask for."""
    wrong: list[str] = []

    def work() -> None:
        for _ in range(100):
            wrong.extend(key for key, data in KEYS.items() if store.get(key, limit=2000) != data)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("large", [False, True])
def test_large_archives_are_read(large: bool, tmp_path: Path) -> None:
    """More entries than a small archive can count, with 64-bit sizes or without."""
    entries = [(f"blobs/{number:06d}", b"%d" % number) for number in range(66_000)]
    store = opened(archive(entries, large=large), tmp_path)
    assert store.get("blobs/065999", limit=10) == b"65999"
    assert sum(1 for _ in store.list("blobs")) == 66_000


def test_what_follows_the_archive_is_ignored(tmp_path: Path) -> None:
    """A comment, or bytes that a copy program left at the end, do no harm."""
    store = opened(archive() + b"\0" * 1000, tmp_path)
    assert store.get("modelver.json", limit=10) == b"founding"


def end_of(data: bytes) -> int:
    """Return where the end record is."""
    return data.rindex(END)


def central(data: bytes, number: int = 0) -> int:
    """Return where an entry of the central directory is."""
    at = data.index(CENTRAL)
    for _ in range(number):
        at = data.index(CENTRAL, at + 1)
    return at


def field(data: bytes, at: int, kind: str, value: int) -> bytes:
    """Return the bytes with one little-endian number replaced."""
    return put(data, at, struct.pack(f"<{kind}", value))


def renamed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return an archive whose entry has another name of the same length, in both places."""
    assert len(old) == len(new)
    return data.replace(old, new)


def lied(data: bytes, size: int) -> bytes:
    """Return an archive whose first entry has another size, in both places."""
    for at in (central(data) + 20, central(data) + 24, 18, 22):
        data = field(data, at, "I", size)
    return data


HONEST = archive()
KEY = b"modelver.json"
HOSTILE: dict[str, tuple[bytes, type[mv.ModelverError]]] = {
    "empty": (b"", mv.InvalidValue),
    "not an archive": (b"hello " * 1000, mv.InvalidValue),
    "cut off": (HONEST[:-30], mv.InvalidValue),
    "cut off in front": (HONEST[50:], mv.IntegrityError),
    "bytes in front": (b"#!/bin/sh\n" + HONEST, mv.IntegrityError),
    "compressed": (archive(method=zipfile.ZIP_DEFLATED), mv.IntegrityError),
    "compressed, locally": (field(HONEST, 8, "H", 8), mv.IntegrityError),
    "encrypted": (field(HONEST, central(HONEST) + 8, "H", 1), mv.IntegrityError),
    "encrypted, locally": (field(HONEST, 6, "H", 1), mv.IntegrityError),
    "streamed": (field(HONEST, central(HONEST) + 8, "H", 8), mv.IntegrityError),
    "two of one name": (renamed(HONEST, b"fraud/log/00000000000000000002", b"fraud/log/00000000000000000001"), mv.IntegrityError),
    "parent folder": (renamed(HONEST, KEY, b"../../ver.txt"), mv.UnsafePath),
    "absolute": (renamed(HONEST, KEY, b"/etc/password"), mv.UnsafePath),
    "drive": (renamed(HONEST, KEY, b"c:/delver.jso"), mv.UnsafePath),
    "backslash": (renamed(HONEST, KEY, b"..\\elver.json"), mv.UnsafePath),
    "hidden": (renamed(HONEST, KEY, b".odelver.json"), mv.UnsafePath),
    "temporary": (renamed(HONEST, KEY, b"tmp/lver.json"), mv.UnsafePath),
    "upper case": (renamed(HONEST, KEY, b"Modelver.json"), mv.UnsafePath),
    "a folder": (renamed(HONEST, KEY, b"modelver.jso/"), mv.UnsafePath),
    "a zero byte": (renamed(HONEST, KEY, b"modelver\0json"), mv.UnsafePath),
    "not ASCII": (renamed(HONEST, KEY, b"modelver\xc3\xa9son"), mv.UnsafePath),
    "no name": (archive([("", b"x")]), mv.UnsafePath),
    "another name, locally": (put(HONEST, 30, b"bungle.json"), mv.IntegrityError),
    "too large, here and there": (lied(HONEST, 2**31), mv.IntegrityError),
    "into the next entry": (lied(HONEST, 10), mv.IntegrityError),
    "two sizes": (field(HONEST, central(HONEST) + 24, "I", 1), mv.IntegrityError),
    "two sizes, locally": (field(HONEST, 22, "I", 1), mv.IntegrityError),
    "overlapping": (field(HONEST, central(HONEST, 1) + 42, "I", 0), mv.IntegrityError),
    "no local header": (field(HONEST, central(HONEST) + 42, "I", 7), mv.IntegrityError),
    "beyond the end": (field(HONEST, central(HONEST) + 42, "I", 2**31), mv.IntegrityError),
    "in the directory": (field(HONEST, central(HONEST) + 42, "I", central(HONEST)), mv.IntegrityError),
    "another disk": (field(HONEST, central(HONEST) + 34, "H", 1), mv.IntegrityError),
    "many disks": (field(HONEST, end_of(HONEST) + 4, "H", 1), mv.IntegrityError),
    "fewer than listed": (field(field(HONEST, end_of(HONEST) + 8, "H", 6), end_of(HONEST) + 10, "H", 6), mv.IntegrityError),
    "more than listed": (field(field(HONEST, end_of(HONEST) + 8, "H", 8), end_of(HONEST) + 10, "H", 8), mv.IntegrityError),
    "directory elsewhere": (field(HONEST, end_of(HONEST) + 16, "I", 0), mv.IntegrityError),
    "directory too long": (field(HONEST, end_of(HONEST) + 12, "I", 2**31), mv.LimitExceeded),
    "a long name": (field(HONEST, central(HONEST) + 28, "H", 0xFFFF), mv.IntegrityError),
    "no large record": (field(HONEST, end_of(HONEST) + 10, "H", 0xFFFF), mv.IntegrityError),
    "large without sizes": (lied(HONEST, 0xFFFFFFFF), mv.IntegrityError),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(name: str, tmp_path: Path) -> None:
    """Each kind is refused with an error that names the file, and nothing is written beside it."""
    data, kind = HOSTILE[name]
    with pytest.raises(kind) as caught:
        opened(data, tmp_path)
    assert type(caught.value) is kind
    assert len(str(caught.value)) < 1000
    assert [path.name for path in tmp_path.iterdir()] == ["b.modelver"]


def with_large_records(data: bytes) -> bytes:
    """Return an archive with the records that one of more entries than a small archive can count has."""
    end = end_of(data)
    count, _, length, start = struct.unpack_from("<2H2I", data, end + 8)
    record = struct.pack("<IQ2H2I4Q", 0x06064B50, 44, 45, 45, 0, 0, count, count, length, start)
    locator = struct.pack("<2IQI", 0x07064B50, 0, end, 1)
    return data[:end] + record + locator + put(data[end:], 8, b"\xff" * 4)


LARGE = with_large_records(HONEST)


def test_the_records_of_large_archives_are_read_in_small_ones_too(tmp_path: Path) -> None:
    """So each change to them below is what is refused."""
    store = opened(LARGE, tmp_path)
    assert {entry.key: store.get(entry.key, limit=2000) for entry in store.list("")} == KEYS


def large(offset: Callable[[bytes], int], kind: str, value: int) -> Callable[[bytes], bytes]:
    """Return what changes one number of a large archive."""
    return lambda data: field(data, offset(data), kind, value)


@pytest.mark.parametrize(
    "change",
    [
        large(lambda data: data.rindex(b"PK\x06\x07"), "I", 0),
        large(lambda data: data.rindex(b"PK\x06\x07") + 8, "Q", 0),
        large(lambda data: data.rindex(b"PK\x06\x07") + 8, "Q", 2**63),
        large(lambda data: data.rindex(b"PK\x06\x07") + 16, "I", 3),
        large(lambda data: data.rindex(b"PK\x06\x06"), "I", 0),
        large(lambda data: data.rindex(b"PK\x06\x06") + 48, "Q", 2**63),
        large(lambda data: data.rindex(b"PK\x06\x06") + 32, "Q", 2),
    ],
)
def test_a_hostile_large_archive_is_refused(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """The records of archives with many entries are held against each other too."""
    with pytest.raises((mv.IntegrityError, mv.LimitExceeded)):
        opened(change(LARGE), tmp_path)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of entries is held against a limit before they are read."""
    monkeypatch.setattr(zipped, "MAX_ENTRIES", len(KEYS) - 1)
    with pytest.raises(mv.LimitExceeded, match="too many objects"):
        opened(HONEST, tmp_path)


def test_every_flipped_byte_of_the_lists_is_harmless(tmp_path: Path) -> None:
    """Whatever byte of an archive's lists is flipped, the file is refused, or every object is what it was."""
    wrong = []
    for at in range(central(HONEST), len(HONEST)):
        try:
            store = opened(put(HONEST, at, bytes([HONEST[at] ^ 0xFF])), tmp_path)
        except mv.ModelverError:
            continue
        found = {entry.key: store.get(entry.key, limit=2000) for entry in store.list("")}
        store.close()
        if found != KEYS:
            wrong.append(at)
    assert wrong == []


def test_a_file_that_shrinks_is_noticed(store: BundleStore, tmp_path: Path) -> None:
    """Bytes that are gone when they are read are an error, not fewer bytes."""
    with (tmp_path / "b.modelver").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(mv.IntegrityError, match="ends inside of an object"):
        store.get("models/bot/log/00000000000000000001.json", limit=10)


def test_what_is_no_file_is_no_bundle(tmp_path: Path) -> None:
    """A missing file is not found, and a folder is told as such."""
    with pytest.raises(mv.NotFound, match="no such bundle"):
        BundleStore(tmp_path / "nothing")
    with pytest.raises(mv.InvalidValue, match="expected a file"):
        BundleStore(tmp_path)
