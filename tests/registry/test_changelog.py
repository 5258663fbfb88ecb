"""`registry.changelog`: what each version changed, newest first."""

import pytest

import modelver as mv
from modelver.publish.markdown import to_html
from tests.publish.support import Reader
from tests.registries import MODEL, publish


def test_the_newest_version_comes_first(memory: mv.Registry) -> None:
    """Sections are those of Keep a Changelog; the order is precedence, not registration."""
    publish(memory, b"1", version="1.10.0", changelog="Ten.")
    publish(memory, b"2", version="1.9.0", changelog=mv.Changelog(added=("Refunds.",), caveats=("Slow.",)))
    text = str(memory.changelog(MODEL))
    ten, nine = (f"{memory.get(f'{MODEL}:1.{number}.0').created_at:%Y-%m-%d}" for number in (10, 9))
    assert text == (
        f"# Changelog of acme/fraud\n\n## 1.10.0 - {ten}\n\nTen.\n\n"
        f"## 1.9.0 - {nine}\n\n### Added\n\n- Refunds.\n\n### Caveats\n\n- Slow.\n"
    )


def test_a_yanked_version_says_so(memory: mv.Registry) -> None:
    """As Keep a Changelog asks, with the reason."""
    publish(memory, changelog="The first.")
    memory.yank(f"{MODEL}:1.0.0", reason="bad data")
    text = str(memory.changelog(MODEL))
    assert "[YANKED]" in text
    assert "Yanked by tester@example.org: bad data" in text
    assert memory.changelog(MODEL).to_dict()["versions"][0]["yanked"] == "bad data"  # type: ignore[index,call-overload]


def test_data_and_page_say_the_same(memory: mv.Registry) -> None:
    """What the text has, the page and the data have."""
    publish(memory, changelog=mv.Changelog(summary="One.", fixed=("A fault.",)))
    found = memory.changelog(MODEL)
    assert "A fault." in Reader(found.html()).text
    assert found.to_dict()["versions"][0]["fixed"] == ["A fault."]  # type: ignore[index,call-overload]
    assert "One." in found._repr_html_()


def test_hostile_text_does_nothing(memory: mv.Registry) -> None:
    """A changelog is text, whatever it looks like."""
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) | `\n# Title\n- [ ] item"
    publish(memory, changelog=mv.Changelog(summary=evil, added=(evil,)))
    found = memory.changelog(MODEL)
    for html in (to_html(str(found)), found.html()):
        read = Reader(html)
        assert not set(read.tags) & {"script", "a", "img", "table"}
        assert "alert(1)" in read.text
    assert Reader(to_html(str(found))).tags.count("h1") == 1


def test_many_lines_are_counted(memory: mv.Registry) -> None:
    """A section of thousands of lines is cut, and says how many are left out."""
    publish(memory, changelog=mv.Changelog(added=tuple(f"line {number}" for number in range(1_000))))
    assert "… and 800 more" in str(memory.changelog(MODEL))


def test_an_unknown_model_is_not_found(memory: mv.Registry) -> None:
    """There is no changelog of nothing; and a model without versions has an empty one."""
    memory.create_model("empty")
    assert "no versions yet" in str(memory.changelog("empty"))
    with pytest.raises(mv.NotFound):
        memory.changelog("nope")
