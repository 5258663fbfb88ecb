"""Ctrl-C in the middle of a registration."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.cli.support import COMMAND, Run

_TEMPORARY = re.compile(r"incoming-[0-9a-f]{32}")


def files_of(folder: Path) -> set[str]:
    """Return the names of all files below a folder."""
    return {name for _, _, names in os.walk(folder) for name in names}


def test_ctrl_c_leaves_nothing_but_temporary_files(run: Run, registry_path: Path, tmp_path: Path) -> None:
    """Interrupted, it exits with 130 and one line; the registry is as it was, and the next run clears what was left."""
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(16 * 2**30)
    run("register", "other", "--prompt", f"system={__file__}", "--no-capture")
    before = files_of(registry_path)

    with subprocess.Popen(
        [*COMMAND, "register", "acme/fraud", "large.bin", "--no-capture"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not any(map(_TEMPORARY.fullmatch, files_of(registry_path))) and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate()

    assert (process.returncode, stdout, stderr) == (130, "", "Interrupted.\n")
    assert all(map(_TEMPORARY.fullmatch, files_of(registry_path) - before))
    run("list", "acme/fraud", code=3)
    assert run("verify", "--json").json["ok"] is True

    run("register", "acme/fraud", "--prompt", f"other={__file__}", "--no-capture")
    assert not any(map(_TEMPORARY.fullmatch, files_of(registry_path)))
