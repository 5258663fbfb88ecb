"""Making a file an object of a local store: whole and read-only there, or left as it was."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from modelver.errors import IntegrityError, SourceChanged
from modelver.storage.adoption import adopt
from modelver.storage.local import LocalStore
from modelver.storage.temporary import TemporaryFolder

from .faults import SIZE, mounted, run, traced
from .scenario import content, source_of

KEY = "blobs/sha256/ab/abcd"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Give a store that is not there yet."""
    return LocalStore(tmp_path / "registry")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Give a file that could be moved."""
    path = tmp_path / "weights"
    path.write_bytes(b"weights")
    return path


def test_a_file_is_taken_and_not_copied(store: LocalStore, source: Path) -> None:
    """The object is the file itself, under one more name, and can't be written to any more."""
    before = source.stat()
    assert store.adopt(source, KEY, seen=before)
    after = store.local_path(KEY).stat()
    assert (after.st_ino, after.st_nlink, after.st_mtime_ns) == (before.st_ino, 2, before.st_mtime_ns)
    store.put_new("usual", b"1")
    assert after.st_mode == store.local_path("usual").stat().st_mode
    assert source.samefile(store.local_path(KEY))
    assert list((Path(store.url) / "tmp").iterdir()) == []


def test_a_file_that_changed_since_it_was_hashed_is_refused(store: LocalStore, source: Path) -> None:
    """Writing to a file, even with its times put back, or putting another in its place, is SourceChanged."""
    seen = source.stat()
    while source.stat().st_ctime_ns == seen.st_ctime_ns:  # until the file system's clock has ticked
        source.write_bytes(b"WEIGHTS")
        os.utime(source, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    with pytest.raises(SourceChanged, match="weights"):
        store.adopt(source, KEY, seen=seen)
    seen = source.stat()
    other = source.with_name("other")
    other.write_bytes(b"another")
    other.replace(source)
    with pytest.raises(SourceChanged):
        store.adopt(source, KEY, seen=seen)
    assert source.read_bytes() == b"another"
    assert list(store.list("")) == []


@pytest.mark.parametrize("moment", [1, 2])
@pytest.mark.parametrize("change", ["written", "replaced"])
def test_a_file_that_changes_while_it_is_moved_is_refused(
    moment: int, change: str, source: Path, tmp_path: Path
) -> None:
    """What others do to a file after it was opened is noticed before it gets its key."""
    names_given = 0

    class Busy(TemporaryFolder):
        """Somebody else works whenever a temporary name is given."""

        def unused_name(self) -> Path:
            nonlocal names_given
            names_given += 1
            if names_given == moment:
                target = source if change == "written" else source.with_name("other")
                target.write_bytes(b"WEIGHTS and more")
                target.replace(source)
            return super().unused_name()

    busy = Busy(tmp_path / "tmp")
    with pytest.raises(SourceChanged):
        adopt(source, source.stat(), busy, lambda _: pytest.fail("published"))
    assert names_given >= moment
    assert source.read_bytes() == b"WEIGHTS and more"
    assert source.stat().st_mode & 0o200
    assert list(busy.folder.iterdir()) == []


def test_a_file_with_several_names_stays(store: LocalStore, source: Path) -> None:
    """Whoever writes by the other name would change the object, so the file is left to be copied."""
    source.with_name("twin").hardlink_to(source)
    before = source.stat()
    assert not store.adopt(source, KEY, seen=before)
    assert source.stat() == before


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "nothing"])
def test_what_is_no_file_stays(kind: str, store: LocalStore, source: Path) -> None:
    """Links, folders, pipes and missing files are not adopted."""
    other = source.with_name("other")
    make: dict[str, Callable[[], object]] = {
        "link": lambda: other.symlink_to(source),
        "folder": other.mkdir,
        "pipe": lambda: os.mkfifo(other),
        "nothing": lambda: None,
    }
    make[kind]()
    seen = other.lstat() if os.path.lexists(other) else source.stat()
    assert not store.adopt(other, KEY, seen=seen)
    assert source.read_bytes() == b"weights"
    assert list(store.list("")) == []


def test_a_key_that_has_an_object_keeps_it(store: LocalStore, source: Path) -> None:
    """Where such an object is stored already, the file stays, writable as before."""
    store.put_blob(KEY, b"weights")
    before = source.stat()
    assert not store.adopt(source, KEY, seen=before)
    assert (source.stat().st_mode, source.read_bytes()) == (before.st_mode, b"weights")


def test_a_damaged_object_under_the_key_is_found(store: LocalStore, source: Path) -> None:
    """An object of another size can't be the same bytes: IntegrityError, and both stay."""
    store.put_blob(KEY, b"weigh")
    mode = source.stat().st_mode
    with pytest.raises(IntegrityError, match="abcd"):
        store.adopt(source, KEY, seen=source.stat())
    assert (source.stat().st_mode, source.read_bytes()) == (mode, b"weights")
    assert store.get(KEY, limit=9) == b"weigh"


def test_a_file_that_is_the_object_already_is_taken(store: LocalStore, source: Path) -> None:
    """After an interruption nothing is left to do: the file has both names."""
    store.put_new("other", b"1")
    store.local_path(KEY).parent.mkdir(parents=True)
    store.local_path(KEY).hardlink_to(source)
    assert store.adopt(source, KEY, seen=source.stat())
    assert source.samefile(store.local_path(KEY))
    assert store.get(KEY, limit=9) == b"weights"


def test_a_file_on_another_disk_stays(tmp_path: Path) -> None:
    """Names don't cross file systems, so the file is left to be copied."""
    root = tmp_path / "registry"
    root.mkdir()
    done = run("adopt", root, prefix=mounted(f"mount -t tmpfs none '{root}'"))
    assert (done.outcome, done.files) == ("left alone", {})
    assert source_of(root).read_bytes() == content(SIZE)
    assert source_of(root).stat().st_mode & 0o200


def test_a_disk_that_can_t_sync_the_file_leaves_it(tmp_path: Path) -> None:
    """EIO from the sync of the bytes is a StoreError, and the file keeps its name and its mode."""
    root = tmp_path / "registry"
    calls = traced("adopt", tmp_path / "whole" / "registry").calls
    chmod = next(at for at, call in enumerate(calls) if call.name == "fchmod")
    sync = next(call for call in calls[chmod:] if call.name == "fsync")
    failed = traced("adopt", root, inject=(f"fsync:error=EIO:when={sync.number}",))
    assert (failed.outcome, failed.files) == ("StoreError", {})
    assert source_of(root).read_bytes() == content(SIZE)
    assert source_of(root).stat().st_mode & 0o200
