"""What the command's tests share: running it, in this process and on a terminal of its own."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import attrs

COMMAND = [sys.executable, "-m", "modelver"]
"""How to start the command as a process of its own."""

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


@attrs.frozen
class Done:
    """What a command returned and wrote."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The answer, as JSON."""
        return json.loads(self.stdout)


class Run(Protocol):
    """Runs the command."""

    def __call__(self, *arguments: str | Path, code: int = 0, stdin: bytes | None = None) -> Done:
        """Run the command, which must return `code`."""
        ...


@attrs.frozen
class Seen:
    """What a terminal showed."""

    code: int
    text: str

    @property
    def plain(self) -> str:
        """The text without colours, its lines ended as usual."""
        return _STYLES.sub("", self.text).replace("\r\n", "\n")


def on_terminal(process: list[str], **environment: str) -> Seen:
    """Run a process whose stdout and stderr are a terminal, 100 columns wide."""
    ours, theirs = pty.openpty()
    usual = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    with subprocess.Popen(
        process,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**usual, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    ) as started:
        os.close(theirs)
        text = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return Seen(started.returncode, text.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux ends a terminal that nobody writes to any more with EIO
        return b""
