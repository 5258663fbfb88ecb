"""Versions to write cards of: one as it should be, and any that a hostile publisher could make."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
from cyclonedx.schema import SchemaVersion
from hypothesis import strategies as st

from modelver.history.governing import Approved
from modelver.history.state import Mark
from modelver.publish.card import Card
from modelver.publish.facts import CardFacts, Measured
from modelver.publish.judged import Judged
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role
from modelver.values.making import Architecture, Port, Prompt, PromptFile, Step
from modelver.values.manifest import Manifest
from modelver.values.name import ModelName
from modelver.values.provenance import Code, Environment, Provenance, Run
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata, Metric

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator

AT = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
SHA = "ab" * 32
SLICES = {"region=EU": 0.93, "region=US": 0.88, "region=APAC": 0.79}


def facts(**changes: Any) -> CardFacts:
    """Return what is known of a version with everything that a card can tell; `changes` are of its metadata."""
    metrics = (
        Metric("f1", 0.92, dataset="eval-v3", count=10_000, interval=(0.91, 0.93), threshold=0.9),
        *(
            Metric("f1", value, dataset="eval-v3", slice=part, threshold=0.85)
            for part, value in SLICES.items()
        ),
        Metric("latency_ms", 12.5),
    )
    metadata = Metadata(
        description="Scores card payments.",
        intended_use=("Scoring card payments in the EU.",),
        limitations=("Not for loans.",),
        ethical_considerations=("Rare regions fare worse.",),
        license="apache-2.0",
        owners=("risk@acme.io",),
        external_facing=True,
        metrics=metrics,
        params={"lr": 3e-4, "net": {"depth": 3}},
        data=(
            Dataset("eval-v3", digest=f"sha256:{SHA}", method="stated", split="test", rows=10_000),
            Dataset("train", uri="s3://lake/train", digest=f"sha256:{SHA}", method="listing", split="train"),
        ),
        base=(BaseModel("acme/base:1.2.0", Digest.from_hex(SHA)), BaseModel("bert-base-uncased")),
        preprocessing=(Step("standardize", {"mean": 0.5}, "acme.steps:standardize"),),
        code=Code("https://example.org/acme/fraud", "c" * 40, "main", dirty=False),
        tags={"team": "risk", "fraud": "true"},
        custom={"language": ["en"], "pipeline_tag": "tabular-classification", "library_name": "xgboost"},
    )
    return facts_of(attrs.evolve(metadata, **changes))


def facts_of(metadata: Metadata, **changes: Any) -> CardFacts:
    """Return what is known of a version with this metadata; `changes` are of the facts."""
    manifest = Manifest(
        ModelName("acme/fraud"),
        "1.3.0",
        (FileEntry("model.safetensors", 100, SHA, Role.WEIGHTS), FileEntry("README.md", 9, SHA, Role.DOC)),
        metadata,
        Changelog("Better recall.", added=("EU cards.",), caveats=("Slow on CPUs.",)),
    )
    mark = Mark(7, AT, AT, "lena@example.org")
    earlier = tuple(attrs.evolve(metric, value=metric.value * 0.99) for metric in metadata.metrics)
    known = CardFacts(
        registry="0" * 32,
        manifest=manifest,
        digest=Digest.from_hex("cd" * 32),
        created_at=AT,
        created_by="lena@example.org",
        at=mark.at,
        metrics=metadata.metrics,
        tags=metadata.tags,
        notes=("Reviewed by the board.",),
        aliases=("production",),
        judged=(Judged(Approved.TYPE, "legal", "ann@example.org", AT, "ann@example.org", "Fine."),),
        provenance=Provenance(
            environment=Environment(
                "3.11.7", "CPython", "Linux", "x86_64", {"numpy": "2.1.0", "xgboost": "3.0"}
            ),
            run=Run("github", "17"),
        ),
        architecture=Architecture(
            "XGBoost", 1_000, None, ("float32",), (Port("x", "float32", ("batch", 7)),)
        ),
        prompts=(PromptFile("system", "prompts/system.txt", SHA, ("case",), "3", "Sets the tone."),),
        tensors=12,
        formats=("safetensors",),
        past=(Measured("1.2.0", earlier), Measured("1.3.0", metadata.metrics)),
    )
    return attrs.evolve(known, **changes)


def card(**changes: Any) -> Card:
    """Return the card of a version with everything; `changes` are of its metadata."""
    return Card(facts(**changes))


NASTY = st.one_of(
    st.sampled_from(
        (
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "[x](javascript:alert(1))",
            "![x](https://example.org/a.png)",
            "---\nlicense: mit\n---",
            "\n# Heading\n\n- item",
            "a: b\n- c: &d [*d]",
            "| a | b |\n|---|---|",
            "```\n~~~",
            "\u202egnp.exe",
            "مرحبا 😀 \u200d",
            "{{ 7 * 7 }} {% raw %} ${x} $x$",
            "\x00\x07\x1b[31m\x7f\x85\u2028",
            "]]>--><![CDATA[",
            "</style></svg></title>",
            "no",
            "1e5",
            "0x1F",
            "2026-11-17",
            "~",
            "x" * 10_000,
        )
    ),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30),
).filter(str.strip)
"""Text as the Internet has it; without lone surrogates, which no manifest can hold."""

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
OPTIONAL = st.none() | FLOATS
METRICS = st.builds(
    Metric,
    NASTY,
    FLOATS,
    dataset=st.just("") | NASTY,
    slice=st.just("") | NASTY,
    count=st.none() | st.integers(0, 2**53),
    interval=st.none() | st.tuples(FLOATS, FLOATS),
    direction=st.sampled_from(("", "higher", "lower")),
    threshold=OPTIONAL,
)
DIGESTS = st.sampled_from(("", f"sha256:{SHA}", "nonsense"))
DATASETS = st.builds(
    Dataset, NASTY, NASTY, DIGESTS, NASTY, NASTY, st.none() | st.integers(0, 2**53), NASTY, NASTY
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FLOATS | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=6,
)


def few(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return a strategy for a few of something."""
    return st.lists(strategy, max_size=most).map(tuple)


METADATA = st.builds(
    Metadata,
    description=NASTY,
    intended_use=few(NASTY),
    limitations=few(NASTY),
    ethical_considerations=few(NASTY),
    license=st.just("") | NASTY | st.sampled_from(("MIT", "apache-2.0", "MIT OR Apache-2.0", "Acme EULA")),
    owners=few(NASTY),
    external_facing=st.none() | st.booleans(),
    metrics=few(METRICS, 6),
    params=st.dictionaries(NASTY, JSON, max_size=3),
    data=few(DATASETS),
    base=few(st.builds(BaseModel, NASTY, st.none() | st.just(Digest.from_hex(SHA)))),
    architecture=st.none(),
    preprocessing=few(st.builds(Step, NASTY, st.dictionaries(NASTY, JSON, max_size=2), NASTY)),
    prompts=few(st.builds(Prompt, NASTY, NASTY, NASTY)),
    code=st.none() | st.builds(Code, NASTY, NASTY, NASTY),
    tags=st.dictionaries(NASTY, NASTY, max_size=3),
    custom=st.dictionaries(
        st.sampled_from(("language", "pipeline_tag", "library_name")),
        NASTY | few(NASTY).map(list),
        max_size=3,
    ),
)
"""What a publisher who means harm could state."""


@st.composite
def hostile_facts(draw: st.DrawFn) -> CardFacts:
    """Draw what is known of a version that a hostile publisher made."""
    metadata = draw(METADATA)
    said = draw(NASTY)
    judged = Judged("approved", said, said, AT, said, said, said, (said,), signed=True, against=said)
    past = (Measured(draw(NASTY), metadata.metrics), Measured("1.3.0", metadata.metrics))
    return facts_of(
        metadata,
        notes=(said,),
        created_by=said,
        aliases=(said,),
        judged=(judged,),
        yanked=Mark(9, AT, AT, said, said),
        architecture=Architecture(said, 2**60, 7, (said,), (Port(said, said, (said, 3)),)),
        prompts=(PromptFile(said, said, SHA, (said,), said, said),),
        formats=(said,),
        past=past,
        provenance=Provenance(
            environment=Environment(said, said, said, said, {said: said, "numpy": said}, (said,)),
            run=Run(said, said, said),
        ),
    )


def bom_faults(bill: dict[str, Any], version: SchemaVersion = SchemaVersion.V1_6) -> str:
    """Return what CycloneDX's strict schema has against a bill; nothing where it is valid."""
    fault = _validator(version).validate_str(json.dumps(bill))
    return "" if fault is None else str(fault)[-500:]


@cache
def _validator(version: SchemaVersion) -> "JsonStrictValidator":
    from cyclonedx.validation.json import JsonStrictValidator  # late: it takes seconds to import

    return JsonStrictValidator(version)
