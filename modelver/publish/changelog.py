"""A model's changelog: what each version changed, in the form of Keep a Changelog 1.1.0."""

from collections.abc import Iterator
from datetime import datetime

import attrs

from modelver.history.state import Mark
from modelver.publish.document import Block, Bullets, Heading, Paragraph, to_html, to_markdown
from modelver.publish.markdown import visible
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.record import Changelog

MAX_LINES = 200
"""Lines of one section that are shown; the others are counted."""


@attrs.frozen
class Release:
    """What one version changed.

    Attributes:
        version: Its number.
        at: When it was registered, in UTC.
        by: Who registered it.
        changelog: What its publisher says.
        yanked: Who yanked it, when and why; None where nobody did.
        prerelease: Whether it is an experiment or a candidate.
    """

    version: str
    at: datetime
    by: str
    changelog: Changelog
    yanked: Mark | None = None
    prerelease: bool = False

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data, with the keys ``added``, ``changed``, ``fixed`` and ``caveats``."""
        return {
            "version": self.version,
            "at": wire.format_time(self.at),
            "by": self.by,
            "prerelease": self.prerelease,
            "yanked": self.yanked.message if self.yanked else None,
            "summary": self.changelog.summary,
            "added": list(self.changelog.added),
            "changed": list(self.changelog.changed),
            "fixed": list(self.changelog.fixed),
            "caveats": list(self.changelog.caveats),
        }

    def blocks(self) -> Iterator[Block]:
        """Yield its part of a changelog."""
        yield Heading(f"{self.version} - {self.at:%Y-%m-%d}", tags=("YANKED",) if self.yanked else ())
        if self.yanked:
            yield Paragraph(f"Yanked by {self.yanked.by}: {self.yanked.message}", "bad")
        if self.changelog.summary.strip():
            yield Paragraph(self.changelog.summary)
        for title, lines in self.changelog.sections.items():
            yield Heading(title, 3)
            more = (f"… and {len(lines) - MAX_LINES:,} more",) if len(lines) > MAX_LINES else ()
            yield Bullets((*lines[:MAX_LINES], *more))
        if not self.changelog:
            yield Paragraph("Its publisher said nothing.", "quiet")


@attrs.frozen
class ModelChangelog:
    """A model's changelog, the newest version first; ``str()`` is Markdown.

    Attributes:
        model: The model's name.
        releases: By precedence, the highest first.
    """

    model: str
    releases: tuple[Release, ...]

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data: ``model`` and ``versions``."""
        return {"model": self.model, "versions": [release.to_dict() for release in self.releases]}

    def html(self) -> str:
        """Return it as one HTML page that stands alone."""
        return to_html(self._title, self._blocks())

    def __str__(self) -> str:
        return to_markdown(self._title, self._blocks())

    def __repr__(self) -> str:
        return f"<ModelChangelog {visible(self.model)}: {len(self.releases)} versions>"

    def _repr_html_(self) -> str:
        from modelver.values import html

        return html.heading(f"Changelog of {self.model}") + "".join(
            html.heading(f"{release.version} - {release.at:%Y-%m-%d}", "yanked" if release.yanked else "")
            + "".join(map(html.line, str(release.changelog).splitlines()))
            for release in self.releases
        )

    @property
    def _title(self) -> str:
        return f"Changelog of {self.model}"

    def _blocks(self) -> Iterator[Block]:
        if not self.releases:
            yield Paragraph("There are no versions yet.", "quiet")
        for release in self.releases:
            yield from release.blocks()
