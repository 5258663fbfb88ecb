"""Files of two versions, by path and by bytes."""

from hypothesis import given
from hypothesis import strategies as st

from modelver.compare.files import FileChanges, FileRow, compare_files
from modelver.values.file import FileEntry, Role

PATHS = st.sampled_from(["a", "b", "c", "d/e", "f"])
CONTENT = st.sampled_from([(0, "0" * 64), (1, "1" * 64), (1, "2" * 64)])
FILES = st.dictionaries(PATHS, st.tuples(CONTENT, st.sampled_from([Role.WEIGHTS, Role.CONFIG]))).map(
    lambda files: [FileEntry(path, size, sha256, role) for path, ((size, sha256), role) in files.items()]
)


def file(path: str, content: str, role: Role = Role.OTHER) -> FileEntry:
    """Return a file whose SHA-256 repeats one digit."""
    return FileEntry(path, 10, content * 64, role)


def paths(rows: tuple[FileRow, ...]) -> list[str]:
    """Return the paths of rows."""
    return [row.path for row in rows]


def test_files_are_paired_by_path() -> None:
    """A file of both versions is changed or not; one of a single version came or went."""
    a = [file("same", "1"), file("changed", "2"), file("gone", "3")]
    b = [file("same", "1"), file("changed", "4"), file("new", "5")]
    found = compare_files(a, b)
    assert (paths(found.added), paths(found.removed), paths(found.changed)) == (
        ["new"],
        ["gone"],
        ["changed"],
    )
    assert found.unchanged == 1
    assert str(found) == "1 changed, 1 added, 1 removed, 1 unchanged"


def test_the_same_bytes_under_another_path_are_a_rename() -> None:
    """Renames are paired in the order of paths; what is left over was added or removed."""
    found = compare_files([file("a", "1"), file("b", "1")], [file("c", "1"), file("d", "1"), file("e", "1")])
    assert [(row.a and row.a.path, row.path) for row in found.renamed] == [("a", "c"), ("b", "d")]
    assert paths(found.added) == ["e"]


def test_a_copy_is_no_rename() -> None:
    """A file that is still there was not renamed."""
    found = compare_files([file("a", "1")], [file("a", "1"), file("b", "1")])
    assert (paths(found.added), found.renamed, found.unchanged) == (["b"], (), 1)


def test_empty_files_are_not_renamed() -> None:
    """All empty files are alike, which says nothing about where one came from."""
    found = compare_files([FileEntry("a", 0, "0" * 64)], [FileEntry("b", 0, "0" * 64)])
    assert (paths(found.added), paths(found.removed), found.renamed) == (["b"], ["a"], ())


def test_another_role_is_a_change() -> None:
    """What a file is for is stated, so a file of the same bytes in another role is changed."""
    found = compare_files([file("a", "1", Role.OTHER)], [file("a", "1", Role.CONFIG)])
    assert (paths(found.changed), found.changed[0].role) == (["a"], Role.CONFIG)


@given(FILES, FILES)
def test_every_file_is_counted_once(a: list[FileEntry], b: list[FileEntry]) -> None:
    """Each file of either version is in exactly one place, and swapping the versions swaps added and removed."""
    found, mirrored = compare_files(a, b), compare_files(b, a)
    both = len(found.changed) + len(found.renamed) + found.unchanged
    assert len(a) == both + len(found.removed)
    assert len(b) == both + len(found.added)
    assert (paths(found.added), paths(found.removed)) == (paths(mirrored.removed), paths(mirrored.added))
    assert {(row.a, row.b) for row in found.renamed} == {(row.b, row.a) for row in mirrored.renamed}


@given(FILES)
def test_files_do_not_differ_from_themselves(files: list[FileEntry]) -> None:
    """A version's files compared with themselves are unchanged."""
    assert compare_files(files, files) == FileChanges((), (), (), (), len(files))
    assert not compare_files(files, files)
