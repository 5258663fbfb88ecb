"""Digests under stamps: nothing unchanged is hashed twice, and nothing changed is taken for unchanged."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.cache import stamps
from modelver.cache.stamps import Reading, Remembered, Stamp, StampCache
from modelver.errors import InvalidValue

pytestmark = pytest.mark.usefixtures("unmeasured")

Workers = Callable[[str, int, Path], list[str]]

SECOND = 10**9
NOW = 1_800_000_000 * SECOND + 123_456_789
SHA256 = hashlib.sha256(b"").hexdigest()

old_stamps = st.builds(
    Stamp,
    device=st.integers(0, 2**64 - 1),
    inode=st.integers(0, 2**128 - 1),
    size=st.integers(0, 2**63 - 1),
    mtime_ns=st.integers(-(2**80), NOW - 2 * SECOND),
    ctime_ns=st.integers(-(2**80), NOW - 2 * SECOND),
)
contents = st.builds(
    Remembered,
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    map=st.none() | st.binary(max_size=200),
)
OLD = Stamp(device=1, inode=2, size=3, mtime_ns=NOW - 60 * SECOND, ctime_ns=NOW - 60 * SECOND)


def read(cache: StampCache, file: Path) -> Stamp:
    """Read a file and remember its digest, as hashing does."""
    started = time.time_ns()
    stamp = Stamp.of(file.stat())
    cache.remember(stamp, hashlib.sha256(file.read_bytes()).hexdigest(), b"{}", read_started_ns=started)
    return stamp


def read_at_once(cache: StampCache, file: Path) -> Stamp:
    """Read a file as if that had begun 50 ms after its last change, however slow this machine is."""
    stamp = Stamp.of(file.stat())
    cache.remember(stamp, SHA256, b"{}", read_started_ns=stamp.ctime_ns + 50_000_000)
    return stamp


def wait_out_the_grain() -> None:
    """Let enough time pass for files to be old."""
    time.sleep(0.15)


@given(
    known=st.lists(st.tuples(old_stamps, contents), unique_by=lambda pair: (pair[0].device, pair[0].inode))
)
def test_what_was_remembered_is_found(
    tmp_path_factory: pytest.TempPathFactory, known: list[tuple[Stamp, Remembered]]
) -> None:
    """Each stamp, whatever numbers a file system uses, gives back its digest and its map's very bytes."""
    cache = StampCache(tmp_path_factory.mktemp("cache"))
    cache.remember_many(Reading(stamp, remembered, NOW) for stamp, remembered in known)
    assert cache.find_many(stamp for stamp, _ in known) == dict(known)
    assert all(cache.find(stamp) == remembered for stamp, remembered in known)


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_any_other_stamp_is_not_found(tmp_path: Path, field: str) -> None:
    """A stamp that differs in one field is another state of a file."""
    cache = StampCache(tmp_path)
    cache.remember(OLD, SHA256, None, read_started_ns=NOW)
    assert cache.find(OLD) == Remembered(SHA256)
    assert cache.find(attrs.evolve(OLD, **{field: getattr(OLD, field) + 1})) is None


@pytest.mark.parametrize("field", ["device", "inode", "size", "mtime_ns", "ctime_ns"])
def test_ignoring_ctime_ignores_only_ctime(tmp_path: Path, field: str) -> None:
    """A file that differs in its ctime alone is found, for a fast check to settle."""
    cache = StampCache(tmp_path)
    cache.remember(OLD, SHA256, b"map", read_started_ns=NOW)
    other = attrs.evolve(OLD, **{field: getattr(OLD, field) + 1})
    assert cache.find_ignoring_ctime(other) == (Remembered(SHA256, b"map") if field == "ctime_ns" else None)


def test_a_file_keeps_one_entry(tmp_path: Path) -> None:
    """A file's later state replaces the earlier one, which can't come back."""
    cache = StampCache(tmp_path)
    later = attrs.evolve(OLD, ctime_ns=OLD.ctime_ns + 1)
    cache.remember(OLD, SHA256, None, read_started_ns=NOW)
    cache.remember(later, "0" * 64, None, read_started_ns=NOW)
    assert cache.find_many([OLD, later]) == {later: Remembered("0" * 64)}


@pytest.mark.parametrize("field", ["mtime_ns", "ctime_ns"])
@pytest.mark.parametrize(
    ("time_ns", "young"),
    [
        (NOW - 99 * 10**6, True),
        (NOW - 101 * 10**6, False),
        (NOW + 3600 * SECOND, True),
        ((NOW // SECOND - 1) * SECOND, True),
        ((NOW // SECOND - 2) * SECOND, False),
    ],
)
def test_the_grain_of_the_clock_decides_who_is_young(field: str, time_ns: int, young: bool) -> None:
    """A tenth of a second is young, two seconds where a time has whole seconds only, and the future always is."""
    assert attrs.evolve(OLD, **{field: time_ns}).is_young(NOW) is young


def test_a_young_file_is_not_remembered(tmp_path: Path) -> None:
    """A file that was written just before it was read could be written again under the same stamp."""
    cache, file = StampCache(tmp_path / "cache"), tmp_path / "file"
    file.write_bytes(b"weights")
    assert cache.find(read_at_once(cache, file)) is None


def test_an_older_file_is_remembered(tmp_path: Path) -> None:
    """Once the clock's grain has passed, a file's digest is kept, and found by another object."""
    file = tmp_path / "file"
    file.write_bytes(b"weights")
    wait_out_the_grain()
    read(StampCache(tmp_path / "cache"), file)
    expected = Remembered(hashlib.sha256(b"weights").hexdigest(), b"{}")
    assert StampCache(tmp_path / "cache").find(Stamp.of(file.stat())) == expected


def test_a_file_whose_mtime_was_set_back_is_young_by_its_ctime(tmp_path: Path) -> None:
    """Unpacked and copied files bring old mtimes along, but were written just now."""
    cache, file = StampCache(tmp_path / "cache"), tmp_path / "file"
    file.write_bytes(b"weights")
    os.utime(file, (1, 1))
    assert cache.find(read_at_once(cache, file)) is None


def test_a_write_right_after_the_reading_is_never_missed(tmp_path: Path) -> None:
    """However fast a file is rewritten with as many other bytes, the earlier digest is not found for it."""
    cache, file = StampCache(tmp_path / "cache"), tmp_path / "file"
    for i in range(300):
        file.write_bytes(b"%08d" % i)
        read(cache, file)
        file.write_bytes(b"%08d" % (i + 1))
        found = cache.find(Stamp.of(file.stat()))
        assert found is None or found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_write_with_its_mtime_set_back_is_never_missed(tmp_path: Path) -> None:
    """A program that changes bytes and restores the mtime is betrayed by the ctime."""
    cache, file = StampCache(tmp_path / "cache"), tmp_path / "file"
    file.write_bytes(b"before")
    wait_out_the_grain()
    before = read(cache, file)
    file.write_bytes(b"after!")
    os.utime(file, ns=(before.mtime_ns, before.mtime_ns))
    after = Stamp.of(file.stat())
    assert cache.find(after) is None
    assert cache.find_ignoring_ctime(after) == cache.find(before)


def test_a_new_name_is_found_ignoring_ctime(tmp_path: Path) -> None:
    """A hard link changes the ctime and no byte."""
    cache, file = StampCache(tmp_path / "cache"), tmp_path / "file"
    file.write_bytes(b"weights")
    wait_out_the_grain()
    read(cache, file)
    (tmp_path / "other").hardlink_to(file)
    stamp = Stamp.of((tmp_path / "other").stat())
    assert cache.find(stamp) is None
    assert cache.find_ignoring_ctime(stamp) is not None


def test_forgotten_files_are_not_found(tmp_path: Path) -> None:
    """A file is forgotten whatever state it is in by now."""
    cache = StampCache(tmp_path)
    cache.remember(OLD, SHA256, None, read_started_ns=NOW)
    cache.forget([attrs.evolve(OLD, size=99)])
    assert cache.find(OLD) is None


def test_pruning_forgets_files(tmp_path: Path) -> None:
    """Pruned to nothing, nothing is found."""
    cache = StampCache(tmp_path)
    cache.remember(OLD, SHA256, None, read_started_ns=NOW)
    cache.prune()
    assert cache.find(OLD) is None


def test_a_huge_map_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of a file is kept without its map where that is too large."""
    monkeypatch.setattr(stamps, "MAX_MAP", 10)
    cache = StampCache(tmp_path)
    cache.remember(OLD, SHA256, bytes(11), read_started_ns=NOW)
    assert cache.find(OLD) == Remembered(SHA256, None)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "G" * 64, "A" * 64])
def test_what_is_no_digest_is_refused(tmp_path: Path, sha256: str) -> None:
    """A wrong digest is the caller's mistake, and nothing is kept."""
    cache = StampCache(tmp_path)
    with pytest.raises(InvalidValue):
        cache.remember(OLD, sha256, None, read_started_ns=NOW)
    assert cache.find(OLD) is None


def test_a_cache_that_is_not_private_is_not_trusted(tmp_path: Path) -> None:
    """Where others may write, a stamp proves nothing."""
    cache = StampCache(tmp_path)
    cache.remember(OLD, SHA256, None, read_started_ns=NOW)
    tmp_path.chmod(0o777)
    assert cache.find(OLD) is None
    assert cache.find_ignoring_ctime(OLD) is None


def test_processes_share_what_they_read(tmp_path: Path, workers: Workers) -> None:
    """What many processes remember at once, each of them and a later one finds."""
    script = f"""
import sys
from pathlib import Path
from modelver.cache.stamps import Stamp, StampCache
number, cache = int(sys.argv[1]), StampCache(Path(sys.argv[2]))
for i in range(60):
    stamp = Stamp(number, i, 1, 1, 1)
    cache.remember(stamp, "%064d" % i, b"map", read_started_ns={NOW})
    assert cache.find(stamp).sha256 == "%064d" % i
"""
    workers(script, 6, tmp_path)
    wanted = [Stamp(number, i, 1, 1, 1) for number in range(6) for i in range(60)]
    found = StampCache(tmp_path).find_many(wanted)
    assert found == {stamp: Remembered(f"{stamp.inode:064d}", b"map") for stamp in wanted}


def test_sqlite_is_loaded_when_it_is_needed() -> None:
    """Importing the cache doesn't pay for SQLite."""
    script = "import sys, modelver.cache.stamps; sys.exit('sqlite3' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
