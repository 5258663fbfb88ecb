"""Running git in a checkout that may be hostile."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import attrs

_MAX_OUTPUT = 32 * 2**20
_OPTIONS = (
    "--no-pager",
    "-c",
    "core.fsmonitor=false",  # may name a program
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "safe.bareRepository=explicit",  # a folder inside of a checkout can pose as a repository
)
# Those of `git rev-parse --local-env-vars` that lead git elsewhere, as when a git hook started us. GIT_CONFIG_COUNT and
# its like are left alone: CI systems say there which folders they trust.
_MISLEADING = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)


@attrs.frozen
class Answer:
    """How a command of git ended.

    Attributes:
        status: Its exit status; None where it could not be started, or took too long.
        output: What it printed.
        trouble: What it complained of.
    """

    status: int | None
    output: str = ""
    trouble: str = ""

    def __bool__(self) -> bool:
        return self.status == 0


@attrs.frozen
class Git:
    """The git program at work in one checkout.

    Attributes:
        program: Path of the program.
        top: The checkout's top folder.
        deadline: When to give up, on the clock of `time.monotonic`.
    """

    program: str
    top: Path
    deadline: float

    def run(
        self, *arguments: str, overrides: Iterable[str] = (), success: Iterable[int] = (0,)
    ) -> str | None:
        """Run git without locks, questions and network.

        Args:
            arguments: A command and its arguments.
            overrides: Settings as `name=value`, stronger than those in any file.
            success: The exit statuses that mean success.

        Returns:
            What it printed; None where it failed, took too long or printed more than 32 MiB.
        """
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            return None
        settings = [part for override in overrides for part in ("-c", override)]
        try:
            with subprocess.Popen(  # noqa: S603 (no shell, and the program is not the checkout's)
                [self.program, *_OPTIONS, *settings, *arguments],
                cwd=self.top,
                env=_variables(self.top),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            ) as process:
                output = _read(process, seconds)
        except (OSError, ValueError):  # no such folder, or a name with a NUL in it
            return None
        whole = len(output) <= _MAX_OUTPUT and process.returncode in {*success}
        return output.decode(errors="replace") if whole else None

    def ask(
        self,
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        remote: bool = False,
    ) -> Answer:
        """Run git, and tell what went wrong where something did. It asks nobody anything.

        Args:
            arguments: A command and its arguments.
            variables: Environment variables beside those that are there.
            remote: Whether it speaks with another repository: then network and hooks are the user's own affair.
        """
        seconds = self.deadline - time.monotonic()
        options = () if remote else _OPTIONS
        try:
            process = subprocess.Popen(  # noqa: S603 (no shell, and the program is not the checkout's)
                [self.program, *options, *arguments],
                cwd=self.top,
                env={**(_plain_variables() if remote else _variables(self.top)), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError) as error:  # no such folder, or a name with a NUL in it
            return Answer(None, trouble=str(error))
        return _answer(process, max(seconds, 0.0))


def find_git(top: Path, deadline: float) -> Git | None:
    """Return git for a checkout, or None where there is none outside of it.

    Args:
        top: The checkout's top folder, resolved. A program inside of it is not run: Windows looks for programs in
            the working folder first.
        deadline: When to give up, on the clock of `time.monotonic`.
    """
    program = shutil.which("git")
    if program is None or Path(program).resolve().is_relative_to(top):
        return None
    return Git(program, top, deadline)


def _plain_variables() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _variables(top: Path) -> dict[str, str]:
    return _plain_variables() | {
        "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch what it lacks, by a program that it names
        "GIT_CEILING_DIRECTORIES": str(top.parent),
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _answer(process: "subprocess.Popen[bytes]", seconds: float) -> Answer:
    with process:
        try:
            output, trouble = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            return Answer(None, trouble="it took too long")
        except BaseException:
            _kill(process)  # Ctrl-C reaches us alone, as git is in a session of its own
            raise
    return Answer(process.returncode, *(part.decode(errors="replace") for part in (output, trouble)))


def _read(process: "subprocess.Popen[bytes]", seconds: float) -> bytes:
    """Return what a process prints until it ends, or is ended for being too slow or too talkative."""
    assert process.stdout  # noqa: S101 (a pipe, by construction)
    timer = threading.Timer(seconds, _kill, [process])
    timer.daemon = True
    timer.start()
    try:
        output: bytes = process.stdout.read(_MAX_OUTPUT + 1)
        if len(output) > _MAX_OUTPUT:
            _kill(process)
        process.wait()
    finally:
        timer.cancel()
    return output


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those that it started, which would otherwise keep its output open."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
