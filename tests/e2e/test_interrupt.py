"""Ctrl-C during a large registration: it stops at once, nothing is seen of it, and the next run clears up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, objects, temporary_files

from .processes import Process

READ = 64 * 2**20
"""Bytes that were read when the interruption comes."""

SIZE = 64 * READ
"""So many that even a late one comes long before the end."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make a large file, which takes no space itself."""
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def wait_for_bytes(running: subprocess.Popen[str]) -> None:
    """Wait until a process has read a part of the source, as proc(5) counts what it reads."""
    while running.poll() is None:
        counted = Path(f"/proc/{running.pid}/io").read_text()
        if int(counted.split()[1]) > READ:
            return
        time.sleep(0.002)
    pytest.fail("it had ended before it could be interrupted")


@pytest.mark.parametrize("filled", [False, True])
def test_an_interrupted_registration_stops_at_once(filled: bool, source: Path, tmp_path: Path) -> None:
    """Far from the end it gives up; no version, no blob and no temporary file is left, and the next run succeeds."""
    root, cache = tmp_path / "registry", tmp_path / "cache"
    if filled:
        mv.Registry(root).register(MODEL, {"model.bin": b"0"}, capture=False)
    before = objects(root) if filled else {}
    with Process(root, cache) as process:
        process.send("register_until_interrupted", MODEL, str(source))
        wait_for_bytes(process.running)
        process.running.send_signal(signal.SIGINT)
        progress = process.receive()
    assert 0 < progress["done"] < progress["of"] * 3 / 4
    assert temporary_files(root) == []
    left = objects(root)
    assert set(left) - set(before) <= ({"modelver.json"} if not filled else set())
    assert {key: left[key] for key in before} == before
    assert mv.Registry(root).verify()
    os.truncate(source, READ)
    version = mv.Registry(root).register(MODEL, source, capture=False)
    assert (version.created, version.files[0].size) == (True, READ)


@pytest.mark.parametrize("move", [False, True])
def test_an_interrupted_command_dies_of_the_signal_s_code(move: bool, source: Path, tmp_path: Path) -> None:
    """The command ends with 130, as shells expect, without a traceback; its source is as it was."""
    root = tmp_path / "registry"
    before = source.stat()
    command = [sys.executable, "-m", "modelver", "register", MODEL, str(source), "--registry", str(root)]
    running = subprocess.Popen(
        command + ["--move"] * move, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for_bytes(running)
    running.send_signal(signal.SIGINT)
    output, errors = running.communicate()
    assert running.returncode == 130, errors
    assert "Traceback" not in output + errors
    assert (source.stat().st_ino, source.stat().st_nlink) == (before.st_ino, 1)
    assert temporary_files(root) == []


def test_a_second_writer_clears_what_a_killed_one_left(source: Path, tmp_path: Path) -> None:
    """The temporary file of a writer that was killed stays until the next write, whoever writes."""
    root = tmp_path / "registry"
    with Process(root, tmp_path / "cache") as process:
        process.send("register", MODEL, str(source), capture=False)
        wait_for_bytes(process.running)
        process.running.kill()
    assert len(temporary_files(root)) == 1
    assert mv.Registry(root).verify()
    assert len(temporary_files(root)) == 1
    mv.Registry(root).register(MODEL, {"model.bin": b"1"}, capture=False)
    assert temporary_files(root) == []
