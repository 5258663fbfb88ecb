"""Release notes for one audience: `str` is Markdown, `html` a page."""

from collections.abc import Mapping

import attrs

from modelver.errors import InvalidValue
from modelver.publish import page
from modelver.publish.audiences import Audience
from modelver.publish.markdown import to_html, visible
from modelver.values.canonical import Json


@attrs.frozen(repr=False)
class Notes:
    """Release notes between two versions of a model, for one audience; ``str()`` is Markdown.

    Attributes:
        a: Reference of the earlier version, ``name:version``.
        b: Reference of the later version.
        audience: For whom they are.
        text: The Markdown.
        data: What they are made of, as far as the audience gets it: plain JSON data.
    """

    a: str
    b: str
    audience: Audience
    text: str
    data: Mapping[str, Json]

    def __str__(self) -> str:
        return self.text

    def html(self) -> str:
        """Return the notes as one HTML page that stands alone.

        Raises:
            InvalidValue: markdown-it-py is not installed.
        """
        return page.page(f"{self.b} for {self.audience}", to_html(self.text), header=False)

    def to_dict(self) -> dict[str, Json]:
        """Return what the notes are made of, and the Markdown as ``text``, as plain JSON data."""
        return {**self.data, "audience": self.audience, "text": self.text}

    def __repr__(self) -> str:
        return f"<Notes {visible(self.a)} -> {visible(self.b)} for {self.audience}>"

    def _repr_html_(self) -> str:
        try:
            return to_html(self.text)
        except InvalidValue:  # a notebook without the extra shows the Markdown
            return page.block(self.text)
