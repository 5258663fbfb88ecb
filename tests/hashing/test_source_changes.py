"""Files that don't hold still while they are read."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelver.errors import NotFound, SourceChanged
from modelver.hashing.algorithm import SMALL_FILE
from modelver.hashing.fingerprint import changed_ranges
from modelver.hashing.source import CLOCK_GRAIN
from modelver.hashing.stream import hash_bytes, hash_file

LONG_AGO = (10**18, 10**18)


def grow(path: Path) -> None:
    """Append."""
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    """Cut the end off."""
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    """Cut everything off."""
    os.truncate(path, 0)


def rewrite(path: Path) -> None:
    """Write other bytes in place, of the same size."""
    with path.open("r+b") as file:
        file.write(b"other")


def rewrite_and_restore_the_time(path: Path) -> None:
    """Write other bytes in place and put the modification time back."""
    before = path.stat()
    rewrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Rename a file with equal bytes and times over this one."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=LONG_AGO)
    other.replace(path)


def remove(path: Path) -> None:
    """Delete."""
    path.unlink()


CHANGES = [grow, shrink, empty, rewrite, rewrite_and_restore_the_time, replace, remove]


class Once:
    """A progress callable that makes a change to a file when it is called first."""

    def __init__(self, change: Callable[[Path], object], path: Path) -> None:
        self._change, self._path, self._read = change, path, 0

    def __call__(self, count: int) -> None:
        """Make the change."""
        if not self._read:
            self._change(self._path)
        self._read += count


def make(path: Path, size: int) -> Path:
    """Write a file that is old enough for any change to show in its times."""
    path.write_bytes(b"x" * size)
    os.utime(path, ns=LONG_AGO)
    time.sleep(CLOCK_GRAIN / 1e9)  # its ctime can't be set
    return path


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [10, 2 * SMALL_FILE])
def test_a_change_while_reading_is_noticed(
    tmp_path: Path, change: Callable[[Path], object], size: int
) -> None:
    """Growing, shrinking, writing in place, replacing and removing a file all end in SourceChanged, naming it."""
    path = make(tmp_path / "file", size)
    with pytest.raises(SourceChanged, match=f"changed while it was read: {path}"):
        hash_file(path, on_bytes=Once(change, path))


@pytest.mark.parametrize("change", [grow, shrink, rewrite, replace, remove])
def test_a_change_while_checking_is_noticed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    """A file that changes under a fast check is no damaged file but a changed source."""
    path = make(tmp_path / "file", 2 * SMALL_FILE)
    ranges = hash_file(path).ranges
    with pytest.raises(SourceChanged):
        changed_ranges(path, ranges, on_bytes=Once(change, path))


def test_a_change_right_after_writing_is_noticed(tmp_path: Path) -> None:
    """Even a file written an instant ago can't be rewritten unnoticed within one tick of the clock."""
    path = tmp_path / "file"
    for _ in range(20):
        path.write_bytes(b"first")
        with pytest.raises(SourceChanged):
            hash_file(path, on_bytes=Once(rewrite, path))


@pytest.mark.parametrize(
    "touch", [lambda path: path.chmod(0o600), lambda path: os.link(path, path.with_name("link"))]
)
def test_a_new_link_or_other_permissions_are_no_change(
    tmp_path: Path, touch: Callable[[Path], object]
) -> None:
    """Another process may link to a file or protect it meanwhile: its bytes are the same on a second reading."""
    path = make(tmp_path / "file", SMALL_FILE)
    expected = hash_bytes(path.read_bytes())
    assert hash_file(path, on_bytes=Once(touch, path)) == expected
    assert changed_ranges(path, expected.ranges, on_bytes=Once(lambda path: path.chmod(0o400), path)) == ()


def test_a_writer_in_another_thread_is_noticed(tmp_path: Path) -> None:
    """A reading during which another thread writes to the file ends in SourceChanged."""
    path = make(tmp_path / "file", SMALL_FILE)
    stop, writing = threading.Event(), threading.Event()

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            while not stop.is_set():
                file.seek(0)
                file.write(os.urandom(8))
                writing.set()

    def await_a_write(_: int) -> None:
        writing.clear()
        assert writing.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            with pytest.raises(SourceChanged):
                hash_file(path, on_bytes=await_a_write)
    finally:
        stop.set()
        writer.join()


def test_a_file_that_outgrows_the_reader_does_not_hold_it(tmp_path: Path) -> None:
    """A file that grows with every reading is given up as soon as it is longer than it was."""
    path = make(tmp_path / "file", 3 * SMALL_FILE)
    told = 0

    def grow_faster(count: int) -> None:
        nonlocal told
        told += count
        with path.open("ab") as file:
            file.truncate(path.stat().st_size + 2 * count)

    with pytest.raises(SourceChanged, match="found more"):
        hash_file(path, on_bytes=grow_faster)
    assert told <= 3 * SMALL_FILE


def test_a_file_that_vanishes_before_the_check_is_not_found(tmp_path: Path) -> None:
    """A missing file has no changed ranges: it is missing."""
    with pytest.raises(NotFound):
        changed_ranges(tmp_path / "missing", ())
