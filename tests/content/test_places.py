"""Paths and addresses as callers write them."""

from pathlib import Path

import pytest

from modelver.content.places import local_place, status_of
from modelver.errors import InvalidValue, NotFound, StoreError


def test_paths_are_local() -> None:
    """Text and path objects are paths; `file://` addresses too, with `localhost` or without."""
    for place in ("/a b", Path("/a b"), "file:///a%20b", "FILE:///a%20b", "file://localhost/a%20b"):
        assert local_place(place) == Path("/a b")


def test_addresses_are_elsewhere() -> None:
    """Every other scheme is for fsspec."""
    assert local_place("s3://bucket/a") is None
    assert local_place("simplecache::file:///a") is None


def test_a_home_that_nobody_has_is_taken_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown account's home is no crash: the path just doesn't exist."""
    monkeypatch.delenv("HOME", raising=False)
    assert local_place("~nobody-of-this-name/a") == Path("~nobody-of-this-name/a")


@pytest.mark.parametrize("text", ["", "a\0b", "file://elsewhere/a"])
def test_what_can_be_no_path_is_refused(text: str) -> None:
    """Empty text, a null character and another host's file are InvalidValue."""
    with pytest.raises(InvalidValue):
        local_place(text)


def test_status_says_what_is_missing(tmp_path: Path) -> None:
    """The error says what it is that is missing, in the caller's words."""
    with pytest.raises(NotFound, match="dataset 'train' is missing"):
        status_of(tmp_path / "no", what="dataset 'train'")
    with pytest.raises(StoreError, match="name too long"):
        status_of(tmp_path / ("a" * 300))
