"""SIGKILL at any moment of laying a version out: whoever reads there finds a whole version, and the next call goes on."""

import random
import secrets
from pathlib import Path

import pytest

import modelver as mv
from tests.serving.triton_schema import parsed

from .processes import Process

ROUNDS = [6, pytest.param(150, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
MODEL = "fraud"


def made(chance: random.Random) -> dict[str, bytes]:
    """Return files of a version: some small ones, and one that takes some time."""
    small = {f"folder/{number}.txt": chance.randbytes(20) for number in range(8)}
    return {**small, "model.plan": chance.randbytes(3_000_000)}


def found(place: Path, layout: str) -> dict[str, bytes]:
    """Return the files that a server reads there; none where there is nothing yet."""
    folder = place
    if layout == "triton":
        config = place / MODEL / "config.pbtxt"
        if not place.exists():
            return {}
        (number,) = parsed(config.read_bytes()).version_policy.specific.versions
        folder = place / MODEL / str(number)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("layout", ["plain", "triton"])
@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_killed_layout_shows_no_half(rounds: int, layout: str, tmp_path: Path) -> None:
    """The version before, or the new one, all of it; and nothing is left of the broken call after the next."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 (for who looks into a failure)
    chance = random.Random(seed)  # noqa: S311 (no secret)
    root, cache, place = tmp_path / "registry", tmp_path / "cache", tmp_path / "serving" / "place"
    registry = mv.Registry(root, cache_dir=cache)
    options = {"keep": 1, "grace": 0}
    kept, kills, lasts = {}, 0, 0.0
    with Process(root, cache) as process:
        process.call("warm_up")
        for number in range(rounds + 1):
            files = made(chance)
            registry.register(MODEL, files, capture=False, changelog="x", version=f"1.{number}.0")
            ref = f"{MODEL}:1.{number}.0"
            served = files if layout == "plain" else {"model.plan": files["model.plan"]}
            after = chance.uniform(0, 1.2 * lasts) if number else None
            ended = process.killed(after, "materialize", ref, str(place), layout, **options)
            # The first call may have been slow; one that outlived its time says that the next has to be shorter.
            lasts = lasts / 2 if lasts and ended["code"] == 0 else lasts or float(ended["seconds"])
            kills += ended["code"] == -9
            assert found(place, layout) in (kept, served), f"round {number}, killed after {after} s"
            registry.materialize(ref, place, layout, **options)  # type: ignore[arg-type] # as given
            assert found(place, layout) == served
            kept = served
            home = place.parent / ".place.modelver"
            assert not [
                path for path in home.rglob("*") if path.name.startswith(("tmp-", "partial-", "kept-"))
            ]
            folders = [
                path for path in (home if layout == "plain" else place / MODEL).iterdir() if path.is_dir()
            ]
            assert len(folders) == 1
    assert kills
