"""Moved files: gone in the end, or files of their own again."""

import contextlib
from pathlib import Path

import pytest

from modelver.cache.stamps import StampCache
from modelver.content.moves import Moves
from modelver.errors import SourceChanged
from modelver.storage.local import LocalStore
from tests.registries import ordinary_account, snapshot, temporary_files, write_tree

from .support import old, stored


class Stop(Exception):
    """Ends a registration."""


def moved(folder: Path, store: LocalStore, stamps: StampCache, cache: Path, *, fail: bool = False) -> None:
    """Move a folder's files into a store, and finish, or fail before."""
    moves = Moves()
    with moves:
        stored(folder, store, stamps, cache, moves=moves)
        if fail:
            raise Stop
    moves.finish()


def files(folder: Path) -> list[Path]:
    """Return the files below a folder."""
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_moved_files_are_gone_and_not_copied(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """The blobs are the very files, with one name each."""
    write_tree(source, {"a.bin": "1", "b/c.bin": "2"})
    inodes = {path.stat().st_ino for path in files(source)}
    moved(source, store, stamps, private_cache)
    assert files(source) == []
    blobs = [path.stat() for path in files(Path(store.url) / "blobs")]
    assert inodes <= {blob.st_ino for blob in blobs}
    assert {blob.st_nlink for blob in blobs} == {1}


def test_a_failure_gives_files_back(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Each has its bytes, times and permissions, may be written to, and shares nothing with the store."""
    write_tree(source, {"a.bin": "1", "b/c.bin": "2"})
    (source / "a.bin").chmod(0o640)
    before, times = snapshot(source), {path: path.stat().st_mtime_ns for path in files(source)}
    with pytest.raises(Stop):
        moved(source, store, stamps, private_cache, fail=True)
    assert snapshot(source) == before
    assert {path: path.stat().st_mtime_ns for path in files(source)} == times
    assert {path.stat().st_nlink for path in files(source)} == {1}
    (source / "a.bin").write_text("mine again")
    assert b"mine again" not in [path.read_bytes() for path in files(Path(store.url))]


def test_a_failure_while_storing_gives_back_what_was_taken(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """One bad file among good ones: the good ones are free again."""
    write_tree(source, {"a.bin": "1" * 100, "b.bin": "2"})
    old(source / "b.bin")
    before = snapshot(source)
    moves = Moves()

    def change() -> None:
        (source / "b.bin").write_text("3")

    with pytest.raises(SourceChanged), moves:
        stored(source, store, stamps, private_cache, moves=moves, between=change)
    (source / "b.bin").write_text("2")
    assert snapshot(source) == before
    assert {path.stat().st_nlink for path in files(source)} == {1}


def test_an_interrupted_move_is_finished_by_the_next(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """After a kill the file has both names; moving it again takes the old one away."""
    write_tree(source, {"a.bin": "1"})
    stored(source, store, stamps, private_cache, moves=Moves())  # and then nothing: as after a kill
    assert (source / "a.bin").stat().st_nlink == 2
    moved(source, store, stamps, private_cache)
    assert files(source) == []
    assert {path.stat().st_nlink for path in files(Path(store.url) / "blobs")} == {1}


def test_an_interrupted_move_that_fails_later_is_given_back(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """The second try finds the file shared with a blob; when it is refused, the file is the user's own again."""
    write_tree(source, {"a.bin": "1"})
    stored(source, store, stamps, private_cache, moves=Moves())
    with pytest.raises(Stop):
        moved(source, store, stamps, private_cache, fail=True)
    assert (source / "a.bin").stat().st_nlink == 1


def test_a_user_s_own_hard_link_is_copied_and_stays_linked(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A file with a second name elsewhere could be written to by it: it is copied, and a failure leaves it alone."""
    write_tree(source, {"a.bin": "1"})
    (source.parent / "twin").hardlink_to(source / "a.bin")
    inode = (source / "a.bin").stat().st_ino
    with pytest.raises(Stop):
        moved(source, store, stamps, private_cache, fail=True)
    assert (source / "a.bin").stat().st_ino == inode == (source.parent / "twin").stat().st_ino
    moved(source, store, stamps, private_cache)
    assert files(source) == []
    (source.parent / "twin").write_text("2")
    assert [path.read_bytes() for path in files(Path(store.url) / "blobs")].count(b"2") == 0


def test_known_and_stored_files_are_taken_away_unread(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A file whose bytes the store has, by its stamp, just loses its name."""
    old(write_tree(source, {"a.bin": b"1" * 100}) / "a.bin")
    stored(source, store, stamps, private_cache)
    moved(source, store, stamps, private_cache)
    assert files(source) == []


def test_what_changed_since_is_not_taken_away(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A training that writes its next checkpoint to the same path loses nothing; a warning names the file."""
    write_tree(source, {"a.bin": "1", "b.bin": "2"})
    moves = Moves()
    with moves:
        stored(source, store, stamps, private_cache, moves=moves)
    (source / "next").write_text("3")
    (source / "next").replace(source / "a.bin")
    with pytest.warns(UserWarning, match=r"a\.bin"):
        moves.finish()
    assert {path.name: path.read_text() for path in files(source)} == {"a.bin": "3"}


def test_equal_files_all_move(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Two files of the same bytes are one blob, and both are gone."""
    write_tree(source, {"a.bin": b"same", "b.bin": b"same"})
    moved(source, store, stamps, private_cache)
    assert files(source) == []
    assert temporary_files(Path(store.url)) == []


def test_a_folder_that_can_t_be_written_to_keeps_its_files() -> None:
    """The version stands; a warning says what could not be taken away."""
    with ordinary_account() as folder:
        write_tree(folder, {"source/a.bin": "1"})
        store, stamps = LocalStore(folder / "registry"), StampCache(folder / "cache")
        moves = Moves()
        with moves:
            stored(folder / "source", store, stamps, folder / "cache", moves=moves)
        (folder / "source").chmod(0o555)
        with pytest.warns(UserWarning, match="still at the old place"):
            moves.finish()
        (folder / "source").chmod(0o755)
        assert (folder / "source" / "a.bin").read_text() == "1"


def test_what_can_t_be_given_back_is_said() -> None:
    """Where no copy can be made, the warning says that the file is read-only now; its bytes are all there."""
    with ordinary_account() as folder:
        write_tree(folder, {"source/a.bin": "1"})
        store, stamps = LocalStore(folder / "registry"), StampCache(folder / "cache")
        moves = Moves()

        def fail() -> None:
            with moves:
                stored(folder / "source", store, stamps, folder / "cache", moves=moves)
                (folder / "source").chmod(0o555)
                raise Stop

        with pytest.warns(UserWarning, match="read-only now"), contextlib.suppress(Stop):
            fail()
        (folder / "source").chmod(0o755)
        assert (folder / "source" / "a.bin").read_text() == "1"
        assert files(folder / "source") == [folder / "source" / "a.bin"]
