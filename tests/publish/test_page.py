"""The page stands alone, and text in it is text."""

import re

from hypothesis import given
from hypothesis import strategies as st

from modelver.publish import page
from modelver.publish.markdown import visible
from tests.publish.support import Reader


def test_a_page_needs_nothing_else() -> None:
    """No script, no link and nothing from elsewhere; a browser is told so too."""
    html = page.page("Title", page.paragraph("text"), note="note")
    assert not re.search(r"<script|<link|<img|@import|url\(|https?:", html)
    assert "default-src 'none'" in html
    assert "@media print" in html
    assert 'name="viewport"' in html


@given(st.text(max_size=30))
def test_all_text_is_escaped(text: str) -> None:
    """Whatever the text, no tag comes of it."""
    parts = [
        page.text(text, "bad"),
        page.code(text),
        page.heading(text),
        page.paragraph(text, "warn"),
        page.notice(text),
        page.block(text),
        page.bullets([page.text(text)]),
        page.table([text], [[page.text(text)]]),
        page.facts([(text, page.text("value"))]),
    ]
    allowed = set("span code h2 p br pre ul li table thead tbody tr th td".split())
    assert set(Reader("".join(parts)).tags) <= allowed
    read = Reader(page.page(text, "", note=text))
    assert set(read.tags) <= {"html", "head", "meta", "title", "style", "body", "header", "h1", "p", "main"}
    assert visible(text) in read.text
