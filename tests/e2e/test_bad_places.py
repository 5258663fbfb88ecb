"""Disks that are full or read-only and files that may not be read: an error of its own, and nothing is changed."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import modelver as mv
from tests.registries import MODEL, ordinary_account, snapshot, write_tree
from tests.storage.faults import mounted

from .processes import Process

BIG = 3 * 2**20


def small_disk(place: Path, size: str = "2m") -> tuple[str, ...]:
    """Return a prefix that runs the rest with a small disk in a folder's place, filled with what was there."""
    place.mkdir(exist_ok=True)
    return mounted(
        f"cp -a '{place}' '{place}.before'",
        f"mount -t tmpfs -o size={size} none '{place}'",
        f"cp -a '{place}.before/.' '{place}'",
    )


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("filled", [False, True])
def test_a_full_disk_changes_nothing(filled: bool, move: bool, tmp_path: Path) -> None:
    """A file that doesn't fit is a StoreError that asks for space; no byte of it stays, and a smaller one goes in."""
    root = tmp_path / "registry"
    if filled:
        mv.Registry(root).register(MODEL, {"model.bin": b"0"}, aliases=["production"], capture=False)
    build = write_tree(tmp_path / "build", {"model.bin": os.urandom(BIG), "config.json": "{}"})
    given = snapshot(build)
    with Process(root, tmp_path / "cache", small_disk(root)) as process:
        before = process.call("versions_files_and_report", MODEL)
        kind, message = process.attempt("register", MODEL, str(build), move=move, capture=False)
        assert kind == "StoreError"
        assert os.strerror(errno.ENOSPC) in message
        assert "Free" in message
        after = process.call("versions_files_and_report", MODEL)
        assert after["versions"] == before["versions"]
        assert after["log"] == before["log"]
        assert after["temporary"] == []
        assert after["fine"]
        assert snapshot(build) == given
        (build / "model.bin").write_bytes(b"small")
        assert process.call("register", MODEL, str(build), move=move, capture=False)[1] is True


def test_a_full_cache_hinders_no_registration(tmp_path: Path) -> None:
    """The user's cache only saves time: without space in it a version is registered as ever; a load says what is full."""
    root, cache = tmp_path / "registry", tmp_path / "cache"
    build = write_tree(tmp_path / "build", {"model.bin": os.urandom(BIG)})
    with Process(root, cache, (*small_disk(cache, "16k"), "sh", "-c", FILL.format(cache), "sh")) as process:
        assert process.call("register", MODEL, str(build), capture=False) == ["1.0.0", True]
        assert process.call("register", MODEL, str(build), capture=False) == ["1.0.0", False]
        kind, message = process.attempt("load", f"{MODEL}:1.0.0")
        assert kind == "StoreError"
        assert os.strerror(errno.ENOSPC) in message
    assert mv.Registry(root).verify()


FILL = "chmod 700 '{0}' && cat /dev/zero > '{0}/filler' 2>/dev/null; exec \"$@\""


def test_a_read_only_registry_is_left_alone(tmp_path: Path) -> None:
    """On a read-only mount every write is a StoreError that says so, and every reading works."""
    root = tmp_path / "registry"
    mv.Registry(root).register(MODEL, {"model.bin": b"0"}, aliases=["production"], capture=False)
    build = write_tree(tmp_path / "build", {"model.bin": b"1"})
    before = snapshot(root), snapshot(build)
    prefix = mounted(f"mount --bind '{root}' '{root}'", f"mount -o remount,ro,bind '{root}'")
    with Process(root, tmp_path / "cache", prefix) as process:
        for move in (False, True):
            kind, message = process.attempt("register", MODEL, str(build), move=move, capture=False)
            assert kind == "StoreError"
            assert "read-only" in message
        kind, message = process.attempt("set_alias", MODEL, "staging", "1.0.0", reason="go")
        assert (kind, "read-only" in message) == ("StoreError", True)
        assert process.call("get", f"{MODEL}@production") == ["1.0.0", False]
        assert process.call("versions_files_and_report", MODEL)["fine"]
    assert (snapshot(root), snapshot(build)) == before


def test_a_place_where_no_registry_can_be_made_stays_empty(tmp_path: Path) -> None:
    """A new registry on a read-only mount is a StoreError."""
    place = tmp_path / "place"
    place.mkdir()
    prefix = mounted(f"mount --bind '{place}' '{place}'", f"mount -o remount,ro,bind '{place}'")
    with Process(place / "registry", tmp_path / "cache", prefix) as process:
        kind, message = process.attempt("register", MODEL, {"model.bin": str(Path(__file__))}, capture=False)
        assert (kind, "read-only" in message) == ("StoreError", True)
    assert list(place.iterdir()) == []


def unreadable_file(build: Path) -> Path:
    """Take the permission to read a file away."""
    (build / "model.bin").chmod(0o000)
    return build


def unreadable_folder(build: Path) -> Path:
    """Take the permission to list a folder away."""
    (build / "prompts").chmod(0o000)
    return build


def hidden_file(build: Path) -> Path:
    """Take the permission to reach a file away."""
    build.chmod(0o000)
    return build / "model.bin"


UNREADABLE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "a file": (r"model\.bin", unreadable_file),
    "a folder": ("prompts", unreadable_folder),
    "a file behind a folder": (r"model\.bin", hidden_file),
}


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_may_not_be_read_changes_nothing(name: str, filled: bool) -> None:
    """A source without permission is a StoreError that names it."""
    message, make = UNREADABLE[name]
    with ordinary_account() as home:
        registry = mv.Registry(home / "registry", cache_dir=home / "cache")
        if filled:
            registry.register(MODEL, {"model.bin": b"0"}, capture=False)
        build = write_tree(home / "build", {"config.json": "{}", "model.bin": b"1", "prompts/a.txt": "hi"})
        before = snapshot(home / "registry")
        source = make(build)
        try:
            for move in (False, True):
                with pytest.raises(mv.StoreError, match=message):
                    registry.register(MODEL, source, move=move, capture=False)
        finally:
            for path in (build, build / "prompts"):
                path.chmod(0o755)
        assert (home / "registry").exists() == filled
        assert snapshot(home / "registry") == before
