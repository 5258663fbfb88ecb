"""Folders in which something is prepared."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modelver.content import working
from modelver.content.working import remove_tree, working_folder
from modelver.storage import lock
from tests.measuring import unmeasured_environment


def test_a_working_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    """Read-only parts of it go too."""
    with working_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("1")
        (folder / "inner" / "file").chmod(0o444)
        (folder / "inner").chmod(0o555)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_living_worker_is_left_alone(tmp_path: Path) -> None:
    """Two workers don't disturb each other."""
    with working_folder(tmp_path) as first, working_folder(tmp_path) as second:
        assert first != second
        assert first.exists()
        assert second.exists()


def test_a_folder_of_a_dead_worker_is_cleared_by_the_next(tmp_path: Path) -> None:
    """After SIGKILL the folder stays until somebody works in the same place; other things are not touched."""
    code = (
        "import os, sys; from pathlib import Path; from modelver.content.working import working_folder\n"
        "with working_folder(Path(sys.argv[1])) as f: (f / 'x').write_text('1'); os.kill(os.getpid(), 9)"
    )
    environment = unmeasured_environment()
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=environment)
    (tmp_path / ".modelver-mine").mkdir()
    assert len(list(tmp_path.iterdir())) == 2
    with working_folder(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".modelver-mine"]


def test_without_locks_age_tells_who_has_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders can't be locked, those of the last day are left alone."""
    monkeypatch.setattr(lock, "fcntl", None)
    with working_folder(tmp_path) as folder, working_folder(tmp_path):
        assert folder.exists()
        os.utime(folder, (time.time() - 100_000,) * 2)
        with working_folder(tmp_path):
            assert not folder.exists()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    """Something that looks like a dead worker's folder, but is a link, is not cleared through it."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("1")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / f"{working._PREFIX}{'a' * 32}").symlink_to(tmp_path / "precious")
    with working_folder(tmp_path / "work"):
        pass
    assert (tmp_path / "precious" / "file").read_text() == "1"


def test_removing_what_is_gone_is_fine(tmp_path: Path) -> None:
    """Somebody else may have been faster."""
    remove_tree(tmp_path / "nothing")
