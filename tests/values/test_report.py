"""Reports and the HTML that shows them: true when all is well, and nothing unescaped."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.errors import IntegrityError
from modelver.values import html
from modelver.values.report import Finding, Report
from modelver.values.sizes import format_size
from tests.strategies import texts

HOSTILE = '<script>alert("1")</script>\'&"><img src=x onerror=alert(1)>'


class Tags(HTMLParser):
    """Collects the tags and the text of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag, and refuse attributes that run code."""
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def test_a_report_is_true_when_all_is_well() -> None:
    """Without findings it is true, says so, and raises nothing."""
    report = Report("fraud:1.0.0", checked={"blobs": 1200, "commits": 3})
    assert report
    assert report.ok
    report.raise_if_failed()
    assert str(report) == "fraud:1.0.0: all is well (1,200 blobs, 3 commits)"
    assert "all is well" in report._repr_html_()


def test_a_report_names_what_is_wrong() -> None:
    """With findings it is false, lists them, and raises an error that names the first ones."""
    findings = tuple(Finding(f"blobs/{number}", "is damaged", "aa", "bb") for number in range(7))
    report = Report("fraud:1.0.0", findings, {"blobs": 9})
    assert not report
    assert str(report).splitlines() == [
        "fraud:1.0.0: 7 finding(s) (9 blobs)",
        *(f"blobs/{number}: is damaged (expected aa, found bb)" for number in range(7)),
    ]
    with pytest.raises(IntegrityError, match=r"7 object\(s\).*blobs/0: is damaged") as caught:
        report.raise_if_failed()
    assert "blobs/6" not in str(caught.value)
    assert "blobs/6" in report._repr_html_()


@pytest.mark.parametrize(
    "page",
    [
        html.text(HOSTILE),
        html.code(HOSTILE),
        html.heading(HOSTILE, HOSTILE),
        html.table((HOSTILE,), [(html.text(HOSTILE),), (html.code(HOSTILE),)]),
        Report(HOSTILE, (Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE),), {HOSTILE: 1})._repr_html_(),
    ],
)
def test_hostile_text_is_shown_and_never_run(page: str) -> None:
    """A browser finds our own tags alone, and the text as it is."""
    seen = Tags(page)
    assert not seen.tags & {"script", "img"}
    assert HOSTILE in seen.text


@given(texts, texts)
def test_any_text_comes_out_as_it_went_in(one: str, other: str) -> None:
    """Escaping loses nothing and lets nothing through."""
    seen = Tags(html.text(one) + html.code(other))
    assert seen.tags <= {"code"}
    assert seen.text.replace("\r", "") == (one + other).replace("\r", "")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (2_327_524, "2.3 MB"),
        (8 * 10**9, "8.0 GB"),
        (10**15, "1.0 PB"),
        (10**19, "10000.0 PB"),
    ],
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    """Thousands, as disks and networks count."""
    assert format_size(size) == text


@given(st.integers(0, 10**20))
def test_a_size_has_one_number_and_one_unit(size: int) -> None:
    """Every size can be said."""
    number, unit = format_size(size).split(" ")
    assert unit in {"B", "kB", "MB", "GB", "TB", "PB"}
    assert float(number) >= 0


def test_notes_are_shown_and_wrong_nothing() -> None:
    """What is worth knowing does not make a report false, and hostile text in it stays text."""
    note = Finding("commit", "another one <b>", "a", "b", component="code", file="x", line=3)
    report = Report("tree", checked={"files": 1}, notes=(note,))
    assert report
    report.raise_if_failed()
    assert str(report).splitlines()[1] == "note: commit: another one <b> (expected a, found b)"
    assert "<b>" not in report._repr_html_()
