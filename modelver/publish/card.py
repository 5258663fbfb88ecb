"""A model card: what a version is, is for, can do and can't, for people and for their tools."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Literal, TypeAlias

import attrs

from modelver.errors import InvalidValue
from modelver.publish.card_sections import card_sections
from modelver.publish.charts import Chart
from modelver.publish.document import Block, to_html, to_markdown
from modelver.publish.facts import CardFacts
from modelver.publish.front_matter import front_matter
from modelver.publish.google_card import google_card
from modelver.publish.plots import Plot, charts, embedded
from modelver.publish.yaml_text import to_yaml
from modelver.values.canonical import Json

Plots: TypeAlias = Literal["embedded", "files", "none"]

PLOTS_FOLDER = "plots"
"""The folder beside a Markdown card in which its plots are, where they are files."""


@attrs.define(frozen=True, slots=False)
class Card:
    """A version's model card; ``str(card)`` is its Markdown.

    What others wrote is text in it and nothing else: no markup, no links and no scripts come of it.

    Attributes:
        facts: What it is written from.
    """

    facts: CardFacts

    @property
    def ref(self) -> str:
        """The version, as ``name:version``."""
        return self.facts.ref

    @cached_property
    def _charts(self) -> tuple[Chart, ...]:
        return charts(self.facts.metrics, self.facts.past)

    @property
    def plots(self) -> Mapping[str, str]:
        """The plots as SVG, by file name: metrics by slice, then by version."""
        return {f"{chart.key}.svg": chart.svg() for chart in self._charts}

    @property
    def front_matter(self) -> dict[str, Json]:
        """What the Hugging Face Hub reads of a card: ``license``, ``base_model``, ``datasets``, ``model-index``, ..."""
        return front_matter(self.facts)

    def markdown(self, *, plots: Plots = "embedded") -> str:
        """Return the card as Markdown, with the front matter of the Hugging Face Hub.

        The sections are those of Mitchell et al., "Model Cards for Model Reporting" (2019).

        Args:
            plots: Where the plots are: ``embedded`` in the text as ``data:`` addresses; in ``files``, to be written
                from `plots` into a folder ``plots`` beside the card; or ``none``: the tables have all figures.

        Raises:
            InvalidValue: `plots` is none of these.
        """
        if plots not in _TARGETS:
            expected = ", ".join(_TARGETS)
            raise InvalidValue("not a place for plots", where=repr(plots)[:80], expected=expected)
        data = self.front_matter
        front = f"---\n{to_yaml(data)}---\n\n" if data else ""
        return front + to_markdown(f"Model card of {self.ref}", self._blocks(_TARGETS[plots]))

    def html(self) -> str:
        """Return the card as one HTML page that needs nothing else, and prints well."""
        note = f"As of {self.facts.at:%Y-%m-%d %H:%M} UTC"
        return to_html(f"Model card of {self.ref}", self._blocks(_nothing), note=note)

    def _blocks(self, target: Callable[[Chart], str]) -> Iterator[Block]:
        return card_sections(self.facts, [Plot(chart, target(chart)) for chart in self._charts])

    def to_dict(self) -> dict[str, Json]:
        """Return the card as JSON data, after the schema of Google's Model Card Toolkit, version 0.0.2."""
        return google_card(self.facts)

    def cyclonedx(self, *, version: str = "1.6") -> dict[str, Json]:
        """Return a bill of materials as JSON data: a CycloneDX ML-BOM.

        The same version gives the same bill, until something is recorded about it.

        Args:
            version: Of CycloneDX: ``1.6`` or ``1.7``.

        Raises:
            InvalidValue: It is another version, or cyclonedx-python-lib is not installed.
        """
        from modelver.publish.bom import bill_of_materials

        return bill_of_materials(self.facts, self.plots, version=version)

    def __str__(self) -> str:
        return self.markdown(plots="none")

    def _repr_html_(self) -> str:
        return "\n".join(block.html() for block in self._blocks(_nothing))


def _file(chart: Chart) -> str:
    return f"{PLOTS_FOLDER}/{chart.key}.svg"


def _nothing(_: Chart) -> str:
    return ""


_TARGETS: Mapping[str, Callable[[Chart], str]] = {"embedded": embedded, "files": _file, "none": _nothing}
