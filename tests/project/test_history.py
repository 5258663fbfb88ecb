"""The changelog of the version to come, from the project file or from CHANGELOG.md."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelver as mv
from modelver.project.history import Story, parse_changelog, tell

PAGE = """# Changelog

All that matters.

## [Unreleased]

### Added

- Learns from refunds,
  and from complaints.
- Reads French.

### Removed
- The old head.

## [1.1.0] - 2026-01-01

A word before.

### Fixed

* A fault.

### Known issues
- Slow.

## v1.0.0
- The first.
"""


def test_the_unreleased_section_is_that_of_the_version_to_come() -> None:
    """Sections become ours; what we have no section for keeps its title."""
    found = parse_changelog(PAGE)
    assert found.added == ("Learns from refunds, and from complaints.", "Reads French.")
    assert found.changed == ("Removed: The old head.",)


@pytest.mark.parametrize("version", ["1.1.0", "v1.1.0"])
def test_a_version_with_a_section_of_its_own_has_that(version: str) -> None:
    """With or without a v, in brackets or not."""
    found = parse_changelog(PAGE, version)
    assert (found.summary, found.fixed, found.caveats) == ("A word before.", ("A fault.",), ("Slow.",))
    assert parse_changelog(PAGE, "1.0.0").summary == "The first."
    assert parse_changelog(PAGE, "9.9.9") == parse_changelog(PAGE)


def test_what_the_project_states_wins(tmp_path: Path) -> None:
    """The file is only read where nothing is stated."""
    assert tell(Story("CHANGELOG.md", mv.Changelog("Stated.")), tmp_path).summary == "Stated."
    with pytest.raises(mv.NotFound, match="changelog is missing"):
        tell(Story("CHANGELOG.md"), tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(PAGE)
    assert tell(Story("CHANGELOG.md"), tmp_path).added
    assert not tell(Story(), tmp_path)


LINES = st.lists(
    st.text("abcdefgh .,'", min_size=1).filter(str.strip).map(lambda t: " ".join(t.split())), max_size=3
)


@given(LINES, LINES, LINES, LINES)
def test_a_changelog_that_is_written_is_read_again(
    added: list[str], changed: list[str], fixed: list[str], caveats: list[str]
) -> None:
    """What a Changelog prints below a heading is the same Changelog."""
    changelog = mv.Changelog("", added, changed, fixed, caveats)
    assert parse_changelog(f"## Unreleased\n\n{changelog}\n") == changelog


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    """A changelog is what people write; nothing in it is an error."""
    assert isinstance(parse_changelog(text), mv.Changelog)
    assert isinstance(parse_changelog(f"## Unreleased\n{text}"), mv.Changelog)
