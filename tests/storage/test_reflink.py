"""Reflinks: shared blocks where a file system can, and False where it can't."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelver.storage import reflink
from modelver.storage.reflink import clone

from .faults import mounted, tool

CLONE = (
    "import os, sys; from modelver.storage.reflink import clone; os.chdir(sys.argv[1])\n"
    "data = os.urandom(1 << 22) + b'odd'; source = open('source', 'w+b'); source.write(data); source.flush()\n"
    "target = open('target', 'w+b'); target.write(b'before'); target.flush()\n"
    "free = os.statvfs('.').f_bfree; done = clone(source.fileno(), target.fileno()); os.sync()\n"
    "print(done, open('target', 'rb').read() == data, free - os.statvfs('.').f_bfree < 100)\n"
    "target.seek(0); target.write(b'changed'); target.flush(); print(open('source', 'rb').read() == data)\n"
)


@pytest.mark.full
def test_a_clone_shares_its_blocks(tmp_path: Path) -> None:
    """On XFS a clone has the bytes, takes no space, and is a file of its own when it is written to."""
    if os.geteuid() != 0:
        pytest.fail("this test mounts a disk image: run it as root", pytrace=False)
    image, disk = tmp_path / "image", tmp_path / "disk"
    disk.mkdir()
    image.touch()
    os.truncate(image, 512 * 2**20)
    subprocess.run([tool("mkfs.xfs", "xfsprogs"), "-q", str(image)], check=True)
    command = [*mounted(f"mount -o loop '{image}' '{disk}'"), sys.executable, "-c", CLONE, str(disk)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "True", "True", "True"]


def test_where_blocks_can_t_be_shared_the_answer_is_no(tmp_path: Path) -> None:
    """On tmpfs nothing is cloned, and the target is left as it was."""
    command = [*mounted(f"mount -t tmpfs none '{tmp_path}'"), sys.executable, "-c", CLONE, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split()[:2] == ["False", "False"]


def test_descriptors_of_the_wrong_kind_are_no(tmp_path: Path) -> None:
    """A source that can't be read from, or a target that can't be written to, is not cloned."""
    (tmp_path / "file").write_bytes(b"1")
    read, write = os.pipe()
    with (tmp_path / "file").open("rb") as file:
        assert not clone(read, file.fileno())
        assert not clone(file.fileno(), write)
    os.close(read)
    os.close(write)


def test_a_system_without_the_call_clones_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux the bytes are copied."""
    monkeypatch.setattr(reflink, "fcntl", None)
    with (tmp_path / "a").open("w+b") as one, (tmp_path / "b").open("w+b") as other:
        assert not clone(one.fileno(), other.fileno())
