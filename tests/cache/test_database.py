"""Remembered values survive what machines do, and never fail a caller."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.cache import database
from modelver.cache.database import Database

pytestmark = pytest.mark.usefixtures("unmeasured")

Workers = Callable[[str, int, Path], list[str]]


def make(folder: Path, *, rows: int = 10_000, size: int = 2**30) -> Database:
    """Return a database that is large enough for a test."""
    return Database(folder, "test", rows=rows, size=size)


def begun_anew(folder: Path) -> bool:
    """Say whether a damaged file was set aside and a new one is in use."""
    return (folder / "test.corrupt").exists() and make(folder).get([b"new"]) == {b"new": b"value"}


def test_values_persist(tmp_path: Path) -> None:
    """Another object, as another process would make it, finds what was put."""
    make(tmp_path).put({b"a": b"1", b"b": b""})
    assert make(tmp_path).get([b"a", b"b", b"c"]) == {b"a": b"1", b"b": b""}


_keys = st.binary(max_size=3)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.dictionaries(_keys, st.binary(max_size=50), max_size=5)),
        st.tuples(st.just("delete"), st.lists(_keys, max_size=3)),
    ),
    max_size=8,
)


@given(steps=_steps)
def test_it_behaves_like_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    """After any puts and deletions it holds what a dictionary would."""
    remembered, model = make(tmp_path_factory.mktemp("cache")), dict[bytes, bytes]()
    for verb, argument in steps:
        if isinstance(argument, dict):
            remembered.put(argument)
            model.update(argument)
        elif isinstance(argument, list):
            remembered.delete(argument)
            model = {key: value for key, value in model.items() if key not in argument}
        everything = [argument for step in steps for argument in step[1]]  # type: ignore[attr-defined]
        assert remembered.get(everything) == model, verb


def test_thousands_of_values_come_back_at_once(tmp_path: Path) -> None:
    """A question may be longer than SQLite's limit of variables."""
    values = {str(i).encode(): b"v%d" % i for i in range(2_500)}
    make(tmp_path).put(values)
    assert make(tmp_path).get(values) == values


def test_nothing_is_touched_before_something_is_put(tmp_path: Path) -> None:
    """Asking, deleting and pruning make neither a folder nor a file."""
    remembered = make(tmp_path / "cache")
    assert remembered.get([b"a"]) == {}
    remembered.delete([b"a"])
    remembered.prune(0)
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_for_this_user_alone(tmp_path: Path) -> None:
    """The folder that is made on the way lets nobody else in."""
    make(tmp_path / "cache").put({b"a": b"1"})
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "damage", [b"", b"not a database at all " * 100, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_file_that_is_no_database_is_begun_anew(tmp_path: Path, damage: bytes) -> None:
    """Garbage is renamed away at the first use, and the next value is kept again."""
    (tmp_path / "test.sqlite3").write_bytes(damage)
    assert make(tmp_path).get([b"new"]) == {}
    make(tmp_path).put({b"new": b"value"})
    assert make(tmp_path).get([b"new"]) == {b"new": b"value"}
    assert not damage or (tmp_path / "test.corrupt").read_bytes() == damage


def test_a_truncated_file_is_begun_anew(tmp_path: Path) -> None:
    """A file that lost its end, as after a full disk, is renamed away."""
    make(tmp_path).put({b"%d" % i: bytes(500) for i in range(200)})
    os.truncate(tmp_path / "test.sqlite3", 20_000)
    make(tmp_path).put({b"new": b"value"})
    assert begun_anew(tmp_path)


def test_a_table_of_another_shape_is_begun_anew(tmp_path: Path) -> None:
    """A database that something else made is renamed away, with its journal."""
    with sqlite3.connect(tmp_path / "test.sqlite3") as connection:
        connection.execute("CREATE TABLE remembered (other TEXT)")
    connection.close()
    (tmp_path / "test.sqlite3-journal").write_bytes(b"")
    make(tmp_path).put({b"new": b"value"})
    assert begun_anew(tmp_path)


def test_no_flipped_bit_changes_a_value(tmp_path: Path) -> None:
    """Whichever byte of the file is damaged, a value is found as it was, or not at all, and putting works again."""
    values = {b"%d" % i: b"value %d" % i * 20 for i in range(50)}
    make(tmp_path).put(values)
    file = tmp_path / "test.sqlite3"
    intact = file.read_bytes()
    for position in [*range(120), *range(120, len(intact), 37)]:
        damaged = bytearray(intact)
        damaged[position] ^= 1 << position % 8
        file.write_bytes(damaged)
        found = make(tmp_path).get(values)
        assert found.items() <= values.items()
        make(tmp_path).put({b"new": b"value"})
        assert make(tmp_path).get([b"new"]) == {b"new": b"value"}


def test_a_locked_file_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a wait in vain the file is left alone for a while, then used again."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    remembered = make(tmp_path)
    remembered.put({b"a": b"1"})
    holder = sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert remembered.get([b"a"]) == {}
    holder.close()
    assert remembered.get([b"a"]) == {}
    assert make(tmp_path).get([b"a"]) == {b"a": b"1"}
    # Not of the module of time itself, by which other threads go.
    later = SimpleNamespace(monotonic=lambda: float("inf"), time=time.time)
    monkeypatch.setattr(database, "time", later)
    assert remembered.get([b"a"]) == {b"a": b"1"}


def test_a_read_only_folder_is_read(ordinary_folder: Path) -> None:
    """Where nothing can be written, what is there is found, and what is put is lost without an error."""
    remembered = make(ordinary_folder)
    remembered.put({b"a": b"1"})
    (ordinary_folder / "test.sqlite3").chmod(0o400)
    ordinary_folder.chmod(0o500)
    remembered.put({b"b": b"2"})
    remembered.delete([b"a"])
    assert remembered.change(b"a", lambda _: b"3") is None
    assert remembered.get([b"a", b"b"]) == {b"a": b"1"}
    ordinary_folder.chmod(0o700)


def test_a_folder_that_cannot_be_entered_gives_nothing(ordinary_folder: Path) -> None:
    """A folder without permissions is as good as no cache."""
    remembered = make(ordinary_folder / "cache")
    remembered.put({b"a": b"1"})
    (ordinary_folder / "cache").chmod(0o000)
    assert remembered.get([b"a"]) == {}
    remembered.put({b"a": b"2"})
    (ordinary_folder / "cache").chmod(0o700)


def test_a_file_in_the_folders_place_gives_nothing(tmp_path: Path) -> None:
    """A cache folder that can't be made is as good as no cache."""
    (tmp_path / "file").touch()
    remembered = make(tmp_path / "file")
    remembered.put({b"a": b"1"})
    assert remembered.get([b"a"]) == {}


def test_without_sqlite_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that was built without SQLite has no cache, and no errors."""
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    remembered = make(tmp_path)
    remembered.put({b"a": b"1"})
    assert remembered.get([b"a"]) == {}


@pytest.mark.parametrize("mode", [0o770, 0o777])
def test_a_folder_that_others_write_to_is_not_trusted(tmp_path: Path, mode: int) -> None:
    """What stands where others may write is neither believed nor added to."""
    make(tmp_path).put({b"a": b"1"})
    tmp_path.chmod(mode)
    make(tmp_path).put({b"b": b"2"})
    assert make(tmp_path).get([b"a", b"b"]) == {}
    tmp_path.chmod(0o700)
    assert make(tmp_path).get([b"a", b"b"]) == {b"a": b"1"}


def test_a_file_that_others_write_to_is_not_trusted(tmp_path: Path) -> None:
    """A file that was put there while the folder was open proves nothing."""
    make(tmp_path).put({b"a": b"1"})
    (tmp_path / "test.sqlite3").chmod(0o666)
    assert make(tmp_path).get([b"a"]) == {}


def test_another_accounts_folder_is_not_trusted(foreign_folder: Path) -> None:
    """Another user's cache is neither believed nor written to, even by root."""
    before = sorted(foreign_folder.iterdir())
    remembered = make(foreign_folder)
    remembered.put({b"a": b"1"})
    assert remembered.get([b"a"]) == {}
    assert sorted(foreign_folder.iterdir()) == before


def test_a_full_disk_loses_only_what_did_not_fit(tmp_path: Path) -> None:
    """When the file can't grow, the caller hears nothing, and older values are still there."""
    script = f"""
import resource
from pathlib import Path
from modelver.cache.database import Database
remembered = Database(Path({str(tmp_path)!r}), "test", rows=100, size=2**30)
remembered.put({{b"a": b"1"}})
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
remembered.put({{b"b": bytes(200_000)}})
assert remembered.get([b"a", b"b"]) == {{b"a": b"1"}}
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    assert make(tmp_path).get([b"a", b"b"]) == {b"a": b"1"}


def test_the_least_recently_used_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the number of rows those go that were not asked for the longest, by the day."""
    remembered = make(tmp_path, rows=80)
    monkeypatch.setattr(database, "_today", lambda: 1)
    remembered.put({b"%d" % i: b"" for i in range(80)})
    monkeypatch.setattr(database, "_today", lambda: 2)
    used = {b"%d" % i: b"" for i in range(0, 80, 2)}
    assert remembered.get(used) == used
    remembered.put({b"new": b""})
    assert remembered.get(used) == used
    kept = remembered.get([b"%d" % i for i in range(80)])
    assert len(kept) == 69  # seven eighths of 80, with the new one


def test_the_file_stays_within_its_size(tmp_path: Path) -> None:
    """However much is put, the file grows no further than its size and one more value or so."""
    remembered = make(tmp_path, size=200_000)
    for i in range(200):
        remembered.put({b"%d" % i: bytes(5_000)})
    assert (tmp_path / "test.sqlite3").stat().st_size < 250_000
    assert remembered.get([b"199"])


@given(rows=st.integers(0, 12))
def test_pruning_keeps_the_number_asked_for(tmp_path_factory: pytest.TempPathFactory, rows: int) -> None:
    """As many values as asked for are left, the latest ones."""
    remembered = make(tmp_path_factory.mktemp("cache"))
    for i in range(10):
        remembered.put({b"%d" % i: b""})
    remembered.prune(rows)
    assert set(remembered.get([b"%d" % i for i in range(10)])) == {
        b"%d" % i for i in range(10)[-rows or 10 :]
    }


def test_a_change_that_changes_nothing_is_answered(tmp_path: Path) -> None:
    """`change` gives what is kept, whether or not it was replaced."""
    remembered = make(tmp_path)
    assert remembered.change(b"a", lambda known: known or b"first") == b"first"
    assert remembered.change(b"a", lambda known: known or b"second") == b"first"
    assert remembered.get([b"a"]) == {b"a": b"first"}


_SCRIPT = """
import sys
from pathlib import Path
from modelver.cache.database import Database
number, folder = int(sys.argv[1]), Path(sys.argv[2])
remembered = Database(folder, "test", rows=10_000, size=2**30)
"""


def test_processes_at_once_lose_nothing(tmp_path: Path, workers: Workers) -> None:
    """Eight processes that put, get and count in one file find everything in the end."""
    script = (
        _SCRIPT
        + """
for i in range(50):
    remembered.put({b"%d-%d" % (number, i): bytes(1000)})
    assert remembered.get([b"%d-%d" % (number, i)]) == {b"%d-%d" % (number, i): bytes(1000)}
    remembered.change(b"count", lambda known: b"%d" % (int(known or 0) + 1))
"""
    )
    workers(script, 8, tmp_path)
    keys = [b"%d-%d" % (number, i) for number in range(8) for i in range(50)]
    assert len(make(tmp_path).get(keys)) == 400
    assert make(tmp_path).get([b"count"]) == {b"count": b"400"}


def test_processes_that_meet_a_damaged_file_go_on(tmp_path: Path, workers: Workers) -> None:
    """However many find the damage at the same time, none fails, and a sound file is left."""
    (tmp_path / "test.sqlite3").write_bytes(b"damage" * 1000)
    script = _SCRIPT + 'for i in range(20): remembered.put({b"%d-%d" % (number, i): b""})\n'
    workers(script, 8, tmp_path)
    make(tmp_path).put({b"new": b"value"})
    assert begun_anew(tmp_path)


def test_a_killed_writer_leaves_whole_values(tmp_path: Path) -> None:
    """Killed at random moments, a writer leaves transactions that are whole or absent."""
    script = (
        _SCRIPT
        + """
print("started", flush=True)
i = 0
while True:
    i += 1
    remembered.put({b"a": b"%d" % i, b"b": b"%d" % i, b"large": bytes(100_000)})
"""
    )
    pause = random.Random(1)  # noqa: S311 (no secret)
    for _ in range(15):
        command = [sys.executable, "-c", script, "0", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(pause.uniform(0.001, 0.05))
            writer.send_signal(signal.SIGKILL)
        found = make(tmp_path).get([b"a", b"b"])
        assert found.get(b"a") == found.get(b"b")
    assert not (tmp_path / "test.corrupt").exists()


def test_forked_children_of_a_busy_process_use_it_too(tmp_path: Path, workers: Workers) -> None:
    """A child that was forked while threads were writing reads and writes as if nothing had been."""
    script = (
        _SCRIPT
        + """
import os, threading
stop = threading.Event()
def write(name):
    i = 0
    while not stop.is_set():
        i += 1
        remembered.put({b"%d" % name: b"%d" % i})
threads = [threading.Thread(target=write, args=(name,)) for name in range(2)]
for thread in threads:
    thread.start()
children = []
for i in range(20):
    child = os.fork()
    if not child:
        remembered.put({b"child-%d" % i: b"was here"})
        os._exit(0 if remembered.get([b"child-%d" % i]) else 1)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
stop.set()
for thread in threads:
    thread.join()
assert codes == [0] * 20, codes
assert len(remembered.get([b"child-%d" % i for i in range(20)])) == 20
"""
    )
    workers(script, 1, tmp_path)
