"""What the tests of this room share."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Notes the tags and the text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag; none of ours has an attribute that leads anywhere."""
        assert not {name for name, _ in attrs} & {"href", "src", "onclick"}
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data
