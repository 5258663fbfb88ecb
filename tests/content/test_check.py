"""Whether a folder holds what a manifest says: nothing less, nothing else."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import attrs
import pytest

from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.content.check import Checking, check_verify, is_whole, settle
from modelver.errors import InvalidValue
from modelver.hashing.stream import hash_file
from modelver.values.file import FileEntry
from modelver.values.filemap import FileMap
from tests.registries import write_tree

FILES = {"a.bin": b"a" * 1000, "deep/er/b.bin": b"b" * 500}
EVERY = ["stamp", "fast", "full"]


@attrs.frozen
class Folder:
    """A folder with its entries and maps."""

    path: Path
    entries: tuple[FileEntry, ...]
    maps: dict[str, FileMap]

    def is_whole(self, verify: str, stamps: StampCache, *, maps: bool = True) -> bool:
        """Check it."""
        found = self.maps if maps else {}
        return is_whole(self.path, self.entries, Checking(check_verify(verify), stamps, lambda: found))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Give a folder that is as it should be."""
    path = write_tree(tmp_path / "folder", dict(FILES))
    digests = {name: hash_file(path / name) for name in FILES}
    return Folder(
        path,
        tuple(FileEntry(name, found.size, found.sha256) for name, found in digests.items()),
        {name: FileMap(found.size, found.ranges) for name, found in digests.items()},
    )


@pytest.mark.parametrize("verify", EVERY)
@pytest.mark.parametrize("maps", [True, False])
def test_a_whole_folder_is_whole(verify: str, maps: bool, folder: Folder, stamps: StampCache) -> None:
    """However it is checked, with fingerprints or without, the first time and again."""
    for _ in range(3):
        assert folder.is_whole(verify, stamps, maps=maps)


def append(path: Path) -> None:
    """Add a byte."""
    with path.open("ab") as file:
        file.write(b"x")


def flip(path: Path) -> None:
    """Change a byte, and put the time back."""
    status = path.stat()
    path.write_bytes(b"x" + path.read_bytes()[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced_by_link(path: Path) -> None:
    """Move a file away and leave a link to it."""
    other = path.parents[1] / "elsewhere"
    path.rename(other)
    path.symlink_to(other)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flip": lambda folder: flip(folder / "a.bin"),
    "append": lambda folder: append(folder / "a.bin"),
    "truncate": lambda folder: os.truncate(folder / "a.bin", 10),
    "delete": lambda folder: (folder / "a.bin").unlink(),
    "link": lambda folder: replaced_by_link(folder / "a.bin"),
    "pipe": lambda folder: ((folder / "a.bin").unlink(), os.mkfifo(folder / "a.bin")),
    "extra file": lambda folder: (folder / "deep" / "extra").touch(),
    "extra folder": lambda folder: (folder / "deep" / "extra").mkdir(),
    "extra link": lambda folder: (folder / "extra").symlink_to("/etc"),
    "linked folder": lambda folder: (
        (folder / "deep").rename(folder.parent / "deep"),
        (folder / "deep").symlink_to(folder.parent / "deep"),
    ),
    "swapped": lambda folder: (
        (folder / "a.bin").rename(folder / "t"),
        (folder / "deep/er/b.bin").rename(folder / "a.bin"),
        (folder / "t").rename(folder / "deep/er/b.bin"),
    ),
    "gone": lambda folder: folder.rename(folder.with_name("gone")),
    "linked": lambda folder: (
        folder.rename(folder.with_name("moved")),
        folder.symlink_to(folder.with_name("moved")),
    ),
}


@pytest.mark.parametrize("verify", EVERY)
@pytest.mark.parametrize("damage", DAMAGES)
def test_any_damage_is_seen(verify: str, damage: str, folder: Folder, stamps: StampCache) -> None:
    """However it is checked, whatever was remembered of it: changed, missing and foreign things are seen."""
    time.sleep(0.12)
    assert folder.is_whole("full", stamps)
    assert folder.is_whole("stamp", stamps)
    DAMAGES[damage](folder.path)
    assert not folder.is_whole(verify, stamps)


def test_stamps_save_reading(folder: Folder, stamps: StampCache) -> None:
    """Once its times prove something, a file that is known is not read: none of its bytes are told."""
    time.sleep(0.12)
    told: list[int] = []
    checking = Checking("stamp", stamps, dict, told.append)
    assert is_whole(folder.path, folder.entries, checking)
    assert sum(told) == 1500
    assert is_whole(folder.path, folder.entries, checking)
    assert sum(told) == 1500


def test_a_stamp_of_other_bytes_does_not_vouch(folder: Folder, stamps: StampCache) -> None:
    """What is remembered must be the digest that the manifest names."""
    time.sleep(0.12)
    stamp = Stamp.of((folder.path / "a.bin").stat())
    stamps.remember_many([Reading(stamp, Remembered("ab" * 32), time.time_ns())])
    assert folder.is_whole("stamp", stamps)
    other = [attrs.evolve(folder.entries[0], sha256="ab" * 32), folder.entries[1]]
    assert not is_whole(folder.path, other, Checking("full", stamps, dict))


def test_a_new_ctime_alone_is_settled_by_fingerprints(folder: Folder, stamps: StampCache) -> None:
    """Other permissions change the ctime; the fingerprints tell that the bytes are the same, and are remembered."""
    time.sleep(0.12)
    assert folder.is_whole("full", stamps)
    (folder.path / "a.bin").chmod(0o600)
    time.sleep(0.12)
    assert folder.is_whole("stamp", stamps)
    told: list[int] = []
    assert is_whole(folder.path, folder.entries, Checking("stamp", stamps, dict, told.append))
    assert told == []


def test_a_map_of_another_size_is_not_used(folder: Folder, stamps: StampCache) -> None:
    """A map that speaks of another file can't vouch: the file is hashed."""
    wrong = attrs.evolve(folder, maps={name: FileMap(0, ()) for name in FILES})
    assert wrong.is_whole("fast", stamps)
    flip(folder.path / "a.bin")
    assert not wrong.is_whole("fast", stamps)


def test_written_files_are_remembered_once_their_times_prove_something(
    tmp_path: Path, stamps: StampCache
) -> None:
    """Large ones are waited for; for small ones hashing again is cheaper."""
    write_tree(tmp_path, {"small": b"1", "large": b"2" * (17 * 2**20)})
    for name, known in (("small", False), ("large", True)):
        stamp = Stamp.of((tmp_path / name).stat())
        settle([(stamp, FileEntry(name, stamp.size, "ab" * 32))], stamps)
        assert (stamps.find(stamp) is not None) is known


def test_other_ways_to_verify_are_refused() -> None:
    """Stamp, fast and full are all there are."""
    ways: tuple[Literal["stamp", "fast", "full"], ...] = ("stamp", "fast", "full")
    assert [check_verify(way) for way in ways] == list(ways)
    for other in ("", "none", "FULL", None):
        with pytest.raises(InvalidValue, match="stamp, fast or full"):
            check_verify(other)  # type: ignore[arg-type] # on purpose
