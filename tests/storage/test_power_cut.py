"""A power cut takes what was only in memory: what was acknowledged is on the disk, and nothing else is there in part."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from . import scenario
from .faults import SIZE, power_cut, tool, traced

pytestmark = pytest.mark.full

IMAGE_SIZE = 16 * 2**20
VERBS = ("put_new", "put_blob", "incoming", "adopt")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Give an empty disk."""
    path = tmp_path / "image"
    path.touch()
    os.truncate(path, IMAGE_SIZE)
    subprocess.run([tool("mkfs.ext4", "e2fsprogs"), "-q", str(path)], check=True)
    return path


def objects(found: Path) -> dict[str, bytes]:
    """Return the objects that survived, leaving out temporary files."""
    root = found / "registry"
    files = [path for path in root.rglob("*") if path.is_file() and path.parent.name != "tmp"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_a_careless_write_is_lost(image: Path, tmp_path: Path) -> None:
    """A file that was written without any sync doesn't survive whole: so these power cuts do take what is in memory."""
    disk, found = tmp_path / "disk", tmp_path / "found"
    command = ["sh", "-c", f"mkdir '{disk}/registry' && echo careless > '{disk}/registry/object'"]
    subprocess.run([*power_cut(image, disk, found), *command], check=True)
    assert objects(found).get("object") != b"careless\n"


@pytest.mark.parametrize("verb", VERBS)
def test_what_was_acknowledged_survives(verb: str, image: Path, tmp_path: Path) -> None:
    """Whatever the way in: when the write has returned, a power cut leaves the object whole, and its folders."""
    disk, found = tmp_path / "disk", tmp_path / "found"
    cut = power_cut(image, disk, found)
    done = traced(verb, disk / "registry", prefix=cut, log=tmp_path / "trace")
    assert done.outcome == "done"
    assert objects(found) == {scenario.KEY: scenario.content(SIZE)}


@pytest.mark.parametrize("verb", VERBS)
def test_a_power_cut_at_any_call_leaves_the_object_whole_or_absent(
    verb: str, image: Path, tmp_path: Path
) -> None:
    """At each call that changes files, the disk has all of the object or nothing of it."""
    calls = [call for call in traced(verb, tmp_path / "whole" / "registry").calls if call.changes]
    survived = []
    for call in calls:
        folder = tmp_path / f"{call.name}-{call.number}"
        folder.mkdir()
        shutil.copy(image, folder / "image")
        disk, found = folder / "disk", folder / "found"
        cut = power_cut(folder / "image", disk, found)
        inject = (f"{call.name}:signal=KILL:when={call.number}",)
        killed = traced(verb, disk / "registry", inject=inject, prefix=cut, log=folder / "trace")
        assert killed.outcome == "killed"
        assert killed.calls[-1].name == call.name
        assert objects(found) in ({}, {scenario.KEY: scenario.content(SIZE)})
        survived.append(bool(objects(found)))
    assert not survived[0]
    assert survived[-1]
