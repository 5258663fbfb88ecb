"""Temporary files: a cleaner takes those whose writers have died, and no other."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelver.errors import StoreError
from modelver.storage import lock
from modelver.storage.local import LocalStore

ABANDONED = "incoming-" + "0" * 32
WRITERS = 4


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give a store whose folder of temporary files is there."""
    (tmp_path / "registry" / "tmp").mkdir(parents=True)
    return LocalStore(tmp_path / "registry")


def left(store: LocalStore) -> list[str]:
    """Return the names of the temporary files."""
    return sorted(path.name for path in (Path(store.url) / "tmp").iterdir())


def test_the_first_write_clears_what_dead_writers_left(store: LocalStore) -> None:
    """A file that nobody holds is abandoned, whatever its age; later writes look no more."""
    abandoned = Path(store.url) / "tmp" / ABANDONED
    abandoned.touch()
    store.put_new("a", b"1")
    assert left(store) == []
    abandoned.touch()
    store.put_new("b", b"1")
    assert left(store) == [ABANDONED]
    assert store.clear_abandoned() == 1
    assert left(store) == []


def test_a_living_writer_s_file_is_left(store: LocalStore) -> None:
    """Bytes on their way in survive a cleaner, in this process and from another; when dropped they are gone."""
    other = LocalStore(store.url)
    code = "import sys; from modelver.storage.local import LocalStore; print(LocalStore(sys.argv[1]).clear_abandoned())"
    with store.incoming() as incoming:
        os.write(incoming.fileno(), b"on the way")
        assert other.clear_abandoned() == 0
        done = subprocess.run(
            [sys.executable, "-c", code, store.url], check=True, capture_output=True, text=True
        )
        assert done.stdout == "0\n"
        incoming.publish("blobs/ab")
    assert store.get("blobs/ab", limit=10) == b"on the way"
    assert left(store) == []


def test_a_killed_writer_s_file_is_cleared(store: LocalStore) -> None:
    """The lock dies with its process."""
    code = (
        "import os, sys; from modelver.storage.local import LocalStore; i = LocalStore(sys.argv[1]).incoming();"
        "os.write(i.fileno(), b'half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, store.url], check=False)
    assert len(left(store)) == 1
    assert store.clear_abandoned() == 1
    assert left(store) == []


def test_foreign_files_are_left(store: LocalStore) -> None:
    """A cleaner removes only files with names that a store gives, and follows no link."""
    folder = Path(store.url) / "tmp"
    foreign = [".gitignore", "notes.txt", f"{ABANDONED}0", ABANDONED.upper()]
    for name in foreign:
        (folder / name).touch()
    (folder / ABANDONED).symlink_to(folder / "notes.txt")
    (folder / ABANDONED.replace("0", "1")).mkdir()
    assert store.clear_abandoned() == 0
    assert set(foreign) <= set(left(store))


def test_without_locks_age_tells(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without file locks, a file that nobody wrote to for a day is abandoned."""
    monkeypatch.setattr(lock, "fcntl", None)
    old, new = (Path(store.url) / "tmp" / ABANDONED.replace("0", digit) for digit in "12")
    for path, days in ((old, 2), (new, 0)):
        path.touch()
        written = path.stat().st_mtime - days * 86_400
        os.utime(path, (written, written))
    store.put_new("object", b"1")
    assert left(store) == [new.name]


@pytest.mark.usefixtures("unmeasured")
def test_no_file_is_lost_to_a_cleaner_that_never_rests(store: LocalStore) -> None:
    """Writers whose new files are looked at, and sometimes taken, before they are locked lose no object."""
    stop = threading.Event()

    def clean() -> None:
        while not stop.is_set():
            store.clear_abandoned()

    code = (
        "import sys; from modelver.storage.local import LocalStore; s = LocalStore(sys.argv[1])\n"
        "for number in range(200): s.put_new(f'{sys.argv[2]}/{number}', b'1')\n"
    )
    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        command = [sys.executable, "-c", code, store.url]
        writers = [
            subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(WRITERS)
        ]
        errors = [writer.communicate()[1] for writer in writers]
    finally:
        stop.set()
        cleaner.join()
    assert errors == [b""] * WRITERS
    assert len(list(store.list(""))) == 200 * WRITERS
    assert left(store) == []


def test_a_file_in_the_folder_s_place_is_an_error(tmp_path: Path) -> None:
    """Neither clearing nor writing passes over it; both name it."""
    (tmp_path / "tmp").touch()
    with pytest.raises(StoreError, match="temporary"):
        LocalStore(tmp_path).clear_abandoned()
    with pytest.raises(StoreError, match="tmp"):
        LocalStore(tmp_path).incoming()
