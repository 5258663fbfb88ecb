"""The copy that is written from the very bytes that are hashed."""

import os
import subprocess
import threading
from pathlib import Path

import pytest

from modelver.errors import SourceChanged, StoreError
from modelver.hashing.algorithm import SMALL_FILE
from modelver.hashing.stream import WRITE_BACK, hash_file
from tests import resources
from tests.reference import hashing as reference


@pytest.mark.parametrize("size", [0, 1, SMALL_FILE - 1, 2 * SMALL_FILE + 3, 3 * WRITE_BACK])
def test_the_copy_equals_the_source(tmp_path: Path, size: int) -> None:
    """A copy has the bytes of its source, and the digest is that of both."""
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    with (tmp_path / "copy").open("wb") as copy:
        digest = hash_file(tmp_path / "source", sink=copy.fileno())
    assert (tmp_path / "copy").read_bytes() == data
    assert digest == reference.digest(data)


def test_a_pipe_gets_the_copy_too(tmp_path: Path) -> None:
    """A sink that takes a part at a time, and has no disk behind it, gets every byte."""
    data = os.urandom(2 * SMALL_FILE)
    (tmp_path / "source").write_bytes(data)
    reader, writer = os.pipe()
    received = bytearray()

    def receive() -> None:
        with os.fdopen(reader, "rb") as pipe:
            received.extend(pipe.read())

    thread = threading.Thread(target=receive)
    thread.start()
    with os.fdopen(writer, "wb") as sink:
        hash_file(tmp_path / "source", sink=sink.fileno())
    thread.join()
    assert received == data


@pytest.mark.parametrize("size", [SMALL_FILE // 2, 3 * SMALL_FILE])
def test_a_full_disk_is_an_error_of_the_environment(tmp_path: Path, size: int) -> None:
    """Where the copy finds no space, the message says so and what to do, and no thread is left."""
    (tmp_path / "source").write_bytes(bytes(size))
    before = resources.threads()
    with (
        Path("/dev/full").open("wb") as full,
        pytest.raises(StoreError, match=r"No space left.*Free some space"),
    ):
        hash_file(tmp_path / "source", sink=full.fileno())
    assert resources.threads() <= before


def test_a_disk_that_fills_up_half_way_is_an_error_of_the_environment(tmp_path: Path) -> None:
    """A file system with room for some of the copy ends the pass with the same message."""
    (tmp_path / "source").write_bytes(bytes(3 * SMALL_FILE))
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_FILE}", "tmpfs", folder], check=True)
    try:
        with (folder / "copy").open("wb") as copy, pytest.raises(StoreError, match="No space left"):
            hash_file(tmp_path / "source", sink=copy.fileno())
        assert (folder / "copy").stat().st_size > 0
    finally:
        subprocess.run(["umount", folder], check=True)


def test_another_failure_names_the_disk(tmp_path: Path) -> None:
    """A sink that can't be written to is named as the registry's disk."""
    (tmp_path / "source").write_bytes(b"abc")
    with (tmp_path / "source").open("rb") as closed, pytest.raises(StoreError, match="Check the disk"):
        hash_file(tmp_path / "source", sink=closed.fileno())


def test_a_changed_source_wins_over_its_copy(tmp_path: Path) -> None:
    """A source that was written to while it was copied is refused, though the copy could be written."""
    source = tmp_path / "source"
    source.write_bytes(bytes(2 * SMALL_FILE))
    with (tmp_path / "copy").open("wb") as copy, pytest.raises(SourceChanged):
        hash_file(source, sink=copy.fileno(), on_bytes=lambda _: os.utime(source, ns=(0, 0)))
