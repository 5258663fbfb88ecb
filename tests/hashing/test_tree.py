"""A folder's files by their paths."""

import os
from pathlib import Path

import pytest

from modelver.errors import InvalidValue, NotFound, StoreError, UnsafePath
from modelver.hashing.stream import hash_file
from modelver.hashing.tree import hash_tree


def write(root: Path, *names: str) -> None:
    """Write files whose content is their name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def test_all_files_in_code_point_order(tmp_path: Path) -> None:
    """Files at any depth have POSIX paths, sorted by code point, and the digests that `hash_file` gives."""
    names = ["b.txt", "a/z/deep.bin", "a/Z.bin", "a.txt", "é.txt", "Ω.txt"]
    write(tmp_path, *names)
    (tmp_path / "empty").mkdir()
    tree = hash_tree(tmp_path)
    assert list(tree) == sorted(names)
    assert tree == {name: hash_file(tmp_path / name) for name in names}


def test_a_tree_is_a_value(tmp_path: Path) -> None:
    """Equal folders have equal trees, usable as keys; a tree can't be changed, and shows its files."""
    write(tmp_path, "one/file", "two/file")
    (tmp_path / "two/file").write_text("one/file")
    one, two = hash_tree(tmp_path / "one"), hash_tree(tmp_path / "two")
    assert one == two
    assert {one: 1}[two] == 1
    assert len(one) == 1
    assert one["file"].sha256 in repr(one)
    (tmp_path / "two/file").write_text("other")
    assert hash_tree(tmp_path / "two") != one


def test_names_are_normalised(tmp_path: Path) -> None:
    """A name that macOS has taken apart is the same path as one that was typed."""
    write(tmp_path, "caf\u0065\u0301")
    assert list(hash_tree(tmp_path)) == ["caf\u00e9"]


@pytest.mark.parametrize("names", [("caf\u00e9", "caf\u0065\u0301"), ("A", "a"), ("x/B", "x/b"), ("a:b",)])
def test_names_that_collide_elsewhere_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Paths that are one, or none, on another platform are unsafe."""
    write(tmp_path, *names)
    with pytest.raises(UnsafePath):
        hash_tree(tmp_path)


def test_names_that_are_not_unicode_are_refused(tmp_path: Path) -> None:
    """A name in another encoding can't be a path of a version."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_text("x")
    with pytest.raises(UnsafePath):
        hash_tree(tmp_path)


def test_a_link_within_the_folder_counts_as_its_file(tmp_path: Path) -> None:
    """A link to a file in the same folder has that file's digest, even where the folder itself is a link."""
    write(tmp_path, "real/blobs/abc")
    (tmp_path / "real/model.bin").symlink_to("blobs/abc")
    (tmp_path / "link").symlink_to("real")
    tree = hash_tree(tmp_path / "link")
    assert list(tree) == ["blobs/abc", "model.bin"]
    assert tree["model.bin"] == tree["blobs/abc"]


@pytest.mark.parametrize("target", ["../outside", "../folder-two/file", "below", "."])
def test_a_link_out_of_the_folder_or_to_a_folder_is_refused(tmp_path: Path, target: str) -> None:
    """A link may not bring in what is elsewhere, nor go round in circles."""
    write(tmp_path, "outside", "folder-two/file", "folder/below/file")
    (tmp_path / "folder/link").symlink_to(target)
    with pytest.raises(UnsafePath, match=r"folder/link.*found"):
        hash_tree(tmp_path / "folder")


def test_a_dangling_link_is_not_found(tmp_path: Path) -> None:
    """A link to nothing is named."""
    (tmp_path / "link").symlink_to("gone")
    with pytest.raises(NotFound, match=r"gone|link"):
        hash_tree(tmp_path)


def test_a_link_to_itself_is_an_error_of_the_environment(tmp_path: Path) -> None:
    """A link that never ends can't be read."""
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(StoreError, match="link"):
        hash_tree(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A named pipe in the folder is named, not skipped and not waited for."""
    write(tmp_path, "file")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidValue, match="pipe"):
        hash_tree(tmp_path)


def test_the_folder_must_be_one(tmp_path: Path) -> None:
    """A missing folder is not found, a file is invalid, an empty folder is an empty tree."""
    write(tmp_path, "file")
    with pytest.raises(NotFound, match="missing"):
        hash_tree(tmp_path / "missing")
    with pytest.raises(InvalidValue, match="not a folder"):
        hash_tree(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert dict(hash_tree(tmp_path / "empty")) == {}


def test_progress_adds_up_to_all_files(tmp_path: Path) -> None:
    """Every byte of every file is told once, whatever the number of threads."""
    write(tmp_path, *(f"folder/{number}" for number in range(30)))
    expected = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    for threads in (None, 1, 4):
        told: list[int] = []
        hash_tree(tmp_path, threads=threads, on_bytes=told.append)
        assert sum(told) == expected
