"""Folders of an SFTP server keep the contract."""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import paramiko
import pytest
from fsspec.implementations.sftp import SFTPFileSystem

from modelver.errors import (
    AlreadyExists,
    Conflict,
    IntegrityError,
    InvalidValue,
    ModelverError,
    Offline,
    StoreError,
)
from modelver.storage import open_store
from modelver.storage.remote import sftp_connection, sftp_wire
from modelver.storage.remote.bucket import PART, Fault
from modelver.storage.remote.sftp import trouble
from modelver.storage.remote.sftp_connection import Lost, options_from
from modelver.storage.remote.sftp_files import Ended, Taken
from modelver.storage.remote.sftp_upload import STALE
from modelver.storage.remote.tries import Tries
from modelver.storage.store import Store
from tests import resources
from tests.servers.sshd import Sshd

from .store import StoreContract


class TestOpenSSH(StoreContract):
    """A folder of OpenSSH's server."""

    contested = 20
    waited_for = 30
    examples = 10

    @pytest.fixture
    def store(self, sshd: Sshd) -> Store:
        """Give a store in a new folder."""
        self._server = sshd
        url, options = sshd.fresh()
        type(self).options = options
        return open_store(url, storage_options=options)

    def behind(self, store: Store) -> dict[str, bytes]:
        """Read the folder's files."""
        return self._server.behind(store.url)


def test_parts_that_are_there_are_not_sent_again(sshd: Sshd) -> None:
    """An upload that was broken off goes on with the parts whose bytes are the same; they are no object meanwhile."""
    url, options = sshd.fresh()
    data = os.urandom(2 * PART + 5)
    first = open_store(url, storage_options=options).upload("blobs/ab", len(data))
    assert first.send(0, data[:PART])
    assert first.send(1, b"x" * PART)
    first.close()
    store = open_store(url, storage_options=options)
    assert [*store.list(""), *store.folders("")] == []
    upload = store.upload("blobs/ab", len(data))
    sent = [upload.send(number, data[number * PART : (number + 1) * PART]) for number in range(3)]
    upload.finish()
    assert sent == [False, True, True]
    assert sshd.behind(url) == {"blobs/ab": data}


def test_parts_have_one_owner(sshd: Sshd) -> None:
    """Nobody writes to another writer's parts, until that has been still for long; then it has lost them."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    alive = store.upload("blobs/ab", 3)
    alive.send(0, b"abc")
    other = store.upload("blobs/ab", 3)
    assert other.send(0, b"abc")
    other.abort()
    long_ago = time.time() - 2 * STALE
    for digests in _folder(sshd, url).glob("tmp/*/digests"):
        os.utime(digests, (long_ago, long_ago))
    heir = store.upload("blobs/ab", 3)
    assert not heir.send(0, b"abc")
    for step in (alive.finish, lambda: alive.send(0, b"other")):
        with pytest.raises(Conflict):
            step()
    heir.finish()
    alive.close()
    assert sshd.behind(url) == {"blobs/ab": b"abc"}


def test_what_two_writers_left_is_kept_once(sshd: Sshd) -> None:
    """Of two that let go of the same parts, the second takes its own back."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    uploads = [store.upload("blobs/ab", 3) for _ in range(2)]
    for upload in uploads:
        upload.send(0, b"abc")
    for upload in (*uploads, uploads[0]):
        upload.close()
    assert len(list(_folder(sshd, url).glob("tmp/*"))) == 1


def test_parts_of_the_wrong_size_are_no_object(sshd: Sshd) -> None:
    """An upload that lacks a part is given up."""
    url, options = sshd.fresh()
    upload = open_store(url, storage_options=options).upload("blobs/ab", PART + 1)
    upload.send(0, b"abc")
    with pytest.raises(Conflict):
        upload.finish()
    upload.close()
    assert sshd.behind(url) == {}


def test_foreign_things_are_no_objects(sshd: Sshd) -> None:
    """Links, and names that are no part of a key, are not listed; in an object's place a link is refused."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    store.put_new("a/1", b"1")
    folder = _folder(sshd, url)
    (folder / "a/2").symlink_to(folder / "a/1")
    (folder / "b").symlink_to(folder / "a")
    (folder / "a/Not A Key").touch()
    assert [entry.key for entry in store.list("")] == ["a/1"]
    assert list(store.folders("")) == ["a"]
    for verb in (lambda: store.get("a/2", limit=9), lambda: store.size("a/2")):
        with pytest.raises(IntegrityError, match="regular file"):
            verb()


def test_an_object_is_read_only_and_nothing_else_is_left(sshd: Sshd) -> None:
    """Who opens the same folder on the server may link to its files, so nobody may write to them."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    store.put_new("a/1", b"1")
    with pytest.raises(AlreadyExists):
        store.put_new("a/1", b"2")
    assert (_folder(sshd, url) / "a/1").stat().st_mode & 0o777 == 0o444
    assert list(_folder(sshd, url).glob("tmp/*")) == []


def test_a_file_where_a_folder_belongs_is_told(sshd: Sshd) -> None:
    """What stands in the way is no fault of the network, so it is not tried for long."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    store.put_new("a", b"1")
    with pytest.raises(ModelverError):
        store.put_new("a/b/c", b"1")
    assert sshd.behind(url) == {"a": b"1"}


def test_an_unknown_key_is_told_and_no_secret_shown(sshd: Sshd, tmp_path: Path) -> None:
    """Who may not enter is told so, without user, password or key."""
    url, options = sshd.fresh()
    login = {"username": options["username"], "password": "opensesame", "look_for_keys": False}
    store = open_store(url, storage_options={**login, "allow_agent": False})
    with pytest.raises(StoreError, match="access denied") as caught:
        store.size("a")
    assert "opensesame" not in f"{caught.value} {store!r} {store.url} {store.client}"


def test_an_unknown_host_may_be_refused(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words for the keys of hosts mean what they mean in fsspec."""
    url, options = sshd.fresh()
    monkeypatch.setattr(Tries, "again", lambda *_, **__: False)  # it would be tried again for a minute
    store = open_store(url, storage_options={**options, "host_key_policy": "reject"})
    with pytest.raises(StoreError, match="not found in known_hosts"):
        store.size("a")
    for policy in (paramiko.AutoAddPolicy, paramiko.AutoAddPolicy(), "auto_add"):
        opened = open_store(url, storage_options={**options, "host_key_policy": policy})
        assert list(opened.list("")) == []


@pytest.mark.parametrize(
    "wrong", [{"host_key_policy": "sometimes"}, {"sock": object()}], ids=["policy", "socket"]
)
def test_what_can_not_serve_is_refused(wrong: dict[str, object]) -> None:
    """Unknown policies, and a socket, which carries one connection only."""
    with pytest.raises(InvalidValue):
        open_store("sftp://host/models", storage_options=wrong)


def test_a_folder_has_to_be_named() -> None:
    """The root of a server is no place for a registry."""
    with pytest.raises(InvalidValue, match="missing"):
        open_store("sftp://host")


def test_nobody_there_is_offline() -> None:
    """An address at which nobody listens is `Offline`, soon; asking for it connects to nothing."""
    store = open_store("sftp://127.0.0.1:1/models", timeout=5)
    assert store.url == "sftp://127.0.0.1:1/models"
    with pytest.raises(Offline):
        store.size("a")


def test_a_filesystem_of_fsspec_is_a_store(sshd: Sshd) -> None:
    """Its settings are read, and connections made anew."""
    url, options = sshd.fresh()
    folder = str(_folder(sshd, url))
    filesystem = SFTPFileSystem("127.0.0.1", port=sshd.port, skip_instance_cache=True, **options)
    store = open_store(folder, fs=filesystem)
    filesystem.client.close()
    store.put_new("a", b"1")
    assert store.url == url
    assert sshd.behind(url) == {"a": b"1"}


def test_a_connection_that_breaks_is_made_again(sshd: Sshd) -> None:
    """A verb goes on over a new connection."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    store.put_new("a", b"1")
    for client in tuple(sftp_connection._clients):
        if (transport := client.get_transport()) is not None:  # an earlier test's may be closed already
            transport.sock.close()
    assert store.size("a") == 1


def test_a_store_that_nobody_holds_keeps_no_connection(sshd: Sshd) -> None:
    """Whoever opens one after another, or is denied access and connects anew, piles none up."""
    url, options = sshd.fresh()
    before = resources.threads()
    store = open_store(url, storage_options=options)
    store.put_new("a", b"1")
    assert resources.threads() - before
    del store
    patience = time.monotonic() + 60
    while not resources.threads() <= before and time.monotonic() < patience:
        gc.collect()
        time.sleep(0.01)
    assert resources.threads() <= before


@pytest.mark.usefixtures("unmeasured")
def test_a_forked_child_has_a_connection_of_its_own(sshd: Sshd) -> None:
    """Its parent's is untouched."""
    url, options = sshd.fresh()
    command = [sys.executable, "-c", _FORKING, url, json.dumps(options)]
    assert subprocess.run(command, timeout=240, check=False).returncode == 0
    assert set(sshd.behind(url)) == {"a", "b"}


_FORKING = """
import json, os, sys
from modelver.storage import open_store
from modelver.storage.remote import sftp_connection

url, options = sys.argv[1:]
store = open_store(url, storage_options=json.loads(options))
store.put_new("a", b"1")
before = [*sftp_connection._clients]
if (child := os.fork()) == 0:
    store.put_new("b", b"2")
    os._exit(store.size("a") - 1)
assert os.waitpid(child, 0)[1] == 0
assert store.size("a") == 1
assert [*sftp_connection._clients] == before
"""


def test_a_range_is_read_whatever_the_server_gives_at_once(sshd: Sshd) -> None:
    """Big ranges are asked for in pieces, many at once."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    data = os.urandom(9 * 2**20 + 17)
    store.put_blob("blobs/ab", data)
    assert store.read_range("blobs/ab", 3, len(data)) == data[3:]
    assert store.read_range("blobs/ab", 2**20 + 1, 5 * 2**20) == data[2**20 + 1 :][: 5 * 2**20]


def test_what_is_not_there_is_not_read(sshd: Sshd) -> None:
    """Asked for more than a file has, the server tells of its end."""
    url, options = sshd.fresh()
    store = open_store(url, storage_options=options)
    store.put_blob("blobs/ab", b"12345" * 40_000)
    with sftp_connection.Connections(
        options_from({"host": "127.0.0.1", "port": sshd.port, **options}), 5
    ).lent() as sftp:
        with sftp.open(f"{_folder(sshd, url)}/blobs/ab") as file:
            assert sftp_wire.read(file, 5, 2**20) == (b"12345" * 40_000)[5:]
        with sftp.open(f"{_folder(sshd, url)}/blobs/ab") as file:
            assert sftp_wire.read(file, 2**20, 5) == b""


def _folder(sshd: Sshd, url: str) -> Path:
    return Path(url.removeprefix(sshd.url))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Taken(), Fault.EXISTS),
        (Ended(), Fault.ENDED),
        (Lost(), Fault.AGAIN),
        (EOFError(), Fault.AGAIN),
        (TimeoutError(), Fault.AGAIN),
        (paramiko.SSHException(), Fault.AGAIN),
        (FileNotFoundError(), Fault.MISSING),
        (PermissionError(), Fault.DENIED),
        (OSError("Failure"), Fault.OTHER),
    ],
    ids=repr,
)
def test_what_is_not_known_is_tried_again(error: Exception, fault: Fault) -> None:
    """What the server answered is not asked again; what broke on the way is."""
    assert trouble(error).fault is fault
