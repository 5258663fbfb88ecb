"""Folders as other accounts and read-only machines have them, whether or not the tests run as root."""

import os
import shutil
import signal
import sqlite3  # noqa: F401 (loaded before the account changes: an ordinary one may not read root's Python)
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

NOBODY = 65534

Workers = Callable[[str, int, Path], list[str]]

PATIENT = "from modelver.cache import database\ndatabase.BUSY_SECONDS = 100.0\n"
"""What is waited for in vain is done without, which no test is about; a machine may be very slow."""


@pytest.fixture
def foreign_folder(tmp_path: Path) -> Path:
    """A folder that belongs to another account."""
    if os.geteuid() != 0:
        return Path("/usr")
    folder = tmp_path / "foreign"
    folder.mkdir(mode=0o755)
    os.chown(folder, NOBODY, NOBODY)
    return folder


@pytest.fixture
def ordinary_folder() -> Iterator[Path]:
    """A private folder of an ordinary account, which the test runs as: root may write anywhere."""
    folder = Path(tempfile.mkdtemp(prefix="modelver-test-"))
    user = os.geteuid()
    if user == 0:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


@pytest.fixture
def workers() -> Workers:
    """Run a script in several processes at once: `sys.argv` is its number and a folder; returns what each printed."""

    def run(script: str, number: int, folder: Path) -> list[str]:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", PATIENT + script, str(i), str(folder)],
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            for i in range(number)
        ]
        try:
            outputs = [process.communicate(timeout=240)[0] for process in processes]
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        assert [process.returncode for process in processes] == [0] * number
        return outputs

    return run
