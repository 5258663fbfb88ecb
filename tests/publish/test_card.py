"""A model card is valid for each of those who read it, and says what is known."""

import sys
import warnings
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from huggingface_hub import ModelCard, ModelCardData
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.errors import InvalidValue
from modelver.publish.card import Card
from modelver.publish.facts import CardFacts
from modelver.publish.markdown import to_html
from modelver.publish.read_card import read_card
from modelver.values.making import Architecture
from modelver.values.record import BaseModel, Dataset, Metadata, Metric
from tests.publish.cards import METRICS, bom_faults, card, facts, facts_of, hostile_facts
from tests.publish.google_schema import SCHEMA

if TYPE_CHECKING:
    from jsonschema import Draft7Validator

SECTIONS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)
PAGE_TAGS = set(
    "html head meta title style body header h1 main p h2 h3 ul li table thead tbody tr th td code div svg desc rect"
    " text line circle polyline span br strong".split()
)


@cache
def google() -> "Draft7Validator":
    """Return what checks cards by Google's schema."""
    import jsonschema  # late: its formats take seconds to import

    return jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def on_hub(text: str) -> ModelCard:
    """Read a card as the Hub's own library does, which warns of what it can't make sense of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return ModelCard(text, ignore_metadata_errors=False)


class Page(HTMLParser):
    """Notes the tags of a page, and what could run or fetch something."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.live: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.live += [
            name
            for name, _ in attrs
            if name.startswith("on") or name in {"href", "src", "style", "xlink:href"}
        ]


def test_the_hub_reads_what_is_known() -> None:
    """huggingface_hub finds license, base model, datasets, tags and each figure."""
    data: ModelCardData = on_hub(card().markdown()).data
    assert data.license == "apache-2.0"
    assert data.language == ["en"]
    assert data.pipeline_tag == "tabular-classification"
    assert data.base_model == ["acme/base", "bert-base-uncased"]
    assert data.datasets == ["eval-v3", "train"]
    assert data.tags == ["fraud", "team:risk"]
    assert data.metrics == ["f1", "latency_ms"]
    assert data.model_name == "acme/fraud"
    assert data.eval_results is not None
    found = {
        (each.metric_type, each.dataset_name, str(each.dataset_args)): each.metric_value
        for each in data.eval_results
    }
    assert found[("f1", "eval-v3", "{'slice': 'region=EU'}")] == 0.93
    assert found[("latency_ms", "unspecified", "None")] == 12.5
    assert len(found) == 5


def test_a_license_that_the_hub_does_not_know_is_named() -> None:
    """The Hub takes its own words alone; others go beside them."""
    assert card(license="Acme EULA").front_matter["license"] == "other"
    assert card(license="Acme EULA").front_matter["license_name"] == "Acme EULA"
    assert card(license="Apache-2.0").front_matter["license"] == "apache-2.0"
    assert "license" not in card(license="").front_matter


def test_names_that_the_hub_would_refuse_are_in_the_body_alone() -> None:
    """An upload must not fail on a dataset that is not on the Hub."""
    data = (Dataset("the train set", method="named"), Dataset("x", uri="hf://datasets/acme/cards/train.csv"))
    written = card(data=data, base=(BaseModel("a model of ours"),))
    assert written.front_matter["datasets"] == ["acme/cards"]
    assert "base_model" not in written.front_matter
    assert "the train set" in str(written)
    assert "a model of ours" in str(written)


def test_sections_are_those_of_model_cards_for_model_reporting() -> None:
    """Each section of Mitchell et al. is there, in their order, in both forms."""
    for text, mark in ((card().markdown(plots="none"), "## "), (card().html(), "<h2>")):
        places = [text.index(f"{mark}{title}") for title in SECTIONS]
        assert places == sorted(places)


def test_a_card_says_what_is_known() -> None:
    """Use, limits, figures, slices that miss their threshold, data, files, approvals and origin."""
    text = card().markdown(plots="none")
    for said in (
        "Scoring card payments in the EU.",
        "Not for loans.",
        "Slow on CPUs.",
        "Rare regions fare worse.",
        "region=APAC",
        "f1 (eval-v3, region=APAC) is 0.79; the threshold is 0.85",
        "10,000",
        "0.91 to 0.93",
        "acme/base:1.2.0",
        "net.depth",
        "standardize",
        "Sets the tone.",
        "1,000 parameters, 12 tensors",
        "claimed, not signed",
        "https://example.org/acme/fraud",
        "Reviewed by the board.",
    ):
        assert said in text


def test_a_card_of_which_nothing_is_known_says_so() -> None:
    """Sections without content are there, and say that nothing is stated."""
    stated = facts_of(Metadata())
    bare = Card(attrs.evolve(stated, metrics=(), past=(), judged=(), notes=(), architecture=Architecture()))
    text = bare.markdown()
    assert text.count("Not stated.") == 4
    assert text.startswith("# Model card of acme/fraud:1.3.0")
    assert google().is_valid(bare.to_dict())
    assert bom_faults(bare.cyclonedx()) == ""


def test_what_the_figures_show_is_plotted() -> None:
    """There is a plot for the slices, and one for each figure over the versions."""
    written = card()
    assert list(written.plots) == [
        "f1-eval-v3-by-slice.svg",
        "f1-eval-v3-by-version.svg",
        "latency-ms-by-version.svg",
    ]
    assert written.html().count("<svg") == 3
    assert written.markdown().count("](data:image/svg+xml;base64,") == 3
    assert written.markdown(plots="files").count("](plots/") == 3
    assert "](" not in str(written)


def test_a_notebook_shows_the_card() -> None:
    """The same sections, without the page around them."""
    shown = card()._repr_html_()
    assert "Scoring card payments in the EU." in shown
    assert "<svg" in shown
    assert "<style" not in shown


def test_plots_go_where_they_are_wanted_or_nowhere() -> None:
    """Another word is refused."""
    with pytest.raises(InvalidValue, match="not a place for plots"):
        card().markdown(plots="here")  # type: ignore[arg-type] # that is the point


def test_google_json_is_valid_and_complete() -> None:
    """The JSON is what Google's schema describes."""
    data: Any = card().to_dict()
    google().validate(data)
    assert data["model_details"]["licenses"] == [{"identifier": "apache-2.0"}]
    assert data["model_details"]["version"] == {
        "name": "1.3.0",
        "date": "2026-11-17",
        "diff": "Better recall.\n\n### Added\n- EU cards.\n\n### Caveats\n- Slow on CPUs.",
    }
    assert {"type": "f1", "value": "0.93", "slice": "dataset=eval-v3; region=EU"} in data[
        "quantitative_analysis"
    ]["performance_metrics"]
    assert data["considerations"]["limitations"] == [
        {"description": "Not for loans."},
        {"description": "Slow on CPUs."},
    ]
    assert data["model_parameters"]["input_format"] == "x float32[batch, 7]"


@pytest.mark.parametrize(("version", "schema"), [("1.6", SchemaVersion.V1_6), ("1.7", SchemaVersion.V1_7)])
def test_a_bill_of_materials_is_valid(version: str, schema: SchemaVersion) -> None:
    """CycloneDX's strict schema has nothing against it."""
    assert bom_faults(card().cyclonedx(version=version), schema) == ""


def test_a_bill_of_materials_names_everything_by_its_digest() -> None:
    """Model, files, datasets and base models have their digests; what is only listed has none of its content."""
    bill: Any = card().cyclonedx()
    model = bill["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert model["hashes"] == [{"alg": "SHA-256", "content": "cd" * 32}]
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    parts = {part["bom-ref"]: part for part in bill["components"]}
    assert parts["file:model.safetensors"]["hashes"][0]["content"] == "ab" * 32
    assert parts["data:1"]["hashes"][0]["content"] == "ab" * 32
    assert "hashes" not in parts["data:2"]
    assert parts["data:2"]["data"][0]["contents"] == {"url": "s3://lake/train"}
    assert (parts["base:1"]["group"], parts["base:1"]["name"], parts["base:1"]["version"]) == (
        "acme",
        "base",
        "1.2.0",
    )
    assert parts["package:numpy"]["purl"] == "pkg:pypi/numpy@2.1.0"
    assert parts["package:numpy"]["scope"] == "excluded"
    assert [each["name"] for each in model["pedigree"]["ancestors"]] == ["base", "bert-base-uncased"]
    depends = next(each for each in bill["dependencies"] if each["ref"] == model["bom-ref"])
    assert set(depends["dependsOn"]) == set(parts)


def test_a_bill_of_materials_has_the_model_card() -> None:
    """Figures with their intervals, plots, datasets, considerations."""
    found: Any = card().cyclonedx()
    model = found["metadata"]["component"]["modelCard"]
    assert model["modelParameters"]["datasets"] == [{"ref": "data:1"}, {"ref": "data:2"}]
    assert model["modelParameters"]["task"] == "tabular-classification"
    assert model["quantitativeAnalysis"]["performanceMetrics"][0] == {
        "type": "f1",
        "value": "0.92",
        "slice": "dataset=eval-v3",
        "confidenceInterval": {"lowerBound": "0.91", "upperBound": "0.93"},
    }
    assert len(model["quantitativeAnalysis"]["graphics"]["collection"]) == 3
    assert model["considerations"]["ethicalConsiderations"] == [{"name": "Rare regions fare worse."}]


def test_equal_facts_give_equal_bills() -> None:
    """Nothing in a bill is random, or of the moment when it was written."""
    assert card().cyclonedx() == card().cyclonedx()


def test_an_unknown_version_of_cyclonedx_is_refused() -> None:
    """A bill is of a version that we test."""
    with pytest.raises(InvalidValue, match=r"not a version of CycloneDX.*1\.6 or 1\.7"):
        card().cyclonedx(version="1.2")


def test_a_missing_library_is_told_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a bill of materials needs one."""
    monkeypatch.setitem(sys.modules, "cyclonedx.output", None)
    with pytest.raises(InvalidValue, match=r"pip install 'modelver\[bom\]'"):
        card().cyclonedx()
    assert card().markdown()
    assert card().to_dict()


@given(hostile_facts())
@settings(max_examples=15)
def test_hostile_text_leaves_the_front_matter_valid(known: CardFacts) -> None:
    """Whatever a publisher states, the Hub's library reads the card, and finds no key that is not ours."""
    text = Card(known).markdown()
    data = on_hub(text).data.to_dict()
    assert set(data) <= {
        *("language", "license", "license_name", "library_name", "pipeline_tag", "tags", "base_model"),
        *("datasets", "metrics", "model-index"),
    }
    front = yaml.safe_load(text.split("---\n")[1]) if text.startswith("---") else {}
    assert front == Card(known).front_matter


@given(hostile_facts())
@settings(max_examples=15)
def test_hostile_text_is_text_on_the_page(known: CardFacts) -> None:
    """Neither the page nor the Markdown, rendered, has a tag or an attribute that is not ours."""
    page = Page(Card(known).html())
    assert page.tags <= PAGE_TAGS
    assert page.live == []
    body = Card(known).markdown(plots="none").rpartition("\n---\n")[2]
    rendered = Page(to_html(body))
    assert rendered.tags <= {
        "h1",
        "h2",
        "h3",
        "p",
        "ul",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
        "blockquote",
        "strong",
    }
    assert rendered.live == []


@given(hostile_facts())
@settings(max_examples=15)
def test_hostile_text_leaves_json_valid(known: CardFacts) -> None:
    """Google's schema and CycloneDX's have nothing against it."""
    written = Card(known)
    google().validate(written.to_dict())
    assert bom_faults(written.cyclonedx()) == ""


@pytest.mark.parametrize(
    "license",  # one that no SPDX list has, one that no parser should see, and an expression
    ["Acme EULA", "( " * 500_000, "MIT OR Apache-2.0"],
)
def test_any_license_is_written_down(license: str) -> None:  # noqa: A002 (the field's name)
    """By its identifier, as an expression, or by its name."""
    assert bom_faults(card(license=license).cyclonedx()) == ""


def test_a_megabyte_of_text_makes_no_card_of_megabytes() -> None:
    """Long texts are cut where people read; the JSON has the whole."""
    written = card(description="x" * 10**6, limitations=("<b>" * 300_000,))
    assert len(written.markdown()) < 100_000
    assert len(written.html()) < 100_000
    assert bom_faults(written.cyclonedx()) == ""
    google().validate(written.to_dict())


def test_thousands_of_figures_make_a_card_that_can_be_read() -> None:
    """Tables and plots have limits, and say how much they leave out."""
    metrics = tuple(Metric("f1", index / 5_000, slice=f"part={index}") for index in range(5_000))
    written = Card(attrs.evolve(facts(), metrics=metrics, past=()))
    assert "4,800 more" in written.markdown()
    assert len(written.html()) < 500_000
    assert len(on_hub(written.markdown()).data.eval_results) == 1_000


@given(st.lists(METRICS, max_size=5, unique_by=lambda metric: metric.key))
@settings(max_examples=15)
def test_figures_survive_being_written_and_read(metrics: list[Metric]) -> None:
    """A card that we wrote gives back its figures, where its texts fit in one line."""
    written = Card(attrs.evolve(facts(), metrics=tuple(metrics)))
    again, problems = read_card(written.markdown(plots="none"))
    plain = {metric.key: metric for metric in metrics if all(map(_is_plain, metric.key))}
    found = {metric.key: metric for metric in again.metrics}
    assert {key: found.get(key) for key in plain} == plain
    assert len(plain) < len(metrics) or problems == ()


def _is_plain(text: str) -> bool:
    """Tell whether a text stays as it is: printable, in one line, not too long, and no word for nothing."""
    one_line = text.isascii() and text.isprintable() and text == " ".join(text.split())
    return one_line and len(text) < 500 and text.lower() not in {"~", "null", "none", "unspecified"}
