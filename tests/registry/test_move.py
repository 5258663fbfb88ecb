"""Registering by moving: the files are gone when the version stands, and never before."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import modelver as mv
from tests.measuring import unmeasured_environment
from tests.registries import MODEL, objects, snapshot, temporary_files, weights, write_tree


def moved(registry: mv.Registry, source: object, **arguments: object) -> mv.ModelVersion:
    """Register by moving."""
    return registry.register(MODEL, source, move=True, capture=False, **arguments)  # type: ignore[arg-type] # as given


def test_moved_files_become_blobs(registry: mv.Registry, root: Path, build: Path) -> None:
    """No byte is copied: the inodes are the same, and the folder is left empty."""
    inodes = {path.stat().st_ino for path in build.rglob("*") if path.is_file()}
    version = moved(registry, build)
    assert not [path for path in build.rglob("*") if path.is_file()]
    assert inodes <= {path.stat().st_ino for path in (root / "blobs").rglob("*")}
    assert (registry.load(version) / "model.bin").read_bytes() == b"weights"
    assert registry.verify()


def test_other_sources_are_taken_as_ever(memory: mv.Registry, build: Path) -> None:
    """Bytes are stored, and a store that can't take files gets copies; local files are gone all the same."""
    version = moved(memory, {"a.bin": b"bytes", "model.bin": build / "model.bin"})
    assert not (build / "model.bin").exists()
    assert (build / "config.json").exists()
    assert [entry.path for entry in version.files] == ["a.bin", "model.bin"]


REFUSALS = ["the version exists", "nothing changed", "a yanked alias", "a malformed file"]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refused_move_leaves_the_folder_as_it_was(refusal: str, registry: mv.Registry, build: Path) -> None:
    """Names, bytes, permissions; and nothing of it is shared with the registry."""
    (build / "model.bin").chmod(0o640)
    first = registry.register(MODEL, build, capture=False)
    arguments: dict[str, object] = {}
    if refusal == "the version exists":
        arguments = {"version": "1.0.0", "changelog": "other"}
    elif refusal == "nothing changed":
        arguments = {"if_unchanged": "error"}
    elif refusal == "a yanked alias":
        registry.yank(first, reason="bad")
        arguments = {"version": "1.0.0", "aliases": ["production"]}
    else:
        write_tree(build, {"m.safetensors": weights(a=[1])[:-1]})
    before = snapshot(build)
    with pytest.raises(mv.ModelverError):
        moved(registry, build, **arguments)
    assert snapshot(build) == before
    assert {path.stat().st_nlink for path in build.rglob("*") if path.is_file()} == {1}
    assert registry.verify()


def test_unchanged_content_is_taken_away_too(registry: mv.Registry, build: Path) -> None:
    """The version that is there holds all of it: the call succeeded, so the sources are gone."""
    first = registry.register(MODEL, build, capture=False)
    again = moved(registry, build)
    assert (again, again.created) == (first, False)
    assert not [path for path in build.rglob("*") if path.is_file()]


SCRIPT = """
import os, sys
import modelver as mv
from modelver.registry.versions import registering

def stop(*_):
    os.kill(os.getpid(), 9)

when, url, source = sys.argv[1:]
registry = mv.Registry(url)
if when == "stored":
    registering.commit_version = stop
elif when == "committed":
    registering.Moves.finish = stop
registry.register("acme/fraud", source, move=True, capture=False)
"""


@pytest.mark.parametrize("when", ["stored", "committed"])
def test_after_a_kill_nothing_is_lost_and_the_next_call_finishes(
    when: str, registry: mv.Registry, root: Path, build: Path
) -> None:
    """Killed before the commit, or right after it: every file still has its name, and the same call takes it away."""
    before = {path: path.read_bytes() for path in build.rglob("*") if path.is_file()}
    environment = unmeasured_environment()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, when, str(root), str(build)], env=environment, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert {path: path.read_bytes() for path in build.rglob("*") if path.is_file()} == before
    version = moved(registry, build)
    assert version.version == "1.0.0"
    assert version.created is (when == "stored")
    assert not [path for path in build.rglob("*") if path.is_file()]
    assert {path.stat().st_nlink for path in (root / "blobs").rglob("*") if path.is_file()} == {1}
    assert temporary_files(root) == []
    assert registry.verify()


def test_ctrl_c_gives_files_back(registry: mv.Registry, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interruption is a failure like any other."""
    before = snapshot(build)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("modelver.registry.versions.registering.commit_version", interrupt)
    with pytest.raises(KeyboardInterrupt):
        moved(registry, build)
    assert snapshot(build) == before
    assert {path.stat().st_nlink for path in build.rglob("*") if path.is_file()} == {1}


def test_writing_to_what_was_given_back_does_not_reach_the_registry(
    registry: mv.Registry, root: Path, build: Path
) -> None:
    """After a refusal the user goes on with the files; the blobs stay what they are."""
    registry.register(MODEL, build, capture=False)
    with pytest.raises(mv.AlreadyExists):
        moved(registry, build, if_unchanged="error")
    write_tree(build, {"other.bin": b"more"})
    with pytest.raises(mv.AlreadyExists):
        moved(registry, build, version="1.0.0")
    stored = objects(root)
    for path in build.rglob("*"):
        if path.is_file():
            path.write_bytes(b"overwritten in place")
    assert objects(root) == stored
