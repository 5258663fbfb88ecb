"""A registry's card of a version: from what is stored, of what is known now."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

import modelver as mv
from modelver.content.sources import gather
from modelver.registry.versions.card_file import with_card
from modelver.values.record import Metadata
from tests.publish.cards import bom_faults
from tests.registries import MODEL, publish, weights

CARD = """---
license: apache-2.0
datasets: [glue]
base_model: bert-base-uncased
tags: [fraud]
model-index:
- name: fraud
  results:
  - task: {type: other}
    dataset: {type: glue, name: glue}
    metrics: [{type: f1, value: 0.9}]
---
# Fraud

## Intended use

- Scoring card payments.
"""


def test_a_card_knows_the_latest_figures(memory: mv.Registry) -> None:
    """What was measured later stands in place of the earlier, and so do tags and aliases."""
    version = publish(memory, metrics={"f1": 0.9}, tags={"team": "risk"}, aliases=["staging"])
    memory.record_metrics(version, {"f1": 0.8})
    memory.annotate(version, "Drifts.", tags={"team": "fraud"})
    memory.set_alias(MODEL, "production", version, reason="go")
    card = memory.card(f"{MODEL}@production")
    assert card.ref == version.ref
    assert [(metric.name, metric.value) for metric in card.facts.metrics] == [("f1", 0.8)]
    assert card.facts.tags == {"team": "fraud"}
    assert card.facts.aliases == ("production", "staging")
    assert "Drifts." in str(card)


def test_a_card_compares_the_versions_up_to_its_own(memory: mv.Registry) -> None:
    """A later version is no part of an earlier one's card."""
    versions = [publish(memory, f"{index}".encode(), metrics={"f1": 0.9 + index / 100}) for index in range(4)]
    past = memory.card(versions[2]).facts.past
    assert [each.version for each in past] == [str(version.version) for version in versions[:3]]
    assert list(memory.card(versions[0]).plots) == []
    assert list(memory.card(versions[3]).plots) == ["f1-by-version.svg"]


def test_a_card_tells_what_the_weights_hold(memory: mv.Registry) -> None:
    """Tensors and config.json are looked at; nothing of that has to be stated."""
    files = {
        "model.safetensors": weights(a=[[1.0, 2.0]], b=[3.0]),
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    }
    card = memory.card(memory.register(MODEL, files, capture=False))
    assert card.facts.architecture.family == "LlamaForCausalLM"
    assert card.facts.architecture.parameters == 3
    assert "3 parameters, 2 tensors" in str(card)


@pytest.mark.parametrize(
    "config", [b"[1]", b"{", b'{"architectures": 7, "model_type": ""}', b'{"architectures": [[]]}']
)
def test_a_config_that_tells_nothing_is_passed_over(memory: mv.Registry, config: bytes) -> None:
    """A broken config.json is no error of a card."""
    assert (
        memory.card(memory.register(MODEL, {"config.json": config}, capture=False)).facts.architecture.family
        == ""
    )


def test_a_claim_is_not_shown_as_proof(memory: mv.Registry) -> None:
    """An approval without a signature is called a claim, and one that was withdrawn does not count."""
    version = publish(memory)
    memory.approve(version, role="legal", reason="Fine.")
    assert "claimed, not signed" in str(memory.card(version))
    memory.reject(version, role="legal", reason="Not fine.")
    assert "does not count" in str(memory.card(version))


def test_a_yank_is_seen_first(memory: mv.Registry) -> None:
    """Who reads the card of a yanked version must see that."""
    version = publish(memory)
    memory.yank(version, reason="Leaks data.")
    card = memory.card(version)
    assert "This version was yanked" in str(card)
    assert "Leaks data." in card.html()


def test_a_bill_of_materials_of_what_is_stored_is_valid(memory: mv.Registry, build: Path) -> None:
    """With files, data, a base model of this registry and the captured environment."""
    base = publish(memory)
    version = memory.register(
        "acme/child", build, base=base, data=[mv.Dataset("train", digest=f"sha256:{'a' * 64}")]
    )
    bill: Any = memory.card(version).cyclonedx()
    assert bom_faults(bill) == ""
    parts = {part["bom-ref"]: part for part in bill["components"]}
    assert parts["base:1"]["version"] == base.version
    assert parts["base:1"]["hashes"][0]["content"] == base.digest.hex
    assert {entry.sha256 for entry in version.files} <= {
        part["hashes"][0]["content"] for part in parts.values() if part["type"] == "file"
    }
    assert any(ref.startswith("package:") for ref in parts)


def test_a_card_that_nobody_can_find(memory: mv.Registry) -> None:
    """A reference that names nothing is told as always."""
    publish(memory)
    with pytest.raises(mv.NotFound):
        memory.card(f"{MODEL}:9.9.9")


def test_a_card_in_the_folder_completes_what_is_stated(tmp_path: Path) -> None:
    """Its front matter and sections are metadata where the caller states nothing."""
    (tmp_path / "README.md").write_text(CARD)
    sources = gather(tmp_path, {}, {}).sources
    found = with_card(Metadata(license="MIT"), sources)
    assert found.license == "MIT"
    assert found.intended_use == ("Scoring card payments.",)
    assert found.metrics == (mv.Metric("f1", 0.9, dataset="glue"),)


def test_a_card_is_found_at_the_top_alone(tmp_path: Path) -> None:
    """A README of some folder below is that folder's; bytes will do, and what can't be read states nothing."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text(CARD)
    assert with_card(Metadata(), gather(tmp_path, {}, {}).sources) == Metadata()
    given = gather({"Readme.MD": CARD.encode()}, {}, {}).sources
    assert with_card(Metadata(), given).license == "apache-2.0"
    there = gather({"README.md": tmp_path / "docs" / "README.md"}, {}, {}).sources
    (tmp_path / "docs" / "README.md").unlink()
    assert with_card(Metadata(), there) == Metadata()


@pytest.mark.parametrize(("size", "read"), [(len(CARD), True), (2**20 + 1, False)])
def test_a_card_elsewhere_is_read_unless_it_is_large(size: int, *, read: bool) -> None:
    """A source that is a URL is fetched, up to a megabyte."""
    place = f"{uuid.uuid4().hex}/README.md"
    MemoryFileSystem().pipe_file(f"/{place}", CARD.encode().ljust(size))
    sources = gather(f"memory://{place}", {}, {}).sources
    assert (with_card(Metadata(), sources).license == "apache-2.0") is read


def test_a_dataset_of_which_only_the_name_is_known_is_recorded(memory: mv.Registry) -> None:
    """A card names datasets; nobody looks for their bytes."""
    data = [mv.Dataset("glue", method="named")]
    version = publish(memory, data=data)
    assert version.metadata.data == (mv.Dataset("glue", method="named"),)
    assert bom_faults(memory.card(version).cyclonedx()) == ""
