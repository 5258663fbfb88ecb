"""Local stores beside their contract: what lies in their folders, and what others do there."""

import os
import pickle
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelver.errors import AlreadyExists, IntegrityError, NotFound, StoreError
from modelver.storage.local import LocalStore
from modelver.storage.store import Entry

from .faults import tool, unprivileged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give the place of a store that is not there yet."""
    return tmp_path / "registry"


def test_reading_makes_nothing(root: Path) -> None:
    """A missing root reads as empty and stays missing; the first write makes it, with its parents."""
    store = LocalStore(root / "deep")
    assert list(store.list("")) == []
    with pytest.raises(NotFound, match="deep"):
        store.get("object", limit=1)
    assert abs(store.clock() - datetime.now(UTC)) < timedelta(minutes=5)
    assert not root.exists()
    store.put_new("object", b"1")
    assert sorted(path.name for path in (root / "deep").iterdir()) == ["object", "tmp"]


def test_a_file_is_no_root(tmp_path: Path) -> None:
    """A store can't be opened on a file."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a folder"):
        LocalStore(tmp_path / "file")


def test_the_address_is_the_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative root is fixed when the store is opened, whatever the working folder is later."""
    monkeypatch.chdir(tmp_path)
    store = LocalStore("some/../registry")
    monkeypatch.chdir("/")
    assert store.url == str(tmp_path / "registry")


def test_everything_is_promised(root: Path) -> None:
    """A local disk creates exclusively, lists strongly and keeps what was acknowledged."""
    guarantees = LocalStore(root).guarantees
    assert guarantees.exclusive_create
    assert guarantees.strong_listing
    assert guarantees.durable


def test_objects_are_read_only_and_follow_the_umask(root: Path) -> None:
    """Every object has mode 0444 less the umask, whichever way it came in."""
    code = (
        "import os, sys; from pathlib import Path; from modelver.storage import open_store; os.umask(0o027)\n"
        "s = open_store(sys.argv[1]); s.put_new('a', b'1'); s.put_blob('b', b'1'); s.incoming().publish('c')\n"
        "source = Path(sys.argv[1], 'source'); source.touch(); assert s.adopt(source, 'd', seen=source.stat())"
    )
    subprocess.run([sys.executable, "-c", code, str(root)], check=True)
    assert {key: (root / key).stat().st_mode & 0o777 for key in "abcd"} == dict.fromkeys("abcd", 0o440)


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "socket"])
def test_something_else_in_an_object_s_place_is_damage(
    kind: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, pipes and sockets are never followed, waited for or listed: IntegrityError names the place."""
    store = LocalStore(root)
    store.put_new("folder/good", b"1")
    place = root / "folder" / "bad"
    monkeypatch.chdir(place.parent)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as server:
        {
            "link": lambda: place.symlink_to("good"),
            "dangling link": lambda: place.symlink_to("missing"),
            "pipe": lambda: os.mkfifo(place),
            "socket": lambda: server.bind("bad"),
        }[kind]()
        for read in (lambda: store.get("folder/bad", limit=1), lambda: store.size("folder/bad")):
            with pytest.raises(IntegrityError, match="bad"):
                read()
        with pytest.raises(AlreadyExists):
            store.put_new("folder/bad", b"1")
        with pytest.raises(IntegrityError, match="bad"):
            store.put_blob("folder/bad", b"1")
    assert list(store.list("")) == [Entry("folder/good", 1)]


def test_foreign_files_are_not_listed(root: Path) -> None:
    """What desktops, editors and people leave in the folders is no object."""
    store = LocalStore(root)
    store.put_new("folder/object", b"1")
    for name in (".DS_Store", "object~", "Thumbs.db", "a b", ".nfs0001", "#x#"):
        (root / "folder" / name).touch()
    (root / ".git").mkdir()
    (root / ".git" / "config").touch()
    (root / "tmp" / "notes").touch()
    assert list(store.list("")) == [Entry("folder/object", 1)]
    assert list(store.folders("")) == ["folder"]


def test_listing_after_a_key_looks_at_no_earlier_file(root: Path) -> None:
    """In a folder of 10,000 objects, listing after the last but two asks the system about two files only."""
    names = [f"{number:020d}.json" for number in range(10_000)]
    (root / "log").mkdir(parents=True)
    for name in names:
        (root / "log" / name).touch()
    code = (
        "import sys; from modelver.storage import open_store; s = open_store(sys.argv[1]); open('/dev/null').close();"
        "print(*(entry.key for entry in s.list('log', after=sys.argv[2])))"
    )
    trace = root / "trace"
    strace = [tool("strace", "strace"), "-f", "--seccomp-bpf", "-o", str(trace), "--trace=%%stat"]
    command = [*strace, sys.executable, "-c", code, str(root), f"log/{names[-3]}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [f"log/{name}" for name in names[-2:]]
    assert sorted(set(re.findall(r"\d{20}\.json", trace.read_text()))) == names[-2:]


def test_a_listing_is_complete_at_any_size(root: Path) -> None:
    """10,000 objects in one folder are listed once each, in order."""
    names = [f"log/{number:020d}.json" for number in range(10_000)]
    (root / "log").mkdir(parents=True)
    for name in names:
        (root / name).touch()
    assert [entry.key for entry in LocalStore(root).list("")] == names


def test_a_folder_that_may_not_be_read_is_an_error(root: Path) -> None:
    """A listing that can't see everything is a StoreError, not a short listing."""
    store = LocalStore(root)
    store.put_new("open/object", b"1")
    store.put_new("shut/object", b"1")
    (root / "shut").chmod(0)
    code = (
        "import sys; from modelver.storage import open_store; from modelver.errors import StoreError\n"
        "s = open_store(sys.argv[1]); assert s.size('open/object') == 1\n"
        "for read in (lambda: list(s.list('')), lambda: s.size('shut/object'), lambda: s.get('shut/object', limit=9)):\n"
        "    try: read()\n"
        "    except StoreError as error: print(error)\n"
    )
    command = [*unprivileged(), sys.executable, "-c", code, str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.count("Permission denied") == 3
    assert done.stdout.count("shut") == 3


def test_the_clock_is_this_machine_s_where_nothing_can_be_written(root: Path) -> None:
    """Asking for the time is no write that could fail."""
    root.mkdir(mode=0o555)
    code = (
        "import sys; from modelver.storage import open_store; from datetime import *;"
        "s = open_store(sys.argv[1]); print(abs(s.clock() - datetime.now(UTC)) < timedelta(minutes=5))"
    )
    command = [*unprivileged(), sys.executable, "-c", code, str(root)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "True\n"
    assert list(root.iterdir()) == []


def test_folders_that_somebody_removed_are_made_again(root: Path) -> None:
    """A store that lives on writes on, though its folders, or its temporary files' folder, were removed."""
    store = LocalStore(root)
    store.put_new("log/1", b"1")
    (root / "log" / "1").unlink()
    (root / "log").rmdir()
    (root / "tmp").rmdir()
    store.put_new("log/1", b"2")
    assert store.get("log/1", limit=1) == b"2"


def test_bytes_whose_file_somebody_removed_are_not_published(root: Path) -> None:
    """A temporary file that was removed while it was written is a StoreError that says so."""
    store = LocalStore(root)
    with store.incoming() as incoming:
        for path in (root / "tmp").iterdir():
            path.unlink()
        with pytest.raises(StoreError, match="removed files of the registry"):
            incoming.publish("blobs/ab")
    assert list(store.list("")) == []


def test_a_link_whose_reply_was_lost_is_a_success(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over NFS a link may be made and yet reported as existing or failed: one file under both names is ours."""

    def link_and_lose_the_reply(path: Path, target: Path) -> None:
        os.link(target, path)
        raise FileExistsError

    store = LocalStore(root)
    store.put_new("log/0", b"0")
    monkeypatch.setattr(Path, "hardlink_to", link_and_lose_the_reply)
    store.put_new("log/1", b"mine")
    assert store.get("log/1", limit=4) == b"mine"
    assert list((root / "tmp").iterdir()) == []


def test_a_store_may_be_sent_to_another_process(root: Path) -> None:
    """A pickled store opens the same folder."""
    store = LocalStore(root)
    store.put_new("object", b"1")
    assert pickle.loads(pickle.dumps(store)).get("object", limit=1) == b"1"  # noqa: S301 (our own bytes)


def test_a_store_may_be_used_after_a_fork(root: Path) -> None:
    """Parent and child, forked while bytes are on their way, write on with one store."""
    code = (
        "import os, sys; from modelver.storage import open_store; s = open_store(sys.argv[1]); i = s.incoming()\n"
        "os.write(i.fileno(), b'parent')\n"
        "child = os.fork()\n"
        "if child == 0:\n    s.put_new('child', b'1'); os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "i.publish('parent'); s.put_new('later', b'1')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(root)], check=True)
    assert [entry.key for entry in LocalStore(root).list("")] == ["child", "later", "parent"]


def test_damaged_sizes_name_the_file_and_the_way_out(root: Path) -> None:
    """The error for a truncated blob has its path, both sizes and what to do."""
    store = LocalStore(root)
    store.put_blob("blobs/ab", b"weights")
    os.truncate(root / "blobs" / "ab", 3)
    with pytest.raises(IntegrityError) as caught:
        store.put_blob("blobs/ab", b"weights")
    assert str(root / "blobs" / "ab") in str(caught.value)
    assert (caught.value.expected, caught.value.found) == ("7 bytes", "3")
    assert "register again" in caught.value.hint
