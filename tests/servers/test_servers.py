"""Real servers start, keep places apart, show what is in them, and leave nothing behind."""

import contextlib
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import fsspec
import psutil
import pytest

from tests.servers.azurite import Azurite
from tests.servers.fakegcs import FakeGCS
from tests.servers.moto import Moto
from tests.servers.process import StoreServer, program
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.sshd import Sshd

SHARED = ["seaweedfs", "moto", "azurite", "fake_gcs", "sshd"]
KINDS = [SeaweedFS, Moto, Azurite, FakeGCS, Sshd]
CONTENT = {"one": b"1", "a/b/two": b"22", "empty": b"", "with space+%25ü": bytes(2**20)}


@pytest.fixture(params=SHARED)
def server(request: pytest.FixtureRequest) -> StoreServer:
    """Give each of the test run's servers."""
    return cast("StoreServer", request.getfixturevalue(request.param))


@contextlib.contextmanager
def opened(url: str, options: dict[str, object]) -> Iterator[tuple[Any, str]]:
    """Open a URL by its fsspec filesystem, and close what that leaves open."""
    uncached = {} if url.startswith("sftp:") else {"use_listings_cache": False}
    filesystem, path = fsspec.url_to_fs(url, skip_instance_cache=True, **uncached, **options)
    yield filesystem, path
    if url.startswith("sftp:"):
        filesystem.client.close()


def write(url: str, options: dict[str, object], content: dict[str, bytes]) -> None:
    """Write objects below a URL by its fsspec filesystem."""
    with opened(url, options) as (filesystem, path):
        for key, data in content.items():
            if url.startswith("sftp:"):
                filesystem.makedirs(f"{path}/{key}".rpartition("/")[0], exist_ok=True)
            filesystem.pipe_file(f"{path}/{key}", data)
            assert filesystem.cat_file(f"{path}/{key}") == data


def test_what_a_client_puts_is_seen_behind_its_back_and_nowhere_else(server: StoreServer) -> None:
    """A fresh place is empty, holds what was put, byte for byte, and shares nothing with the next."""
    url, options = server.fresh()
    assert server.behind(url) == {}
    write(url, options, CONTENT)
    assert server.behind(url) == CONTENT
    assert server.behind(f"{url}/a") == {"b/two": b"22"}
    another, _ = server.fresh()
    assert another != url
    assert server.behind(another) == {}


def test_a_shared_server_can_t_be_taken_from_the_others(server: StoreServer) -> None:
    """Whoever wants to kill a server starts one of their own."""
    for deed in (server.kill, server.restart, server.stop):
        with pytest.raises(RuntimeError, match="start one of your own"):
            deed()
    assert server.is_alive()


def is_running(process: psutil.Process) -> bool:
    """Whether a process runs; one that ended is no more, also while nobody has asked for its exit code."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_stays_of_a_server_that_was_stopped(kind: type[StoreServer], tmp_path: Path) -> None:
    """Its process, all that it started, its ports and its folder are gone."""
    with kind(tmp_path / "server") as server:
        url, options = server.fresh()
        with opened(url, options) as (filesystem, path):
            filesystem.pipe_file(f"{path}/key", b"value")
            family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    assert not any(is_running(process) for process in family)
    for port in server.ports:
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [SeaweedFS, FakeGCS, Sshd])
def test_acknowledged_objects_outlive_a_crash(kind: type[StoreServer], tmp_path: Path) -> None:
    """After a kill and a restart the server has, at the same URL, what it acknowledged."""
    with kind(tmp_path / "server") as server:
        url, options = server.fresh()
        write(url, options, CONTENT)
        server.kill()
        assert not server.is_alive()
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", server.port)) != 0
        server.restart()
        assert server.behind(url) == CONTENT
        write(url, options, {"later": b"3"})
        assert server.behind(url) == CONTENT | {"later": b"3"}


def test_a_server_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    """The end of its log is in the error, and nothing stays."""

    class Broken(Moto):
        def command(self) -> list[str]:
            return ["/bin/sh", "-c", "echo no such luck >&2; exit 3"]

    with pytest.raises(RuntimeError, match=r"(?s)ended before it served.*no such luck"):
        Broken(tmp_path / "server").start()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_program_names_its_package() -> None:
    """Whoever lacks a server is told what to install, and no test is skipped."""
    with pytest.raises(RuntimeError, match=r"no-such-server-\w+ is not installed.*: pip install it"):
        program(f"no-such-server-{uuid.uuid4().hex}", "pip install it")


def test_a_server_ends_with_its_owner(tmp_path: Path) -> None:
    """Where a test run is killed outright, its servers don't stay."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        server = Moto(tmp_path / "server", owner=owner.pid).start()
        owner.kill()
    deadline = time.monotonic() + 60
    while server.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not server.is_alive()
    server.stop()
