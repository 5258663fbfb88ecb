"""Patterns: what they name, and what they never do."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelver as mv
from modelver.project.components import find_components
from modelver.project.globs import _fits, check_pattern, matching
from modelver.project.settings import Project, read_project
from tests.registries import write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder as projects look."""
    return write_tree(
        tmp_path / "tree",
        {
            "out/a.onnx": b"1",
            "out/deep/b.onnx": b"2",
            "out/optimizer.bin": b"3",
            "out/__pycache__/x.onnx": b"4",
            ".venv/lib/y.onnx": b"5",
            "out/.hidden.onnx": b"6",
            "models/blobs/z.onnx": b"7",
            "config.json": b"{}",
        },
    )


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["config.json"], ["config.json"]),
        (["./config.json"], ["config.json"]),
        (["out"], ["out/a.onnx", "out/deep/b.onnx", "out/optimizer.bin"]),
        (["out/**"], ["out/a.onnx", "out/deep/b.onnx", "out/optimizer.bin"]),
        (["out/*"], ["out/a.onnx", "out/optimizer.bin"]),
        (["out/**/*.onnx"], ["out/a.onnx", "out/deep/b.onnx"]),
        (["**/*.onnx"], ["out/a.onnx", "out/deep/b.onnx"]),
        (["out/?.onnx"], ["out/a.onnx"]),
        (["out/[ab].onnx"], ["out/a.onnx"]),
        (["out/**", "!out/*.bin"], ["out/a.onnx", "out/deep/b.onnx"]),
        (["!out/*.bin", "out/*.bin"], ["out/optimizer.bin"]),
        (["out/.hidden.onnx"], ["out/.hidden.onnx"]),
        (["out/.*.onnx"], ["out/.hidden.onnx"]),
        (["nothing/**", "nothing"], []),
    ],
)
def test_a_pattern_names_files(tree: Path, patterns: list[str], found: list[str]) -> None:
    """Stars stay in a name, two go through folders; litter and hidden files need to be named."""
    assert list(matching(tree, patterns, [tree / "models"])) == found


def test_the_registry_is_no_part_of_a_project(tree: Path) -> None:
    """Folders that are left out are not even looked into."""
    assert "models/blobs/z.onnx" in matching(tree, ["**/*.onnx"])
    assert "models/blobs/z.onnx" not in matching(tree, ["**/*.onnx"], [tree / "models"])


@pytest.mark.parametrize(
    "pattern", ["/etc/passwd", "../x", "a/../../b", "~/x", "a\\b", "x" * 2000, "!/x", "\0"]
)
def test_no_pattern_leads_out(pattern: str) -> None:
    """Absolute ones, and those that go up, are refused before anything is looked at."""
    with pytest.raises(mv.InvalidValue):
        check_pattern(pattern, "here")


def project(folder: Path, text: str) -> Project:
    """Read a project of these components."""
    (folder / "modelver.toml").write_text(f'[model]\nname = "m"\n[components]\n{text}\n')
    return read_project(folder)


def test_a_link_that_leads_out_is_refused(tree: Path, tmp_path: Path) -> None:
    """A link within the project is followed, one that leaves it is not."""
    (tmp_path / "secret.onnx").write_bytes(b"secret")
    (tree / "inside.onnx").symlink_to(tree / "out" / "a.onnx")
    found = find_components(project(tree, 'weights = "inside.onnx"'))
    assert [(source.path, source.origin) for source in found.sources] == [
        ("inside.onnx", tree / "out" / "a.onnx")
    ]
    (tree / "outside.onnx").symlink_to(tmp_path / "secret.onnx")
    with pytest.raises(mv.UnsafePath, match="leads out"):
        find_components(project(tree, 'weights = "*.onnx"'))


def test_a_file_is_in_one_component(tree: Path) -> None:
    """Two components that name a file are an error that says how to part them."""
    with pytest.raises(mv.InvalidValue, match=r"weights and config.*!config\.json"):
        find_components(project(tree, 'weights = "**/*.json"\nconfig = "config.json"'))


def test_a_component_without_files_is_told(tree: Path) -> None:
    """And the role is the component's, whatever the suffix says."""
    found = find_components(project(tree, 'weights = "nothing/*"\ncode = "config.json"'))
    assert found.empty == ("weights",)
    assert [source.role for source in found.sources] == [mv.Role.CODE]


def reference(pattern: tuple[str, ...]) -> str:
    """Return the regular expression of a pattern, written another way."""
    text = ""
    for index, part in enumerate(pattern):
        last = index == len(pattern) - 1
        if part == "**":
            text += "(?:[^/]+/)*[^/]+" if last else "(?:[^/]+/)*"
        else:
            text += part.replace("*", "[^/]*").replace("?", "[^/]") + ("" if last else "/")
    return text


@given(
    st.lists(st.sampled_from(["a", "b", "ab", "ba"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "*", "**", "a*", "?b"]), min_size=1, max_size=5),
)
def test_fitting_agrees_with_regular_expressions(path: list[str], pattern: list[str]) -> None:
    """Any pattern and path: ours says what the regular expression says."""
    expected = re.fullmatch(reference(tuple(pattern)), "/".join(path)) is not None
    assert _fits(tuple(path), tuple(pattern)) == expected


def test_a_hostile_pattern_takes_no_long_time() -> None:
    """Many double stars would take a backtracking matcher for ever."""
    assert not _fits(("a",) * 200, ("**", "a") * 100 + ("b",))
