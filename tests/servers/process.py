"""Real servers for tests: a process, its loopback ports, its data folder, and the end of all three."""

import contextlib
import http.client
import os
import random
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import psutil

from tests.measuring import unmeasured_environment

TIMEOUT = 120.0
"""Seconds that a server may take to come up, on a busy machine too."""

# Below the range from which Linux takes the ports of outgoing connections, as are these ports plus 10000.
_PORTS = range(10_000, 22_000)
_BESIDE = 10_000

# A watcher in the server's own process group ends the group when the owner of the server is no more.
_WATCHED = '(while kill -0 "$0" 2> /dev/null; do sleep 2; done; kill -KILL 0) & exec "$@"'

_started: dict[int, subprocess.Popen[bytes]] = {}


class Server(ABC):
    """A server on 127.0.0.1. As a context manager it starts, and leaves no process and no data when it ends.

    Attributes:
        folder: Where its data, its settings and its log are; made by `start`, removed by `stop`.
        ports: Its TCP ports; the first is the one that clients use. They stay the same over a `restart`.
    """

    package: ClassVar[str]
    """What to install, if the server is missing."""

    port_count: ClassVar[int] = 1

    def __init__(self, folder: Path, *, ports: Sequence[int] = (), pid: int = 0, owner: int = 0) -> None:
        """Describe a server; `start` starts it.

        Args:
            folder: A folder of its own, which need not exist.
            ports: The ports of one that runs already; fresh ones otherwise.
            pid: The process of one that runs already, which is another's to stop, kill or restart.
            owner: The process with which the server ends at the latest; this one by default.
        """
        self.folder = folder
        self.ports = list(ports) or _free_ports(self.port_count)
        self.pid = pid
        self._shared = bool(pid)
        self._owner = owner or os.getpid()

    @property
    def port(self) -> int:
        """The port that clients use."""
        return self.ports[0]

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that runs it in the foreground."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask it whether it serves; an OSError or an HTTPException is a no."""

    def prepare(self) -> None:  # noqa: B027 (most need nothing)
        """Write what the command needs, before each start."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, tries: int = 3) -> Self:
        """Start it with no data and wait until it serves.

        Raises:
            RuntimeError: It ended, or does not serve in time; the end of its log is in the message.
        """
        self._refuse_if_shared()
        for left in reversed(range(tries)):
            try:
                return self._run()
            except _EndedError:
                # Another process may have taken one of the ports since they were chosen.
                self.stop()
                if not left:
                    raise
                self.ports = _free_ports(self.port_count)
        raise AssertionError

    def kill(self) -> None:
        """Kill it and all that it started, as a crash would; its data stays."""
        self._refuse_if_shared()
        end(self.pid)
        self.pid = 0

    def restart(self) -> None:
        """Start it again on its data and its ports, after a kill if it runs, and wait until it serves.

        Raises:
            RuntimeError: It ended, or does not serve in time; the end of its log is in the message.
        """
        self.kill()
        self._run()

    def stop(self) -> None:
        """Kill it and all that it started, and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder)

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return _is_alive(self.pid)

    def get(self, path: str, port: int | None = None) -> int:
        """Send a GET request to one of its ports and return the status."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            with connection.getresponse() as reply:
                reply.read()
                return reply.status

    def _run(self) -> Self:
        self.data.mkdir(parents=True, exist_ok=True)
        self.prepare()
        # A server written in Python is no code under test.
        environment = unmeasured_environment()
        command = ["/bin/sh", "-c", _WATCHED, str(self._owner), *self.command()]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        self.pid = process.pid
        _started[process.pid] = process
        deadline = time.monotonic() + TIMEOUT
        while not self._serves():
            if not self.is_alive():
                raise _EndedError(self._failure("ended before it served"))
            if time.monotonic() > deadline:
                message = self._failure(f"does not serve after {TIMEOUT:.0f} s")
                self.stop()
                raise RuntimeError(message)
            time.sleep(0.02)
        if not self.is_alive():
            raise _EndedError(self._failure("ended, and another process answers on its port"))
        return self

    def _serves(self) -> bool:
        try:
            return self.is_ready()
        except (OSError, http.client.HTTPException):
            return False

    def _failure(self, what: str) -> str:
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]
        return "\n".join([f"{type(self).__name__} {what}; the end of its log:", *tail])

    def _refuse_if_shared(self) -> None:
        if self._shared:
            name = type(self).__name__
            raise RuntimeError(
                f"this {name} serves the whole test run; start one of your own: {name}(tmp_path / 'server')"
            )


class StoreServer(Server):
    """A server that keeps objects."""

    @abstractmethod
    def fresh(self) -> tuple[str, dict[str, object]]:
        """Make an empty place, which is nobody else's.

        Returns:
            Its URL, and the storage options that fsspec's filesystem for it needs.
        """

    @abstractmethod
    def behind(self, url: str) -> dict[str, bytes]:
        """Read all objects below a URL by another client than the one under test, with keys relative to the URL."""


class _EndedError(RuntimeError):
    """The server's process is no more."""


def end(pid: int, timeout: float = 60) -> None:
    """Kill a server's process group and what left the group, and wait until all of it is gone."""
    if not pid:
        return
    family: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, 9)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    started = _started.pop(pid, None)
    if started is not None:
        started.wait(timeout)
    deadline = time.monotonic() + timeout
    while _is_alive(pid) or any(process.is_running() and _is_alive(process.pid) for process in family):
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"process {pid} or one that it started is still there {timeout} s after a kill"
            )
        time.sleep(0.01)


def program(name: str, package: str, *folders: Path) -> str:
    """Return the path of a program in one of the folders, beside Python, or on the PATH.

    Raises:
        RuntimeError: It is nowhere; the message names the package to install.
    """
    places = [*map(str, folders), sysconfig.get_path("scripts"), str(Path(sys.executable).parent)]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", os.defpath)]))
    if found is None:
        raise RuntimeError(f"{name} is not installed, and these tests need it: {package}")
    return found


def _is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended counts as gone, also while nobody has asked for its exit code."""
    started = _started.get(pid)
    if started is not None:
        return started.poll() is None
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE if pid else False
    except psutil.NoSuchProcess:
        return False


def _free_ports(count: int) -> list[int]:
    """Choose ports that are free, each with the port 10000 above it, where SeaweedFS speaks gRPC."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        if _is_free(port) and _is_free(port + _BESIDE):
            chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise RuntimeError(f"there are no {count} free ports from {_PORTS.start} to {_PORTS.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
