"""A model card in a folder states what it states, up to limits; a broken one is said, and never fails."""

import logging
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.publish.card import Card
from modelver.publish.card_body import MAX_ITEM, MAX_ITEMS, body_sections
from modelver.publish.read_card import MAX_CARD, metadata_from_card, read_card
from modelver.values.canonical import encode
from modelver.values.record import BaseModel, Dataset, Metadata, Metric
from modelver.values.wire import to_json
from tests.publish.cards import METADATA, NASTY, card, facts_of

CARD = """---
language:
- en
- no
license: apache-2.0
library_name: transformers
pipeline_tag: text-classification
base_model: distilbert-base-uncased
datasets: [glue, acme/cards]
tags:
- fraud
- team:risk
model-index:
- name: fraud
  results:
  - task: {type: text-classification}
    dataset: {type: glue, name: GLUE SST-2, config: sst2, split: validation}
    metrics:
    - type: accuracy
      value: 0.913
    - {type: f1, value: "0.89", name: F1}
---
# Fraud

## Model description

Scores *payments*.

## Intended uses & limitations

- Scoring card payments.
- Teaching.

Not for anything else,
however small.

## Bias, Risks, and Limitations

<!-- - a hidden one -->
1. Not for loans.

| a | table |

### Recommendations

Ask us.

## Ethical Considerations

[More Information Needed]

```text
## Limitations
- code is no text
```
"""


def test_front_matter_is_read() -> None:
    """License, language, task, base model, datasets, tags and figures."""
    found, problems = read_card(CARD)
    assert problems == ()
    assert found.license == "apache-2.0"
    assert found.custom == {
        "language": ["en", "no"],
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
    }
    assert found.base == (BaseModel("distilbert-base-uncased"),)
    assert found.data == (Dataset("acme/cards", method="named"), Dataset("glue", method="named"))
    assert found.tags == {"fraud": "true", "team": "risk"}
    assert found.metrics == (
        Metric("accuracy", 0.913, dataset="GLUE SST-2"),
        Metric("f1", 0.89, dataset="GLUE SST-2"),
    )


def test_the_body_is_read() -> None:
    """Items and paragraphs of the sections that say what metadata says; no tables, code, comments or placeholders."""
    found, _ = read_card(CARD)
    assert found.description == "Scores *payments*."
    assert found.intended_use == (
        "Scoring card payments.",
        "Teaching.",
        "Not for anything else, however small.",
    )
    assert found.limitations == ("Not for loans.",)
    assert found.ethical_considerations == ()


def test_what_is_stated_wins() -> None:
    """The card fills in only what the caller leaves out, field by field."""
    stated = Metadata(license="MIT", metrics=(Metric("f1", 0.5),), custom={"language": "de", "own": 1})
    found = metadata_from_card(CARD, stated)
    assert found.license == "MIT"
    assert found.metrics == (Metric("f1", 0.5),)
    assert found.custom["language"] == "de"
    assert found.custom["own"] == 1
    assert found.custom["pipeline_tag"] == "text-classification"
    assert found.limitations == ("Not for loans.",)


def test_an_ordinary_readme_states_nothing() -> None:
    """Only front matter makes a Markdown file a card."""
    text = "# How to build\n\n## Limitations\n\n- Needs Linux.\n"
    assert metadata_from_card(text, Metadata()) == Metadata()
    assert metadata_from_card("---\nno end", Metadata()) == Metadata()
    assert metadata_from_card("", Metadata()) == Metadata()


def test_a_license_of_ones_own_is_read_by_its_name() -> None:
    """``other`` says nothing, and its name does."""
    assert read_card("---\nlicense: other\nlicense_name: acme-eula\n---\n")[0].license == "acme-eula"
    assert read_card("---\nlicense: other\n---\n")[0].license == "other"
    assert read_card("---\nlicense: ~\n---\n")[0].license == ""


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("license: [", "not YAML"),
        ("\tlicense: mit", "not YAML"),
        ("- a list", "no mapping"),
        ("just text", "no mapping"),
        ("a: &x [1]\nb: [*x, *x]", "aliases are not read: line 1"),
        ("a: " + "[" * 1_000, "nested too deep"),
        ("\n".join(" " * depth + "a:" for depth in range(100)), "nested too deep"),
        ("a: [" + "b," * 60_000 + "]", "too many parts"),
        ("a: " + "x" * 300_000, "too long"),
        ("model-index:\n- results:\n  - metrics: [{type: f1, value: high}]", "1 figure(s)"),
        ("model-index:\n- results:\n  - metrics: [{type: f1, value: .nan}]", "1 figure(s)"),
        ("model-index:\n- results:\n  - metrics: [{value: 1}]", "1 figure(s)"),
    ],
)
def test_a_broken_card_is_said_and_states_what_can_be_read(
    front: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Malformed front matter is one line of a warning; the body is read all the same."""
    with caplog.at_level(logging.WARNING, "modelver"):
        found = metadata_from_card(f"---\n{front}\n---\n# Limitations\n\nFew.\n", Metadata())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert said in caplog.text
    assert "\n" not in caplog.records[0].getMessage()
    assert found.limitations == ("Few.",)


def test_a_missing_library_is_a_warning_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever registers a folder with a card gets on without PyYAML; the sections are read all the same."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    found, problems = read_card(CARD)
    assert "pip install 'modelver[publish]'" in problems[0]
    assert found.limitations == ("Not for loans.",)


def test_nothing_in_a_card_is_run_or_given_a_type() -> None:
    """Tags of YAML are passed over, dates and truth values stay text."""
    found, _ = read_card(
        "---\nlicense: !!python/object/apply:os.system [echo]\nlanguage: no\npipeline_tag: 2026-11-17\n---\n"
    )
    assert found.license == "echo"
    assert found.custom == {"language": "no", "pipeline_tag": "2026-11-17"}


@pytest.mark.parametrize(
    "text",
    [
        "---\nlicense: mit\n---\n" + "<!--" * 250_000,
        "---\nlicense: mit\n---\n" + "<!---->" * 140_000,
        "---\nlicense: mit\n---\n#" + " " * 10**6,
        "---\nlicense: mit\n---\n" + "# Limitations\n- a\n" * 50_000,
        "---\nlicense: mit\n---\n# Limitations\n" + "a\n" * 500_000,
        "---\n" * 250_000,
        "\n" * 10**6,
        " " * 10**6 + "---",
        "---\n" + '"' * 250_000 + "\n---\n",
        "---\n" + "? " * 100_000 + "\n---\n",
        "---\n" + "a: b: " * 40_000 + "\n---\n",
    ],
)
def test_no_card_takes_long_to_read(text: str) -> None:
    """A megabyte that is made to be slow takes seconds at most."""
    before = time.process_time()
    read_card(text)
    assert time.process_time() - before < 10


def test_a_section_has_limits() -> None:
    """Items are some, and of a length that people read."""
    found = body_sections("# Limitations\n" + f"- {'x' * 2 * MAX_ITEM}\n" * (2 * MAX_ITEMS))
    assert len(found["limitations"]) == MAX_ITEMS
    assert {len(item) for item in found["limitations"]} == {MAX_ITEM}
    assert len(read_card("---\na: b\n---\n" + "x" * 2 * MAX_CARD)[1]) == 0


@given(st.lists(st.one_of(NASTY, st.sampled_from(CARD.splitlines())), max_size=30))
def test_whatever_a_card_holds_can_be_registered(lines: list[str]) -> None:
    """Reading never raises, and gives metadata that a manifest can hold."""
    found, _ = read_card("---\n" + "\n".join(lines))
    encode(to_json(found))


@given(METADATA)
@settings(max_examples=30)
def test_a_card_that_we_wrote_gives_back_what_it_says(stated: Metadata) -> None:
    """The license in the Hub's word, and the tags, come back; nothing that is broken."""
    written = Card(facts_of(stated))
    found, problems = read_card(written.markdown(plots="none"))
    assert [problem for problem in problems if "figure" not in problem] == []
    assert len(found.metrics) <= len(written.facts.metrics)


def test_the_sections_that_we_write_are_read_again() -> None:
    """Intended use, limitations and ethical considerations survive the way through a card."""
    found, problems = read_card(card().markdown())
    assert problems == ()
    assert found.intended_use == (
        "Scoring card payments in the EU.",
        "People outside the organisation meet its output.",
    )
    assert found.limitations == ("Not for loans.", "Slow on CPUs.")
    assert found.ethical_considerations == ("Rare regions fare worse.",)
    assert found.tags == {"fraud": "true", "team": "risk"}
