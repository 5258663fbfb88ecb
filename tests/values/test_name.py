"""Names of models and aliases."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import InvalidName
from modelver.values.name import Alias, ModelName
from tests.strategies import ALPHANUMERIC, aliases, is_valid, model_names

BAD_SEGMENTS = [
    *("", " ", ".", "..", "-", "_", "-a", "a-", ".a", "a.", "_a", "a_"),
    *("a--b", "a..b", "a b", "a\\b", "a:b", "a@b", "a+b", "a\n", "\na", "a\0b"),
    *("\u00e9", "\uff41", "\u212a", "\u0131", "a\u0301"),
    *("con", "CON", "nul", "prn", "aux", "com1", "COM9", "com0", "lpt1", "con.txt", "nul.tar.gz"),
    "a" * 65,
]


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("fraud-detector", "fraud-detector"),
        ("acme/fraud-detector", "acme--fraud-detector"),
        ("Llama-3.1-8B_Instruct", "llama-3.1-8b_instruct"),
        ("Acme/Fraud", "acme--fraud"),
        ("a", "a"),
        ("7b", "7b"),
        ("a.-_b", "a.-_b"),
        ("a" * 64 + "/" + "b" * 64, "a" * 64 + "--" + "b" * 64),
        ("console", "console"),
        ("com10", "com10"),
    ],
)
def test_a_model_name_keeps_its_spelling_and_has_one_folder(text: str, folder: str) -> None:
    """The name is shown as its maker wrote it; the folder is the same for every spelling."""
    name = ModelName(text)
    assert name == text
    assert name.folder == ModelName(text.upper()).folder == folder


@pytest.mark.parametrize("segment", BAD_SEGMENTS)
def test_a_segment_that_breaks_the_grammar_is_refused_everywhere(segment: str) -> None:
    """What is wrong alone is wrong before and after the slash, and as an alias."""
    for text in (segment, f"acme/{segment}", f"{segment}/fraud"):
        with pytest.raises(InvalidName):
            ModelName(text)
    with pytest.raises(InvalidName):
        Alias(segment)


@pytest.mark.parametrize("text", ["a/b/c", "/", "a/", "/a", "a//b", "../a", "a/..", "models:/a"])
def test_a_name_has_one_or_two_segments(text: str) -> None:
    """More, fewer and empty ones are refused."""
    with pytest.raises(InvalidName):
        ModelName(text)


@given(model_names)
def test_a_name_survives_text_pickle_and_copies(name: ModelName) -> None:
    """Reading a name's text gives the name again."""
    for other in (ModelName(str(name)), pickle.loads(pickle.dumps(name)), copy.deepcopy(name)):  # noqa: S301 (our own bytes)
        assert (other, type(other)) == (name, ModelName)


@given(model_names, model_names)
def test_two_names_share_a_folder_only_if_they_differ_in_case_alone(one: ModelName, other: ModelName) -> None:
    """Folders tell models apart as well as names do, slashes included."""
    assert (one.folder == other.folder) == (one.lower() == other.lower())


@given(st.text(ALPHANUMERIC + "ABC._-/ \n", max_size=8))
def test_a_folder_is_always_safe(text: str) -> None:
    """Whatever is accepted gives a folder of plain characters that is not hidden and climbs nowhere."""
    if is_valid(ModelName, text):
        folder = ModelName(text).folder
        assert set(folder) <= set(ALPHANUMERIC + "._-")
        assert folder[0] in ALPHANUMERIC
        assert folder[-1] in ALPHANUMERIC
        assert ".." not in folder


@given(aliases)
def test_an_alias_survives_text_and_pickle(alias: Alias) -> None:
    """Reading an alias's text gives the alias again."""
    for other in (Alias(str(alias)), Alias(alias.upper()), pickle.loads(pickle.dumps(alias))):  # noqa: S301 (our own bytes)
        assert (other, type(other)) == (alias, Alias)


@pytest.mark.parametrize("text", ["latest", "Latest", "sha256", "SHA256", "a/b"])
def test_words_with_a_meaning_of_their_own_are_no_aliases(text: str) -> None:
    """`latest` and `sha256` are taken by references, and an alias has one segment."""
    with pytest.raises(InvalidName):
        Alias(text)


def test_a_refusal_shows_only_the_beginning_of_a_long_name() -> None:
    """A megabyte of name does not become a megabyte of message."""
    for text in ("x" * 2**20, "x/" * 2**19, "x" * 2**20 + "--"):
        with pytest.raises(InvalidName) as caught:
            ModelName(text)
        assert len(str(caught.value)) < 600
