"""Whatever happens to any stored byte is found and named, and never reaches a loader."""

import os
import random
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, objects, weights

KINDS = {
    "the founding file": "modelver.json",
    "commits": "models/acme--fraud/log/*",
    "checkpoints": "models/acme--fraud/checkpoints/*",
    "blobs": "blobs/sha256/*/*",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a small registry that has one of everything: files, manifests, maps, provenance, commits, a checkpoint."""
    monkeypatch.setattr("modelver.log.append._MIN_TAIL", 2)
    registry = mv.Registry(tmp_path / "registry", cache_dir=tmp_path / "writer's cache")
    for value, run in ((1.0, "run-1"), (2.0, None)):
        registry.register(MODEL, {"model.safetensors": weights(a=[value])}, run=run, capture=False)
    registry.set_alias(MODEL, "production", "1.0.0")
    assert {len(list((tmp_path / "registry").glob(pattern))) for pattern in KINDS.values()} == {1, 4, 7}
    return tmp_path / "registry"


def on_another_machine(root: Path) -> mv.Registry:
    """Open a registry without memory: no head that was seen before helps to find what is wrong."""
    (root.parent / "no folder").touch()
    return mv.Registry(root, cache_dir=root.parent / "no folder" / "cache")


def named(root: Path) -> set[str]:
    """Return what `verify` finds wrong."""
    report = on_another_machine(root).verify()
    assert bool(report) == (not report.findings)
    return {finding.object for finding in report.findings}


@contextmanager
def replaced(root: Path, key: str, data: bytes | None) -> Iterator[None]:
    """Replace an object's bytes behind the registry's back, or delete it; put it back in the end."""
    path = root / key
    original = path.read_bytes()
    path.chmod(0o644)
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(original)


def flips(path: Path, spacing: int) -> Iterator[int]:
    """Flip one bit of a file after the other, each back again before the next; yield its number.

    Args:
        path: The file.
        spacing: One bit of so many is flipped; which of them, a seed decides that is printed.
    """
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 (for who looks into a failure)
    chance = random.Random(seed)  # noqa: S311 (no secret)
    data = path.read_bytes()
    path.chmod(0o644)
    with path.open("r+b", buffering=0) as file:
        for first in range(0, 8 * len(data), spacing):
            bit = min(first + chance.randrange(spacing), 8 * len(data) - 1)
            os.pwrite(file.fileno(), bytes([data[bit // 8] ^ (1 << bit % 8)]), bit // 8)
            try:
                yield bit
            finally:
                os.pwrite(file.fileno(), data[bit // 8 :][:1], bit // 8)


OF_EACH_BYTE = 12
SPACINGS = [5 * OF_EACH_BYTE, pytest.param(1, marks=[pytest.mark.full, pytest.mark.timeout(3600)])]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_flipped_bit_is_found_and_named(spacing: int, kind: str, root: Path) -> None:
    """One bit of any stored object is enough for `verify` to name that object."""
    assert named(root) == set()
    for path in root.glob(KINDS[kind]):
        key = path.relative_to(root).as_posix()
        for bit in flips(path, spacing):
            assert key in named(root), f"bit {bit} of {key}"
    assert named(root) == set()


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "the last byte cut": lambda data: data[:-1],
    "the first byte cut": lambda data: data[1:],
    "half of it cut": lambda data: data[: len(data) // 2],
    "emptied": lambda _: b"",
    "a byte more": lambda data: data + b"\n",
    "a byte before": lambda data: b" " + data,
    "twice": lambda data: data + data,
    "zeros": lambda data: bytes(len(data)),
    "deleted": lambda _: None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_object_is_found_and_named(damage: str, root: Path) -> None:
    """Whichever object is cut, extended, emptied or deleted, `verify` names it."""
    newest = max(key for key in objects(root) if "/log/" in key)
    for key, data in objects(root).items():
        with replaced(root, key, DAMAGES[damage](data)):
            if damage == "deleted" and "/checkpoints/" in key:
                assert named(root) == set()  # it is derived, and may go
            elif damage == "deleted" and key == newest:
                assert named(root) == set()  # nothing stored can tell; who saw it, can: see below
            else:
                assert key in named(root), key
    assert named(root) == set()


def test_a_cut_log_is_found_by_who_saw_it_whole(root: Path) -> None:
    """The newest commit's absence shows on a machine that read it before."""
    newest = max(key for key in objects(root) if "/log/" in key)
    with replaced(root, newest, None):
        report = mv.Registry(root, cache_dir=root.parent / "writer's cache").verify()
        assert newest in {finding.object for finding in report.findings}
        with pytest.raises(mv.RollbackDetected):
            mv.Registry(root, cache_dir=root.parent / "writer's cache").get(f"{MODEL}@production")


def test_swapped_objects_are_found_and_named(root: Path) -> None:
    """Two objects that change places are both named: each is whole, but not what its name says."""
    found = objects(root)
    for one in found:
        for other in found:
            if one < other and found[one] != found[other]:
                with replaced(root, one, found[other]), replaced(root, other, found[one]):
                    assert named(root) & {one, other}, (one, other)
    assert named(root) == set()


def test_an_object_under_a_second_name_is_found_and_named(root: Path) -> None:
    """A copy of a commit, a checkpoint or a blob in a place that isn't its own is no more than litter."""
    for key in objects(root):
        if key != "modelver.json":
            digit = "5" if key[-6] != "5" else "6"
            copy = f"{key[:-6]}{digit}{key[-5:]}"
            shutil.copyfile(root / key, root / copy)
            assert copy in named(root), copy
            (root / copy).unlink()


@pytest.mark.parametrize("spacing", [12 * OF_EACH_BYTE, pytest.param(OF_EACH_BYTE, marks=pytest.mark.full)])
def test_no_flipped_bit_reaches_a_loader(spacing: int, root: Path, tmp_path: Path) -> None:
    """Loaded by an alias for the first time, a damaged registry gives the right bytes or an error."""
    whole = weights(a=[1.0])
    refused = 0
    for key in objects(root):
        for bit in flips(root / key, spacing):
            cache = tmp_path / "caches" / key / str(bit)
            try:
                loaded = mv.Registry(root, cache_dir=cache).load(f"{MODEL}@production")
            except mv.Corrupt:
                refused += 1
                assert not list((cache / "versions").rglob("*.safetensors"))
            else:
                assert (loaded / "model.safetensors").read_bytes() == whole, f"bit {bit} of {key}"
    assert refused


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("own", [False, True])
def test_a_flipped_bit_in_weights_is_an_integrity_error(
    own: bool, spacing: int, root: Path, tmp_path: Path
) -> None:
    """The load names the blob, for the shared folder and for one's own, and makes neither."""
    registry = mv.Registry(root)
    entry = registry.get(f"{MODEL}@production").files[0]
    for _ in flips(root / "blobs" / "sha256" / entry.sha256[:2] / entry.sha256, spacing):
        with pytest.raises(mv.IntegrityError, match=entry.sha256):
            registry.load(f"{MODEL}@production", to=tmp_path / "mine" if own else None)
        assert not (tmp_path / "mine").exists()
    assert (registry.load(f"{MODEL}@production") / "model.safetensors").read_bytes() == weights(a=[1.0])


@pytest.mark.parametrize("verify", ["stamp", "fast", "full"])
@pytest.mark.parametrize("mtime", ["new", "kept"])
def test_a_flipped_bit_in_a_shared_folder_is_mended(mtime: str, verify: str, root: Path) -> None:
    """Every way to verify sees what was written to the cache, be it behind a kept mtime, and makes the folder anew."""
    registry = mv.Registry(root)
    whole = weights(a=[1.0])
    for byte in range(len(whole)):
        path = registry.load(f"{MODEL}@production") / "model.safetensors"
        before = path.stat()
        path.chmod(0o644)
        with path.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), bytes([whole[byte] ^ (1 << byte % 8)]), byte)
        if mtime == "kept":
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        path.chmod(0o444)
        loaded = registry.load(f"{MODEL}@production", verify=verify)
        assert (loaded / "model.safetensors").read_bytes() == whole
