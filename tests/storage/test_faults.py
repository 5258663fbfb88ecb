"""What a store says when disks fail, fill up, refuse, or lack what it needs; and that nothing half-done is seen."""

from pathlib import Path

import pytest

from . import scenario
from .faults import SIZE, Call, Outcome, mounted, run, traced, unprivileged

OBJECT = {scenario.KEY: SIZE}


def syncs(root: Path) -> tuple[Call, Call]:
    """Return the sync of the object's bytes and that of its name, when one is created in a folder that is known."""
    calls = traced("put_new", root).calls
    (named,) = (at for at, call in enumerate(calls) if call.name in {"link", "linkat"})
    (written,) = (at for at, call in enumerate(calls) if call.name == "write")
    before = next(call for call in calls[written:] if call.name == "fsync")
    after = next(call for call in calls[named:] if call.name == "fsync")
    return before, after


def failing(call: Call, root: Path, error: str = "EIO") -> Outcome:
    """Create an object while one call fails."""
    return traced("put_new", root, inject=(f"{call.name}:error={error}:when={call.number}",))


def test_bytes_that_can_t_be_synced_are_not_created(tmp_path: Path) -> None:
    """EIO from the sync of the bytes is a StoreError that names the object and the disk; nothing is there."""
    bytes_sync, _ = syncs(tmp_path / "a" / "registry")
    failed = failing(bytes_sync, tmp_path / "b" / "registry")
    assert failed.outcome == "StoreError"
    assert scenario.KEY in failed.message
    assert "Input/output error" in failed.message
    assert "disk" in failed.message
    assert failed.files == {}


def test_a_name_that_can_t_be_synced_is_an_unknown_outcome(tmp_path: Path) -> None:
    """EIO from the sync of the folder comes when readers see the object already: CommitUnknown, and it stays."""
    _, name_sync = syncs(tmp_path / "a" / "registry")
    failed = failing(name_sync, tmp_path / "b" / "registry")
    assert failed.outcome == "CommitUnknown"
    assert "same commit_id" in failed.message
    assert failed.files == OBJECT


@pytest.mark.parametrize("error", ["EIO", "ETIMEDOUT", "ESTALE"])
def test_a_link_whose_reply_may_be_lost_is_an_unknown_outcome(error: str, tmp_path: Path) -> None:
    """A file server that doesn't answer may have made the link, or may still make it."""
    failed = traced("put_new", tmp_path / "registry", inject=(f"?link,?linkat:error={error}",))
    assert failed.outcome == "CommitUnknown"
    assert failed.files == {}


@pytest.mark.parametrize("verb", ["put_new", "put_blob", "incoming"])
@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP", "ENOSYS", "EMLINK"])
def test_without_hard_links_an_object_is_renamed_into_place(verb: str, error: str, tmp_path: Path) -> None:
    """A file system that has no links gets the object by a rename that refuses to replace."""
    done = traced(verb, tmp_path / "registry", inject=(f"?link,?linkat:error={error}",))
    assert (done.outcome, done.files) == ("done", OBJECT)
    (rename,) = (call for call in done.calls if call.name.startswith("rename"))
    assert rename.name == "renameat2"
    assert "RENAME_NOREPLACE" in rename.text


def test_without_hard_links_a_taken_key_is_still_refused(tmp_path: Path) -> None:
    """The rename replaces nothing: the second creation is AlreadyExists."""
    root = tmp_path / "registry"
    without_links = ("?link,?linkat:error=EPERM",)
    assert traced("put_new", root, inject=without_links).outcome == "done"
    again = traced("put_new", root, inject=without_links)
    assert (again.outcome, again.files) == ("AlreadyExists", OBJECT)


def test_without_hard_links_a_source_is_left_to_be_copied(tmp_path: Path) -> None:
    """A file that can't be linked is not adopted."""
    done = traced("adopt", tmp_path / "registry", inject=("?link,?linkat:error=EPERM",))
    assert (done.outcome, done.files) == ("left alone", {})
    assert scenario.source_of(tmp_path / "registry").read_bytes() == scenario.content(SIZE)


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS"])
def test_a_store_that_can_do_neither_is_refused(error: str, tmp_path: Path) -> None:
    """Without links and without an exclusive rename there is no safe creation: UnsupportedStore, nothing written."""
    inject = ("?link,?linkat:error=EPERM", f"renameat2:error={error}")
    failed = traced("put_new", tmp_path / "registry", inject=inject)
    assert failed.outcome == "UnsupportedStore"
    assert "ext4" in failed.message
    assert failed.files == {}
    assert not [call for call in failed.calls if call.name in {"rename", "renameat"}]


@pytest.mark.parametrize("error", ["EINVAL", "EOPNOTSUPP"])
def test_folders_that_can_t_be_synced_are_taken_as_they_are(error: str, tmp_path: Path) -> None:
    """Some file systems offer no sync of folders; there it is no failure."""
    _, name_sync = syncs(tmp_path / "a" / "registry")
    done = failing(name_sync, tmp_path / "b" / "registry", error)
    assert (done.outcome, done.files) == ("done", OBJECT)


def test_without_locks_objects_are_written_all_the_same(tmp_path: Path) -> None:
    """Locks only tell live temporary files from dead ones: a file system without them is good enough."""
    done = traced("put_new", tmp_path / "registry", inject=("flock:error=ENOLCK",))
    assert (done.outcome, done.files) == ("done", OBJECT)


@pytest.mark.parametrize("verb", ["put_new", "put_blob"])
def test_a_full_disk_leaves_nothing(verb: str, tmp_path: Path) -> None:
    """On a full disk the write is a StoreError that asks for space, and no byte of it stays; a smaller one works."""
    small_disk = mounted(f"mount -t tmpfs -o size=64k none '{tmp_path}'")
    full = run(verb, tmp_path / "registry", size=200_000, prefix=small_disk)
    assert full.outcome == "StoreError"
    assert "No space left on device" in full.message
    assert "Free space" in full.message
    assert full.files == {}
    assert run(verb, tmp_path / "registry", prefix=small_disk).files == OBJECT


def test_a_read_only_disk_is_named_as_such(tmp_path: Path) -> None:
    """Nothing can be written to a read-only mount, and the error says what it is."""
    read_only = mounted(f"mount --bind '{tmp_path}' '{tmp_path}'", f"mount -o remount,bind,ro '{tmp_path}'")
    refused = run("put_new", tmp_path / "registry", prefix=read_only)
    assert refused.outcome == "StoreError"
    assert "mounted read-only" in refused.message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_permission_is_named_as_such(tmp_path: Path) -> None:
    """A user who may not write there is told so, and which folder it is."""
    root = tmp_path / "registry"
    root.mkdir(mode=0o555)
    refused = run("put_new", root, prefix=unprivileged())
    assert refused.outcome == "StoreError"
    assert str(root) in refused.message
    assert "permission" in refused.message
    assert list(root.iterdir()) == []


def test_a_file_in_a_folder_s_place_is_named_as_such(tmp_path: Path) -> None:
    """Where a file stands in the way of a folder, nothing is written."""
    root = tmp_path / "registry"
    root.mkdir()
    (root / "models").write_text("in the way")
    refused = run("put_new", root)
    assert refused.outcome == "StoreError"
    assert "move it away" in refused.message
    assert refused.files == {"models": 10}
