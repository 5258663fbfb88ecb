"""Writers are killed at random moments: a version is whole or absent, and doing it again completes it."""

import random
import secrets
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import objects, temporary_files

from .processes import Process

ROUNDS = [8, pytest.param(200, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
MODEL = "acme/fraud"


def chances() -> random.Random:
    """Return a source of chance; its seed is printed, and pytest shows it where a test fails."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 (for who looks into a failure)
    return random.Random(seed)  # noqa: S311 (no secret)


def written(folder: Path, chance: random.Random) -> dict[str, bytes]:
    """Write a new release of a model into a folder; return its files."""
    files = {"model.bin": chance.randbytes(2_000_000), "config.json": b'{"seed":%d}' % chance.getrandbits(32)}
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files


def read(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def versions(registry: mv.Registry) -> list[mv.ModelVersion]:
    """Return the versions, none where the model was not made yet."""
    return registry.versions(MODEL) if registry.models() else []


def contents(root: Path, version: mv.ModelVersion) -> dict[str, bytes]:
    """Return the files of a version as they are stored."""
    return {
        entry.path: (root / "blobs" / "sha256" / entry.sha256[:2] / entry.sha256).read_bytes()
        for entry in version.files
    }


def blobs(root: Path) -> set[str]:
    """Return the keys of all blobs."""
    return {key for key in objects(root) if key.startswith("blobs/")}


def duration(process: Process, build: Path, *, move: bool) -> float:
    """Return how many seconds a registration takes that nobody disturbs."""
    written(build, random.Random(0))  # noqa: S311 (no secret)
    known = process.registry
    process.registry = known.with_name("trial")
    ended = process.killed(None, "register", MODEL, str(build), capture=False, move=move)
    assert ended["code"] == 0
    process.registry = known
    return float(ended["seconds"])


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_killed_registration_is_whole_or_absent(rounds: int, move: bool, tmp_path: Path) -> None:
    """After SIGKILL the registry opens and verifies; the same call gives the version, once, and clears the litter."""
    chance = chances()
    root, cache, build = tmp_path / "registry", tmp_path / "cache", tmp_path / "build"
    undisturbed = mv.Registry(tmp_path / "undisturbed")
    kills = 0
    mv.Registry(root, create=True)
    with Process(root, cache) as process:
        process.call("warm_up")
        lasts = duration(process, build, move=move)
        for number in range(rounds):
            files = written(build, chance)
            options = {"capture": False, "move": move, "commit_id": f"release-{number}"}
            after = chance.uniform(0, 1.2 * lasts)
            ended = process.killed(after, "register", MODEL, str(build), **options)
            # The first call may have been slow; one that outlived its time says that the next has to be shorter.
            lasts = lasts / 2 if ended["code"] == 0 else lasts
            kills += ended["code"] == -9
            registry = mv.Registry(root, cache_dir=cache)
            assert registry.verify(), f"round {number}, killed after {after} s"
            found = len(versions(registry))
            assert found in {number, number + 1}
            if found == number:
                assert read(build) == files
            version = registry.register(MODEL, build, **options)  # type: ignore[arg-type] # as given
            assert str(version.version) == f"1.{number}.0"
            assert contents(root, version) == files
            assert read(build) == ({} if move else files)
            assert len(versions(registry)) == number + 1
            registry.set_alias(MODEL, "production", version)
            assert temporary_files(root) == []
            undisturbed.register(MODEL, {**files}, capture=False)
    assert kills
    assert blobs(root) == blobs(tmp_path / "undisturbed")
    assert registry.verify()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_killed_move_of_an_alias_happened_or_not(rounds: int, tmp_path: Path) -> None:
    """After SIGKILL the alias names the old version or the new one; the same call moves it, and history says it once."""
    chance = chances()
    root, cache = tmp_path / "registry", tmp_path / "cache"
    registry = mv.Registry(root, cache_dir=cache)
    for content in (b"1", b"2"):
        registry.register(MODEL, {"model.bin": content}, aliases=["production"], capture=False)
    kills = 0
    with Process(root, cache) as process:
        process.call("warm_up")
        lasts = process.killed(None, "set_alias", MODEL, "trial", "1.0.0")["seconds"]
        for number in range(rounds):
            old, new = [("1.1.0", "1.0.0"), ("1.0.0", "1.1.0")][number % 2]
            after = chance.uniform(0, 1.2 * lasts)
            options = {"reason": str(number), "commit_id": f"move-{number}"}
            ended = process.killed(after, "set_alias", MODEL, "production", new, **options)
            lasts = lasts / 2 if ended["code"] == 0 else lasts  # as above
            kills += ended["code"] == -9
            registry = mv.Registry(root, cache_dir=cache)
            assert registry.verify(), f"round {number}, killed after {after} s"
            assert str(registry.get(f"{MODEL}@production").version) in {old, new}
            moved = registry.set_alias(MODEL, "production", new, **options)
            assert str(moved.version) == new
            assert len(registry.history(MODEL, alias="production")) == 2 + number + 1
            registry.annotate(f"{MODEL}:1.0.0", f"round {number}")
            assert temporary_files(root) == []
    assert kills
    assert len(registry.versions(MODEL)) == 2
