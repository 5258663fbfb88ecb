"""Advisory locks: they keep others waiting, and never keep them from working."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from modelver.storage import lock
from modelver.storage.lock import advisory_lock

HOLD = (
    "import sys, time; from pathlib import Path; from modelver.storage.lock import advisory_lock\n"
    "with advisory_lock(Path(sys.argv[1]), 5) as held:\n"
    "    print(held, flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a lock's place in a folder that is not there yet."""
    return tmp_path / "locks" / "model"


def start_holder(path: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "True\n"
    return holder


def is_free(path: Path) -> bool:
    """Return whether the lock can be had at once."""
    with advisory_lock(path, 0) as held:
        return held


def test_a_lock_is_held_by_one_at_a_time(path: Path) -> None:
    """While it is held nobody else gets it, in this process either; afterwards anybody does."""
    with advisory_lock(path, 0) as held:
        assert held
        assert not is_free(path)
    assert is_free(path)


def test_other_processes_wait(path: Path) -> None:
    """A lock held elsewhere is waited for, and had as soon as it is given back."""
    with start_holder(path) as holder:
        assert not is_free(path)
        assert holder.stdin
        threading.Timer(0.2, holder.stdin.close).start()
        with advisory_lock(path, 60) as held:
            assert held


def test_a_lock_that_can_t_be_had_in_time_is_done_without(path: Path) -> None:
    """After the timeout, not before, the block runs without the lock, and gives back nothing that it hasn't."""
    with advisory_lock(path, 0):
        start = time.monotonic()
        with advisory_lock(path, 0.2) as held:
            assert not held
        assert time.monotonic() - start >= 0.2
        assert not is_free(path)


def test_a_killed_holder_gives_it_back(path: Path) -> None:
    """The system releases what a dead process held."""
    with start_holder(path) as holder:
        holder.kill()
        holder.wait()
        assert is_free(path)


def test_who_waited_for_a_lock_that_was_removed_holds_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cleaner removes the lock that it holds: whoever comes then, and whoever waited, still exclude one another."""
    waits, has, enough = threading.Event(), threading.Event(), threading.Event()
    try_lock = lock.try_lock

    def tried(descriptor: int) -> bool | None:
        held = try_lock(descriptor)
        waits.set()
        return held

    def hold() -> None:
        with advisory_lock(path, 60):
            has.set()
            enough.wait(60)

    worker = threading.Thread(target=hold)
    with advisory_lock(path, 0) as held:
        assert held
        monkeypatch.setattr(lock, "try_lock", tried)
        worker.start()
        assert waits.wait(60)
        path.unlink()
    assert has.wait(60)
    assert not is_free(path)
    enough.set()
    worker.join()
    assert is_free(path)


def test_threads_of_a_process_exclude_one_another(path: Path) -> None:
    """Eight threads never meet in the block."""
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        for _ in range(10):
            with advisory_lock(path, 60) as held:
                assert held
                inside += 1
                most = max(most, inside)
                time.sleep(0)
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_forked_child_neither_takes_nor_keeps_the_lock(path: Path) -> None:
    """A child that leaves the block leaves the lock to its parent; one that stays doesn't keep it from others."""
    code = (
        "import os, sys, time; from pathlib import Path; from modelver.storage.lock import advisory_lock\n"
        "path = Path(sys.argv[1]); report, told = os.pipe(); stays = 0\n"
        "def free():\n"
        "    with advisory_lock(path, 0) as held: return held\n"
        "with advisory_lock(path, 0):\n"
        "    leaves = os.fork()\n"
        "    if leaves:\n"
        "        os.read(report, 1); assert not free(), 'the child took it'\n"
        "        stays = os.fork()\n"
        "        if stays == 0: time.sleep(60); os._exit(0)\n"
        "if leaves == 0: os.write(told, b'.'); time.sleep(60); os._exit(0)\n"
        "assert free(), 'the child kept it'\n"
        "for child in (leaves, stays): os.kill(child, 9); os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


@pytest.mark.parametrize("place", ["", "file/below/lock"])
def test_where_no_lock_can_be_made_none_is_held(place: str, tmp_path: Path) -> None:
    """A path that can't be a file is no reason to stop."""
    (tmp_path / "file").touch()
    with advisory_lock(tmp_path / place, 5) as held:
        assert not held


def test_no_path_is_no_lock() -> None:
    """Who has no place for locks does without."""
    with advisory_lock(None, 5) as held:
        assert not held


def test_a_system_without_locks_holds_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files can't be locked, nobody waits."""
    monkeypatch.setattr(lock, "fcntl", None)
    with advisory_lock(path, 5) as one, advisory_lock(path, 5) as other:
        assert not one
        assert not other


def test_an_error_in_the_block_gives_the_lock_back(path: Path) -> None:
    """However the block is left, the lock is free."""
    with pytest.raises(RuntimeError), advisory_lock(path, 0):
        raise RuntimeError
    assert is_free(path)


@pytest.mark.parametrize("moment", ["call", "return"])
def test_ctrl_c_while_it_waits_leaves_nothing_locked(path: Path, moment: str) -> None:
    """Whenever it comes, before the lock is had or just then, nobody waits for the lock afterwards."""

    def interrupt(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        if frame.f_code.co_name == "_waited" and event == moment:
            raise KeyboardInterrupt
        return interrupt if frame.f_code.co_name == "_waited" else None

    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), advisory_lock(path, 60):
            raise AssertionError
    finally:
        sys.settrace(before)
    assert is_free(path)
    assert not [each for each in Path("/dev/fd").iterdir() if os.path.realpath(each) == os.fspath(path)]
