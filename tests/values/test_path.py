"""Paths in a version: the same rule on every platform, when a version is registered and when it is read."""

import posixpath
import unicodedata
from pathlib import PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import LimitExceeded, UnsafePath
from modelver.values.path import MAX_PART, MAX_PATH, check_together, version_path
from tests.strategies import is_valid, paths

TRAVERSAL = [
    *("..", "../a", "a/../b", "a/..", "./a", "a/./b", ".", "/", "/a", "//a", "a//b", "a/", ""),
    *(
        "\\a",
        "a\\b",
        "..\\a",
        "C:",
        "C:a",
        "C:/a",
        "c:\\a",
        "\\\\server\\share",
        "//server/share",
        "a:stream",
    ),
]
WINDOWS = [
    *("con", "CON", "Con.txt", "a/nul", "nul.tar.gz", "aux .txt", "aux  ", "prn", "com0", "COM1.log", "lpt9"),
    *("com\u00b9", "LPT\u00b2.txt", "conin$", "CONOUT$.txt"),
    *("a.", "a ", "a./b", "a /b", "...", "a<b", "a>b", 'a"b', "a|b", "a?b", "a*b"),
]
INVISIBLE = [
    *("a\0b", "a\nb", "\x1b[2J", "\x7f", "a\x9bb"),
    *("a\u202eb", "a\u2066b", "a\u2028b", "\ud800", "a/\udfff"),
]


@pytest.mark.parametrize("text", TRAVERSAL + WINDOWS + INVISIBLE)
def test_unsafe_paths_are_refused(text: str) -> None:
    """What leaves its folder, can't exist on Windows, or hides what it is, is refused on every platform."""
    with pytest.raises(UnsafePath):
        version_path(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a",
            "model.safetensors",
            "prompts/system.txt",
            ".hidden",
            "a/.b",
            "a b",
            " a",
            "a-",
            "-a",
            "~",
            "a..b",
        ),
        *(
            "console",
            "com10",
            "nulls",
            "a.con",
            "lpt",
            "$a",
            "a,b;c=d",
            "[x]",
            "{x}",
            "a'b",
            "%41",
            "a&b",
            "#1",
        ),
        *(
            "\u00dcberblick.md",
            "\u6a21\u578b/\u91cd\u307f.onnx",
            "\U0001f600.bin",
            "\u0915\u094d\u200d\u0937",
        ),
    ],
)
def test_portable_paths_are_kept(text: str) -> None:
    """Ordinary names, and names in any script, stay as they are."""
    assert version_path(text) == text


def test_a_path_is_normalised_once() -> None:
    """The two ways to write an accented letter are one path."""
    assert version_path("u\u0308ber/e\u0301") == "\u00fcber/\u00e9"


@pytest.mark.parametrize(
    "text",
    [
        "a" * (MAX_PART + 1),
        "\u00e9" * 128,
        "x/" * 512 + "a",
        ("a" * 200 + "/") * 6 + "a",
        "a\u0316\u0300" * 2**19,
    ],
)
def test_long_paths_are_refused(text: str) -> None:
    """A part has at most 255 bytes and a path 1024; a hostile one is refused before it costs anything."""
    with pytest.raises(LimitExceeded):
        version_path(text)


@pytest.mark.parametrize("text", ["a" * MAX_PART, "\u00e9" * 127, "x/" * 511 + "ab", "e\u0301" * 127])
def test_the_longest_paths_are_taken(text: str) -> None:
    """The limits count bytes of the normalised path, and are inclusive."""
    path = version_path(text)
    assert len(path.encode()) <= MAX_PATH
    assert max(len(part.encode()) for part in path.split("/")) <= MAX_PART


@given(paths)
def test_an_accepted_path_stays_in_its_folder_everywhere(path: str) -> None:
    """Neither POSIX nor Windows reads it as absolute, as going up, or as another path."""
    assert version_path(path) == path == unicodedata.normalize("NFC", path)
    assert posixpath.normpath(f"folder/{path}") == f"folder/{path}"
    windows = PureWindowsPath("folder") / path
    assert windows.parts == ("folder", *path.split("/"))
    assert not windows.is_reserved()


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_our_own_error(text: str) -> None:
    """The rule raises UnsafePath and LimitExceeded, nothing else."""
    if is_valid(version_path, text):
        assert is_valid(version_path, version_path(text))


@pytest.mark.parametrize(
    "clash",
    [
        ("a", "a"),
        ("model.onnx", "model.onnx"),
        ("Model.onnx", "model.onnx"),
        ("Stra\u00dfe", "STRASSE"),
        ("\u03a3.txt", "\u03c2.txt"),
        ("\u00c9", "\u00e9"),
        ("a", "a/b"),
        ("A", "a/b"),
        ("a/b/c", "a/B"),
        ("a/b", "A/c"),
        ("x/a/b", "X/a/c"),
        ("x/a/1", "x/A/2"),
    ],
)
def test_paths_that_meet_on_windows_or_macos_are_refused(clash: tuple[str, str]) -> None:
    """One path twice, two that differ in case alone, a file that is a folder too, and a folder in two spellings."""
    for order in (clash, clash[::-1]):
        with pytest.raises(UnsafePath) as caught:
            check_together(["other", *order, "last"])
        assert "other" not in str(caught.value)


def test_duplicates_are_found_even_when_they_are_one_object() -> None:
    """Python shares short strings, so that two equal paths may be the very same object."""
    path = "weights"
    with pytest.raises(UnsafePath, match="weights and weights"):
        check_together([path, path])


@given(st.lists(paths, unique_by=lambda path: unicodedata.normalize("NFD", path).casefold().split("/")[0]))
def test_paths_in_folders_of_their_own_live_together(found: list[str]) -> None:
    """What differs in its first part by more than case is never refused."""
    check_together(found)
