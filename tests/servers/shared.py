"""One server for a whole test run: the first test that needs it starts it, and the run's first process ends it."""

import json
import os
import shutil
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

from tests.servers.process import Server, end

_S = TypeVar("_S", bound=Server)


def running(kind: type[_S], factory: pytest.TempPathFactory) -> _S:
    """Return the test run's server of a kind, and start it if no process of the run has done so.

    Args:
        kind: The server's class.
        factory: The session's, whose base folder lies in the run's base folder in a worker of pytest-xdist.
    """
    worker = "PYTEST_XDIST_WORKER" in os.environ
    home = _home(factory.getbasetemp().parent if worker else factory.getbasetemp())
    home.mkdir(exist_ok=True)
    state = home / f"{kind.__name__}.json"
    folder = home / kind.__name__
    with FileLock(home / f"{kind.__name__}.lock", timeout=300):
        if state.exists():
            server = kind(folder, **json.loads(state.read_text(encoding="utf-8")))
            if server.is_alive():
                return server
            raise RuntimeError(f"the test run's {kind.__name__} has died; its log is in {server.log}")
        # The process that pytest was started as outlives all workers, and the server lives as long.
        started = kind(folder, owner=os.getppid() if worker else os.getpid()).start()
        found = {"pid": started.pid, "ports": started.ports}
        state.write_text(json.dumps(found), encoding="utf-8")
        return kind(folder, **found)


def stop_all(base: Path) -> None:
    """End all servers of a test run and remove their data.

    Args:
        base: The run's base folder of temporary folders.
    """
    home = _home(base)
    for state in home.glob("*.json"):
        end(json.loads(state.read_text(encoding="utf-8"))["pid"])
    shutil.rmtree(home, ignore_errors=True)


def _home(base: Path) -> Path:
    return base / "servers"
