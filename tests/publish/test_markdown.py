"""Untrusted text in Markdown says what it said, and does nothing."""

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.publish.markdown import (
    MAX_TEXT,
    Markdown,
    bullets,
    code,
    code_block,
    escape,
    paragraphs,
    prose,
    table,
    to_html,
    visible,
)
from modelver.publish.page import paragraph
from tests.publish.support import Reader

NASTY = st.text(
    st.one_of(st.sampled_from("\\`*_[]()<>#+-.!|~&;:=$0123456789 \n\t\"'{}ab"), st.characters()), max_size=40
)


@given(NASTY)
def test_escaped_text_is_one_paragraph_that_says_the_same(text: str) -> None:
    """Whatever the text, a renderer shows exactly its visible form, without any markup."""
    read = Reader(to_html(escape(text)))
    assert read.tags == (["p"] if visible(text).strip() else [])
    assert read.text.strip() == visible(text).strip()


@given(NASTY)
def test_escaped_text_is_an_item_of_a_list(text: str) -> None:
    """The same holds within a list."""
    read = Reader(to_html(bullets([text, "end"])))
    assert read.tags == ["ul", "li", "li"]
    assert [line.strip() for line in read.text.strip().splitlines()][-1] == "end"


@given(NASTY, NASTY)
def test_cells_stay_in_their_columns(first: str, second: str) -> None:
    """No text breaks a table, as plain text or as code."""
    read = Reader(to_html(table(["a", "b"], [[first, code(second)]])))
    assert [tag for tag in read.tags if tag != "code"] == [
        "table",
        "thead",
        "tr",
        "th",
        "th",
        "tbody",
        "tr",
        "td",
        "td",
    ]
    words = " ".join(read.text.split())
    assert words == " ".join(f"a b {visible(first)} {visible(second)}".split())


@given(NASTY)
def test_code_shows_the_text(text: str) -> None:
    """A code span has the text and no other tag."""
    read = Reader(to_html(code(text)))
    assert set(read.tags) <= {"p", "code"}
    assert read.text.strip() == visible(text).strip()


@given(NASTY)
def test_a_code_block_holds_its_text(text: str) -> None:
    """Backticks in the text don't end the block."""
    read = Reader(to_html(code_block(text, "diff")))
    assert read.tags == ["pre", "code"]
    assert read.text.strip("\n") == visible(text, lines=True).strip("\n")


@given(NASTY)
def test_paragraphs_keep_lines_lists_and_titles(text: str) -> None:
    """Several lines stay what they say; of all markup, lists and titles alone are taken, the same way in HTML."""
    said = "".join("".join(line for _, line in prose(text)).split())
    for html in (to_html(paragraphs(text)), paragraph(text)):
        read = Reader(html)
        assert set(read.tags) <= {"p", "ul", "li", "strong", "br"}
        assert "".join(read.text.split()) == said


def test_a_changelog_file_stays_readable() -> None:
    """Headings become bold lines, and items a list."""
    text = "Better.\n\n### Added\n- Refunds\n* [x](y)\n1. one\n# Note: it's *slow*"
    assert paragraphs(text) == (
        "Better.\n\n**Added**\n\n- Refunds\n- \\[x\\](y)\n\n1\\. one\n\n**Note: it's \\*slow\\***"
    )
    assert paragraph("# A\n- b\nc\nd") == "<p><strong>A</strong></p><ul><li>b</li></ul><p>c<br>d</p>"


def test_ordinary_words_stay_readable() -> None:
    """Names, figures and sentences are not littered with backslashes."""
    for text in (
        "f1_score went up (from 0.90 to 0.93)!",
        "acme/fraud:1.3.0",
        "Use it; don't wait.",
        "a - b + c",
    ):
        assert escape(text) == text


def test_what_is_markdown_is_left_alone() -> None:
    """Only text is escaped."""
    assert escape(Markdown("**bold**")) == "**bold**"
    assert escape("**bold**") == r"\*\*bold\*\*"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\u202egpj.exe", r"a\u202egpj.exe"),
        ("\ud800", r"\ud800"),
        ("a\n b", "a b"),
    ],
)
def test_what_does_not_show_is_spelled_out(text: str, shown: str) -> None:
    """Terminals' sequences, marks that turn the direction, and lone surrogates."""
    assert visible(text) == shown


def test_long_texts_are_cut_in_their_middle() -> None:
    """A text of a megabyte makes no page of a megabyte."""
    shown = visible("a" * 10**6 + "end")
    assert len(shown) < MAX_TEXT + 10
    assert shown.endswith("end")


def test_html_in_markdown_is_text() -> None:
    """Raw HTML and script links in a team's own Markdown do nothing."""
    html = to_html("<script>alert(1)</script> [x](javascript:alert(1)) ![x](https://example.org/a.png)")
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "<img" not in html
    assert "alert(1)" in unescape(html)


def test_cells_know_their_columns() -> None:
    """A phone shows a cell's title beside it; a long word may be broken, a short one is kept whole."""
    html = to_html(table(["metric", ""], [["f1", "x" * 40]]))
    assert '<td data-label="metric">f1</td>' in html
    assert f'<td class="long">{"x" * 40}</td>' in html
    evil = to_html(table(['"><b>', "b"], [["1", "2"]]))
    assert '<td data-label="&quot;&gt;&lt;b&gt;">1</td>' in evil
