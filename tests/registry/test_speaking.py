"""A version without a changelog is warned of, where the caller's code is."""

import warnings

import pytest

from modelver.registry.speaking import warn_without_changelog
from modelver.values.name import ModelName
from modelver.values.record import Changelog


def test_a_missing_changelog_is_warned_of() -> None:
    """The warning names the model, and points at the code that called modelver."""
    with pytest.warns(UserWarning, match="acme/fraud is registered without a changelog") as caught:
        warn_without_changelog(ModelName("acme/fraud"), Changelog())
    assert caught[0].filename == __file__


def test_a_changelog_is_not_warned_of() -> None:
    """Any section is enough."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_without_changelog(ModelName("acme/fraud"), Changelog(caveats=("Slow.",)))
