"""Keys: which texts are names that every store and every system can hold unchanged."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import UnsafePath
from modelver.storage.keys import MAX_KEY, checked_key, checked_prefix, is_segment
from modelver.storage.layout import REGISTRY_FILE, REGISTRY_LOG, blob_key, model_prefix, numbered_key
from modelver.values.digest import Digest

ALLOWED = set(string.ascii_lowercase + string.digits + "._-")


@given(st.text(max_size=12) | st.text(alphabet="ab./-_\\", max_size=12))
def test_a_key_is_made_of_plain_segments(text: str) -> None:
    """What is accepted has only plain characters, and every segment starts and ends with a letter or digit."""
    try:
        checked_key(text)
    except UnsafePath:
        return
    for segment in text.split("/"):
        assert is_segment(segment)
        assert set(segment) <= ALLOWED
        assert segment[0].isalnum()
        assert segment[-1].isalnum()


@given(
    st.lists(st.text(alphabet=sorted(ALLOWED - set("._-")), min_size=1, max_size=9), min_size=1, max_size=4)
)
def test_plain_names_are_keys(segments: list[str]) -> None:
    """Letters and digits, in segments, are a key, and the same text is given back."""
    key = "/".join(["models", *segments])
    assert checked_key(key) == key


def test_what_the_layout_gives_is_a_key() -> None:
    """Every place of the format is a key."""
    digest = Digest.of(b"")
    for key in (REGISTRY_FILE, blob_key(digest), numbered_key(REGISTRY_LOG, 1), model_prefix("acme--fraud")):
        assert checked_key(key) == key


@pytest.mark.parametrize("length", [MAX_KEY, MAX_KEY + 1])
def test_the_longest_key_is_1024_bytes(length: int) -> None:
    """One byte more is refused, with a message that doesn't repeat it all."""
    key = "a/" * (length // 2 - 1) + "a" * (2 + length % 2)
    assert len(key) == length
    if length <= MAX_KEY:
        assert checked_key(key) == key
    else:
        with pytest.raises(UnsafePath) as caught:
            checked_key(key)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("length", [1, 2, 255])
def test_segments_have_at_most_255_characters(length: int) -> None:
    """As many as file systems allow in a name."""
    assert is_segment("a" * length)
    assert not is_segment("a" * 256)


def test_the_empty_prefix_is_the_whole_store() -> None:
    """A prefix is a key or empty; a final slash belongs to neither."""
    assert checked_prefix("") == ""
    assert checked_prefix("models") == "models"
    with pytest.raises(UnsafePath):
        checked_prefix("models/")
