"""The memory of heads only moves up, whoever writes to it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.cache.heads import HeadMemory

pytestmark = pytest.mark.usefixtures("unmeasured")

Workers = Callable[[str, int, Path], list[str]]


def test_nothing_was_seen_at_first(tmp_path: Path) -> None:
    """A log that was never read has no head in memory, and asking makes nothing."""
    assert HeadMemory(tmp_path / "cache").seen("registry", "acme--fraud") is None
    assert not (tmp_path / "cache").exists()


def test_a_head_is_remembered(tmp_path: Path) -> None:
    """A later process knows number and digest of the highest commit."""
    assert HeadMemory(tmp_path).remember("registry", "acme--fraud", 3, "sha256:ab") == (3, "sha256:ab")
    assert HeadMemory(tmp_path).seen("registry", "acme--fraud") == (3, "sha256:ab")


def test_another_digest_under_the_same_number_replaces_nothing(tmp_path: Path) -> None:
    """A rewritten commit is answered with the one seen before."""
    heads = HeadMemory(tmp_path)
    heads.remember("registry", "log", 3, "first")
    assert heads.remember("registry", "log", 3, "other") == (3, "first")
    assert heads.seen("registry", "log") == (3, "first")


@given(numbers=st.lists(st.integers(1, 2**63), min_size=1))
def test_it_only_moves_up(tmp_path_factory: pytest.TempPathFactory, numbers: list[int]) -> None:
    """In whichever order commits are seen, the highest so far is remembered."""
    heads = HeadMemory(tmp_path_factory.mktemp("cache"))
    for i, number in enumerate(numbers):
        highest = max(numbers[: i + 1])
        assert heads.remember("registry", "log", number, f"d{number}") == (highest, f"d{highest}")


def test_registries_and_logs_are_kept_apart(tmp_path: Path) -> None:
    """Logs of one name in two registries, and two logs of one registry, have heads of their own."""
    heads = HeadMemory(tmp_path)
    places = [("r1", "a"), ("r1", "b"), ("r2", "a"), ("r1a", ""), ("", "r1a")]
    for seq, place in enumerate(places, start=1):
        heads.remember(*place, seq, "d")
    assert [heads.seen(*place) for place in places] == [(seq, "d") for seq in range(1, 6)]


def test_without_a_cache_the_head_given_is_answered(tmp_path: Path) -> None:
    """Where nothing can be remembered, nothing is in the caller's way."""
    (tmp_path / "file").touch()
    heads = HeadMemory(tmp_path / "file")
    assert heads.remember("registry", "log", 3, "digest") == (3, "digest")
    assert heads.seen("registry", "log") is None


def test_processes_at_once_never_move_it_down(tmp_path: Path, workers: Workers) -> None:
    """Six processes that see commits in random order agree on the highest, and none is answered with a lower one."""
    script = """
import random, sys
from pathlib import Path
from modelver.cache.heads import HeadMemory
number, heads = int(sys.argv[1]), HeadMemory(Path(sys.argv[2]))
order = random.Random(number)
last = 0
for _ in range(60):
    seq = order.randrange(1, 1000)
    now, digest = heads.remember("registry", "log", seq, f"d{seq}")
    assert now >= max(seq, last) and digest == f"d{now}"
    last = now
    assert heads.seen("registry", "log")[0] >= now
print(last)
"""
    outputs = workers(script, 6, tmp_path)
    seen = HeadMemory(tmp_path).seen("registry", "log")
    assert seen
    assert seen[0] == max(int(output) for output in outputs)
