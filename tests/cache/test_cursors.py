"""How far somebody was told is kept twice, and never believed to be further than it is."""

from pathlib import Path

import pytest

from modelver.cache.cursors import Cursors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the place of a cache."""
    return tmp_path / "cache"


def test_a_number_is_kept_for_all_processes(folder: Path) -> None:
    """Another object with the same folder knows it."""
    Cursors(folder).put("a", 3)
    assert (Cursors(folder).get("a"), Cursors(folder).get("b")) == (3, None)


def test_a_number_only_grows_unless_it_is_put(folder: Path) -> None:
    """Whoever comes later with less has nothing to say."""
    cursors = Cursors(folder)
    assert cursors.begin("a", 3) == 3
    assert cursors.begin("a", 9) == 3
    cursors.advance("a", 5)
    cursors.advance("a", 4)
    assert cursors.get("a") == 5
    cursors.put("a", 2)
    assert cursors.get("a") == 2
    cursors.forget("a")
    assert cursors.get("a") is None


@pytest.mark.parametrize("name", ["notified", "notified-copy"])
def test_a_damaged_file_loses_nothing(folder: Path, name: str) -> None:
    """The other one has it, and goes on."""
    cursors = Cursors(folder)
    cursors.put("a", 3)
    (folder / f"{name}.sqlite3").write_bytes(b"no database" * 999)
    assert cursors.get("a") == 3
    cursors.advance("a", 4)
    assert Cursors(folder).get("a") == 4


@pytest.mark.parametrize("name", ["notified", "notified-copy"])
def test_of_two_numbers_the_lower_one_counts(folder: Path, name: str) -> None:
    """A copy that was not written any more can only have something told twice."""
    cursors = Cursors(folder)
    cursors.put("a", 3)
    old = (folder / f"{name}.sqlite3").read_bytes()
    cursors.put("a", 8)
    (folder / f"{name}.sqlite3").write_bytes(old)
    assert Cursors(folder).get("a") == 3


def test_where_nothing_can_be_kept_nothing_is_known(tmp_path: Path) -> None:
    """And nothing fails."""
    (tmp_path / "file").write_bytes(b"")
    cursors = Cursors(tmp_path / "file" / "cache")
    cursors.put("a", 1)
    cursors.advance("a", 2)
    assert cursors.begin("a", 1) is None
