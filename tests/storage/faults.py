"""Faults made to order: strace(1) kills a process at a system call or lets that call fail; mounts are private ones."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import attrs
import pytest

from . import scenario

SIZE = 5000
_CHANGING = {
    *("write", "pwrite64", "ftruncate", "fsync", "fdatasync", "link", "linkat", "unlink", "unlinkat"),
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "chmod", "fchmod"),
}
_TRACED = ",".join(f"?{name}" for name in sorted(_CHANGING | {"openat", "flock", "access", "faccessat2"}))
_CALL = re.compile(r"(\w+)\((.*)")


@attrs.frozen
class Call:
    """A system call of a traced process.

    Attributes:
        name: Such as ``fsync``.
        number: Which of the process's calls of that name it is, from 1.
        text: Its arguments and result, as strace prints them.
    """

    name: str
    number: int
    text: str

    @property
    def changes(self) -> bool:
        """Whether it changes what is stored."""
        return self.name in _CHANGING or "O_CREAT" in self.text


@attrs.frozen
class Outcome:
    """How a scenario ended.

    Attributes:
        outcome: ``done``, the name of an error, or ``killed``.
        message: The error's.
        files: All files of the store with their sizes, temporary ones too; empty where it was killed.
        calls: What it did, in order, from the beginning of the write to its end.
    """

    outcome: str
    message: str = ""
    files: dict[str, int] = attrs.field(factory=dict)
    calls: tuple[Call, ...] = ()


def tool(name: str, package: str) -> str:
    """Return a program's path. Where it is missing the test fails: it would prove nothing by being skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(
            f"this test needs {name}: install it (on Debian: apt-get install {package})", pytrace=False
        )
    return path


def run(verb: str, root: Path, *, size: int = SIZE, prefix: tuple[str, ...] = ()) -> Outcome:
    """Run a scenario, behind a command that runs the rest of its arguments."""
    command = [*prefix, sys.executable, scenario.__file__, verb, str(root), str(size)]
    # A start that is always the same, so that calls can be counted: coverage opens a file more or less.
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    environment |= {"PYTHONPYCACHEPREFIX": str(_compiled()), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == -9:  # strace dies of what its tracee died of
        return Outcome("killed")
    assert done.returncode == 0, done.stderr
    return Outcome(**json.loads(done.stdout))


@cache
def _compiled() -> Path:
    """Return a folder with the scenario's modules compiled, which nobody else compiles anew meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="modelver-compiled-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder)}
    command = [sys.executable, scenario.__file__, "put_new", str(folder / "registry"), "1"]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return folder


def traced(
    verb: str,
    root: Path,
    *,
    inject: tuple[str, ...] = (),
    prefix: tuple[str, ...] = (),
    log: Path | None = None,
) -> Outcome:
    """Run a scenario under strace.

    Args:
        verb: How to write.
        root: The store's folder.
        inject: What to do to which calls, such as ``fsync:error=EIO:when=2``.
        prefix: A command to run strace by.
        log: Where to write the trace, if not beside the store's folder.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    log = log or root.with_name(f"{root.name}.trace")
    options = [
        "-qq",
        "-y",
        "-s4",
        "-o",
        str(log),
        f"--trace={_TRACED}",
        *(f"--inject={fault}" for fault in inject),
    ]
    if "signal=" not in "".join(inject):
        options += ["-f", "--seccomp-bpf"]  # twice as fast; but strace 6.1 injects no signals then
    strace = (tool("strace", "strace"), *options)
    outcome = run(verb, root, prefix=(*prefix, *strace))
    return attrs.evolve(outcome, calls=tuple(_calls(log.read_text())))


def _calls(trace: str) -> Iterator[Call]:
    """Yield the calls between the scenario's marks."""
    counts: Counter[str] = Counter()
    writing = False
    for name, text in _CALL.findall(trace):
        counts[name] += 1
        if scenario.BEGIN in text:
            writing = True
        elif scenario.END in text:
            return
        elif writing:
            yield Call(name, counts[name], text)


def mounted(*commands: str) -> tuple[str, ...]:
    """Return a prefix that runs the rest in mounts of its own, after shell commands; without root as a user's root."""
    unshare = [tool("unshare", "util-linux"), "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    return (*unshare, "sh", "-c", " && ".join([*commands, 'exec "$@"']), "sh")


def unprivileged() -> tuple[str, ...]:
    """Return a prefix that runs the rest without root's right to pass over permissions."""
    if os.geteuid() != 0:
        return ()
    return (tool("setpriv", "util-linux"), "--bounding-set=-all", "--inh-caps=-all")


def power_cut(image: Path, disk: Path, found: Path) -> tuple[str, ...]:
    """Return a prefix that runs the rest on a disk of its own, then cuts its power.

    The disk's image is copied while it is mounted. So the copy has what the file system had sent to the disk, and lacks
    what it still had in memory. The copy is mounted, which replays its journal, and its files are laid out.

    Args:
        image: An ext4 file system.
        disk: Where to mount it.
        found: A folder, for the files that survived.
    """
    if os.geteuid() != 0:
        pytest.fail("this test mounts a disk image: run it as root", pytrace=False)
    copy, survivor = image.with_name("copy"), disk.with_name("survivor")
    script = f"""
        mkdir -p '{disk}' '{survivor}' && mount -o loop '{image}' '{disk}' || exit 1
        "$@"; code=$?
        cp --sparse=always '{image}' '{copy}' && mount -o loop '{copy}' '{survivor}' || exit 1
        cp -r '{survivor}' '{found}'
        [ $code = 137 ] && kill -9 $$
        exit $code"""
    return (tool("unshare", "util-linux"), "--mount", "sh", "-c", script, "sh")
