"""What a notebook shows: everything escaped, and readable on light and dark paper."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, write_tree

EVIL = "<script>alert('x')</script>&\"<b>"


class Reader(HTMLParser):
    """Notes tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.styles: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.open.append(tag)
        self.styles += [value or "" for name, value in attrs if name == "style"]
        assert {name for name, _ in attrs} <= {"style", "title", "colspan", "open"}

    def handle_endtag(self, tag: str) -> None:
        """See that tags are closed in order."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def read(shown: str) -> Reader:
    """Parse what is shown; see that it is well formed, harmless, and takes the notebook's own colours."""
    reader = Reader()
    reader.feed(shown)
    assert reader.open == []
    assert reader.tags <= {
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "strong",
        "span",
        "details",
        "summary",
        "pre",
    }
    colours = [
        style
        for style in reader.styles
        if re.search(r"(?<!-)\bcolor\s*:\s*(?!inherit)|background|#[0-9a-f]{3}", style)
    ]
    assert colours == []
    return reader


@pytest.fixture
def evil(memory: mv.Registry, tmp_path: Path) -> mv.ModelVersion:
    """Give a version that is full of markup."""
    write_tree(tmp_path, {"prompts/system.txt": EVIL})
    registry = mv.Registry(memory.url, actor=EVIL)
    version = registry.register(
        MODEL,
        {"model'&.bin": b"1", "prompts/a.txt": EVIL.encode()},
        changelog=mv.Changelog(summary=EVIL, added=[EVIL], caveats=[EVIL]),  # type: ignore[arg-type] # lists will do
        metrics=[mv.Metric(EVIL, 0.5, dataset=EVIL, slice=EVIL)],
        metadata={"intended_use": [EVIL], "limitations": EVIL, "description": EVIL},
        tags={EVIL: EVIL},
        capture=False,
    )
    registry.set_alias(MODEL, "production", version, reason=EVIL)
    registry.annotate(version, EVIL, tags={EVIL: EVIL})
    registry.record_metrics(version, {EVIL: 1.0})
    with pytest.warns(UserWarning, match="serves"):
        registry.yank(version, reason=EVIL)
    return version


def test_everything_is_escaped(memory: mv.Registry, evil: mv.ModelVersion) -> None:
    """Whatever a publisher wrote is text, on every display."""
    other = memory.register(MODEL, {"model'&.bin": b"2"}, capture=False, changelog=EVIL)
    with pytest.warns(UserWarning, match="yanked"):
        loaded = memory.load(evil)
    shown = {
        "version": evil,
        "registry": memory,
        "history": memory.history(MODEL),
        "alias history": memory.history(MODEL, alias="production"),
        "status": memory.status(evil),
        "report": memory.verify(),
        "loaded": loaded,
        "comparison": memory.compare(evil, other),
    }
    for name, value in shown.items():
        reader = read(value._repr_html_())  # type: ignore[attr-defined] # what notebooks call
        assert reader.text, name
        if name not in {"registry", "report"}:
            assert "alert('x')" in reader.text, name


def test_a_version_shows_what_matters(memory: mv.Registry, evil: mv.ModelVersion) -> None:
    """Its reference, digest, files and metrics."""
    text = read(evil._repr_html_()).text
    for part in (evil.ref, evil.digest, "model'&.bin", "0.5"):
        assert part in text


def test_a_registry_shows_its_models(memory: mv.Registry, root: Path) -> None:
    """Each with its versions and aliases; one that is not there yet says so instead of failing."""
    assert "nothing here yet" in read(mv.Registry(root)._repr_html_()).text
    assert not root.exists()
    memory.create_model("empty")
    assert "1 model" in read(memory._repr_html_()).text
    memory.register(MODEL, {"a": b"1"}, aliases=["production"], capture=False)
    text = read(memory._repr_html_()).text
    assert "2 models" in text
    assert "production → 1.0.0" in text


def test_texts_have_no_surprises(memory: mv.Registry, evil: mv.ModelVersion) -> None:
    """Every value has a plain text of its own, too."""
    assert "yanked" in str(memory.status(evil))
    assert "production: - -> 1.0.0" in str(memory.history(MODEL, alias="production"))
    assert str(memory.verify()).startswith(memory.url)
    assert "Registry(" in repr(memory)
    assert len(repr(evil)) < 500


def test_a_registry_out_of_reach_says_why() -> None:
    """A notebook shows the reason, and no traceback."""
    options = {"endpoint_url": "http://127.0.0.1:9", "key": "key", "secret": "secret"}
    registry = mv.Registry("s3://bucket/models", storage_options=options, timeout=1)
    assert "can't be reached" in read(registry._repr_html_()).text
