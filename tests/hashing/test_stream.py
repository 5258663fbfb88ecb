"""One pass over a source: its digest, its fingerprints, and what it refuses."""

import errno
import hashlib
import io
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.errors import InvalidValue, NotFound, SourceChanged, StoreError
from modelver.hashing.algorithm import BUFFER, SMALL_BUFFER, SMALL_FILE
from modelver.hashing.parallel import Cancelled
from modelver.hashing.stream import hash_bytes, hash_file, hash_stream
from modelver.values.filemap import MAX_RANGE, FileDigest, Range
from tests import resources
from tests.reference import hashing as reference

PATTERN = bytes(range(251)) * 4217


def content(size: int) -> bytes:
    """Return bytes that don't repeat in step with any buffer."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


class Dribble:
    """A source that gives a few bytes at a time."""

    def __init__(self, data: bytes, counts: Iterator[int]) -> None:
        self._file = io.BytesIO(data)
        self._counts = counts

    def readinto(self, buffer: memoryview, /) -> int:
        """Give the next few bytes."""
        return self._file.readinto(buffer[: next(self._counts)])


@st.composite
def data_and_lengths(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Draw bytes and a partition of them."""
    data = draw(st.binary(max_size=2000))
    cuts = draw(st.sets(st.integers(1, len(data) - 1))) if len(data) > 1 else set()
    points = [0, *sorted(cuts), len(data)]
    return data, [b - a for a, b in pairwise(points) if b > a]


@pytest.mark.parametrize(
    ("data", "sha256", "xxh3"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", []),
        (
            b"abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ["06b05ab6733a618578af5f94892f3950"],
        ),
    ],
)
def test_known_answers(tmp_path: Path, data: bytes, sha256: str, xxh3: list[str]) -> None:
    """The SHA-256 are those of FIPS 180-4's examples, the XXH3-128 that of the xxHash tool."""
    path = tmp_path / "file"
    path.write_bytes(data)
    digest = hash_file(path)
    assert digest.sha256 == sha256
    assert [each.xxh3 for each in digest.ranges] == xxh3
    assert digest == hash_bytes(data) == hash_stream(io.BytesIO(data))


@pytest.mark.parametrize("around", [SMALL_BUFFER, BUFFER, SMALL_FILE, SMALL_FILE + BUFFER])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_sizes_around_the_buffers(tmp_path: Path, around: int, off: int) -> None:
    """A file that just fills a buffer, or just doesn't, is hashed whole."""
    data = content(around + off)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert hash_file(path) == reference.digest(data)


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_sizes_around_a_range(tmp_path: Path, off: int) -> None:
    """A file that just fills a range of 64 MiB, or just doesn't, has the right ranges."""
    data = content(MAX_RANGE + off)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert hash_file(path) == reference.digest(data)


def test_equals_sha256sum(tmp_path: Path) -> None:
    """The digest is what `sha256sum` prints."""
    path = tmp_path / "file"
    path.write_bytes(content(3 * BUFFER))
    printed = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout
    assert hash_file(path).sha256 == printed.split()[0]


@given(data_and_lengths(), st.lists(st.integers(1, 700), min_size=1))
def test_any_ranges_and_any_reads(case: tuple[bytes, list[int]], counts: list[int]) -> None:
    """Fingerprints follow the ranges however the bytes arrive."""
    data, lengths = case

    def endless() -> Iterator[int]:
        while True:
            yield from counts

    expected = reference.digest(data, lengths)
    assert hash_stream(Dribble(data, endless()), lengths=lengths) == expected
    assert hash_bytes(data, lengths=lengths) == expected


@settings(max_examples=20)
@given(st.lists(st.integers(1, 3 * BUFFER), min_size=1, max_size=6))
def test_any_ranges_of_a_large_file(lengths: list[int]) -> None:
    """Ranges that straddle buffers have the fingerprint of their bytes."""
    data = content(sum(lengths))
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        assert hash_file(file.name, lengths=lengths) == reference.digest(data, lengths)


def test_many_files_at_once_share_the_cores(tmp_path: Path) -> None:
    """Files hashed in many threads at once, with steps apart or not, all have their right digest."""
    data = [content(SMALL_FILE + number * 1000) for number in range(6)]
    for number, each in enumerate(data):
        (tmp_path / str(number)).write_bytes(each)
    digests: dict[int, FileDigest] = {}

    def work(number: int) -> None:
        digests[number] = hash_file(tmp_path / str(number))

    workers = [threading.Thread(target=work, args=[number]) for number in range(len(data))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert digests == {number: reference.digest(each) for number, each in enumerate(data)}


def test_bytes_may_be_any_buffer() -> None:
    """A bytearray and a view of wider elements hash as their bytes."""
    data = content(64)
    assert hash_bytes(bytearray(data)) == hash_bytes(data) == hash_bytes(memoryview(data).cast("I"))


def test_progress_adds_up_to_the_size(tmp_path: Path) -> None:
    """Every byte is told once, in the caller's thread."""
    path = tmp_path / "file"
    path.write_bytes(content(SMALL_FILE + 5))
    told: list[tuple[int, int]] = []
    hash_file(path, on_bytes=lambda count: told.append((count, threading.get_ident())))
    assert sum(count for count, _ in told) == SMALL_FILE + 5
    assert {thread for _, thread in told} == {threading.get_ident()}


def test_an_error_in_progress_ends_the_pass(tmp_path: Path) -> None:
    """What `on_bytes` raises reaches the caller as it is, and no thread is left."""
    path = tmp_path / "file"
    path.write_bytes(content(2 * SMALL_FILE))

    def fail(count: int) -> None:
        raise BrokenPipeError(count)

    before = resources.threads()
    with pytest.raises(BrokenPipeError):
        hash_file(path, on_bytes=fail)
    assert resources.threads() <= before


@pytest.mark.parametrize("size", [1, 2 * SMALL_FILE])
def test_cancelling_ends_the_pass(tmp_path: Path, size: int) -> None:
    """A set event ends the work before more than a buffer is read, and no thread is left."""
    path = tmp_path / "file"
    path.write_bytes(content(size))
    cancelled = threading.Event()
    cancelled.set()
    told: list[int] = []
    before = resources.threads()
    with pytest.raises(Cancelled):
        hash_file(path, on_bytes=told.append, cancelled=cancelled)
    assert told == []
    assert resources.threads() <= before


def test_a_symbolic_link_counts_as_its_file(tmp_path: Path) -> None:
    """The link's target is hashed."""
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert hash_file(tmp_path / "link") == hash_bytes(b"abc")


def test_refuses_what_is_no_file(tmp_path: Path) -> None:
    """A folder, a named pipe, a socket and a device are refused at once, and named."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryDirectory() as short:
        listener.bind(f"{short}/socket")
        for path, kind in [
            (tmp_path, "a folder"),
            (tmp_path / "pipe", "a named pipe"),
            (Path(short) / "socket", "a socket"),
            (Path("/dev/zero"), "a device"),
        ]:
            with pytest.raises(InvalidValue, match=f"not a regular file: {path} .found {kind}"):
                hash_file(path)


@pytest.mark.parametrize("path", ["missing", "file/below"])
def test_a_missing_file_is_not_found(tmp_path: Path, path: str) -> None:
    """A missing file, or one below a file, is named."""
    (tmp_path / "file").write_bytes(b"abc")
    with pytest.raises(NotFound, match=path):
        hash_file(tmp_path / path)


def test_an_unreadable_file_is_an_error_of_the_environment(tmp_path: Path) -> None:
    """A file that the system refuses to open is named, with the system's reason."""
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(StoreError, match=f"can't be read: {loop} .found Too many levels"):
        hash_file(loop)


def test_a_failing_disk_is_an_error_of_the_environment() -> None:
    """A reading that fails half-way is a StoreError with the system's reason."""

    class Failing:
        def readinto(self, buffer: memoryview, /) -> int:
            raise OSError(errno.EIO, "Input/output error", len(buffer))

    with pytest.raises(StoreError, match=r"can't be read: bucket/key .found Input/output error"):
        hash_stream(Failing(), where="bucket/key")


def test_a_stream_without_bytes_to_give_yet_is_refused() -> None:
    """A non-blocking source is no end of file."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb", buffering=0) as source, os.fdopen(writer, "wb"), pytest.raises(InvalidValue):
        hash_stream(source)


@pytest.mark.parametrize("lengths", [[2], [4], []])
def test_ranges_must_cover_the_source(tmp_path: Path, lengths: list[int]) -> None:
    """Ranges made for another size mean that the file has changed since; bytes can't change."""
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with pytest.raises(SourceChanged):
        hash_file(path, lengths=lengths)
    with pytest.raises(SourceChanged, match="stream"):
        hash_stream(io.BytesIO(b"abc"), lengths=lengths)
    with pytest.raises(InvalidValue):
        hash_bytes(b"abc", lengths=lengths)


def test_ranges_must_have_bytes() -> None:
    """An empty range is invalid."""
    with pytest.raises(InvalidValue):
        hash_bytes(b"abc", lengths=[3, 0])


def test_digests_of_ranges_are_of_their_bytes() -> None:
    """Each range has the place and the fingerprint of its own bytes."""
    digest = hash_bytes(b"abcdef", lengths=[3, 3])
    assert digest.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    assert digest.ranges[0] == Range(0, 3, "06b05ab6733a618578af5f94892f3950")
    assert digest.ranges[1].offset == 3
    assert digest.ranges[1].xxh3 == hash_bytes(b"def").ranges[0].xxh3
