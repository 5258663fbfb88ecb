"""A model card as JSON, after the schema of Google's Model Card Toolkit, version 0.0.2, as its release 2.1.0 has it.

https://github.com/tensorflow/model-card-toolkit/blob/main/model_card_toolkit/schema/v0.0.2/model_card.schema.json; its
graphics are PNG images, so our plots, which are SVG, are not among them.
"""

import re
from collections.abc import Iterator

from modelver.publish.card_parts import flat, split_datasets
from modelver.publish.charts import figure
from modelver.publish.facts import CardFacts
from modelver.values.canonical import Json
from modelver.values.making import Port
from modelver.values.record import Dataset, Metric

SCHEMA_VERSION = "0.0.2"

_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._~!$&'()*+,;=:@/-]+", re.ASCII)
"""A part of what RFC 3986 allows; an address that does not fit is told in the description."""


def google_card(facts: CardFacts) -> dict[str, Json]:
    """Return the card; what is not known is left out."""
    return known(
        {
            "schema_version": SCHEMA_VERSION,
            "model_details": _details(facts),
            "model_parameters": _parameters(facts),
            "quantitative_analysis": known(
                {"performance_metrics": [_metric(each) for each in facts.metrics]}
            ),
            "considerations": _considerations(facts),
        }
    )


def known(data: dict[str, Json]) -> dict[str, Json]:
    """Return what is known of some data: without the empty."""
    return {key: value for key, value in data.items() if value not in ("", None, [], {})}


def _details(facts: CardFacts) -> dict[str, Json]:
    stated = facts.manifest.metadata
    version = known(
        {
            "name": facts.manifest.version,
            "date": f"{facts.created_at:%Y-%m-%d}",
            "diff": str(facts.manifest.changelog),
        }
    )
    code = stated.code or facts.provenance.code
    documentation = [
        f"{facts.ref}, {facts.digest}",
        *(f"Made from {base.name}" + (f", {base.digest}" if base.digest else "") for base in stated.base),
        *(f"Tag {name}: {value}" for name, value in facts.tags.items()),
        *facts.notes,
    ]
    return known(
        {
            "name": str(facts.manifest.model),
            "overview": stated.description,
            "documentation": "\n".join(documentation),
            "owners": [{"name": owner} for owner in stated.owners],
            "version": version,
            "licenses": [_license(stated.license)] if stated.license else [],
            "references": [{"reference": code.repository}] if code and is_uri(code.repository) else [],
        }
    )


def _license(license: str) -> Json:  # noqa: A002 (the field's name)
    return {"identifier" if _SPDX.fullmatch(license) else "custom_text": license}


def is_uri(text: str) -> bool:
    """Tell whether a text is an address that anybody can take as a URI."""
    return _URI.fullmatch(text) is not None


def _parameters(facts: CardFacts) -> dict[str, Json]:
    built = facts.architecture
    parts = [built.family, facts.size]
    parts += [f"{name} = {value}" for name, value in flat(facts.manifest.metadata.params)]
    evaluation, training = split_datasets(facts)
    data = [
        *(_dataset(each, "training") for each in training),
        *(_dataset(each, "evaluation") for each in evaluation),
    ]
    return known(
        {
            "model_architecture": "; ".join(filter(None, parts)),
            "data": data,
            "input_format": "; ".join(map(str, built.inputs)),
            "input_format_map": [_port(port) for port in built.inputs],
            "output_format": "; ".join(map(str, built.outputs)),
            "output_format_map": [_port(port) for port in built.outputs],
        }
    )


def _port(port: Port) -> Json:
    return {"key": port.name, "value": str(port).removeprefix(port.name).strip()}


def _dataset(dataset: Dataset, use: str) -> Json:
    said = [
        f"For {use}",
        f"split {dataset.split}" if dataset.split else "",
        f"{dataset.rows:,} rows" if dataset.rows is not None else "",
        f"license {dataset.license}" if dataset.license else "",
        f"version {dataset.version}" if dataset.version else "",
        f"{dataset.digest} ({dataset.method})" if dataset.digest else "",
        dataset.uri,
    ]
    link = dataset.uri if is_uri(dataset.uri) else ""
    return known({"name": dataset.name, "link": link, "description": "; ".join(filter(None, said))})


def _metric(metric: Metric) -> Json:
    """Return a figure; the schema wants its value as text."""
    low_high = metric.interval
    interval = {"lower_bound": repr(low_high[0]), "upper_bound": repr(low_high[1])} if low_high else {}
    more = known({"slice": metric_slice(metric), "confidence_interval": dict[str, Json](interval)})
    return {"type": metric.name, "value": repr(metric.value), **more}


def metric_slice(metric: Metric) -> str:
    """Return what a figure was measured on; the schemas know no dataset of it, so that the slice names it too."""
    return "; ".join(filter(None, (metric.dataset and f"dataset={metric.dataset}", metric.slice)))


def _considerations(facts: CardFacts) -> dict[str, Json]:
    stated = facts.manifest.metadata
    limitations = (*stated.limitations, *facts.manifest.changelog.caveats)
    return known(
        {
            "use_cases": [{"description": text} for text in stated.intended_use],
            "limitations": [{"description": text} for text in limitations],
            "ethical_considerations": [{"name": text} for text in stated.ethical_considerations],
            "tradeoffs": [{"description": text} for text in thresholds(facts)],
        }
    )


def thresholds(facts: CardFacts) -> Iterator[str]:
    """Yield what the thresholds are, for which the schema has no place of its own."""
    for metric in facts.metrics:
        if metric.threshold is not None:
            part = f" ({metric.slice})" if metric.slice else ""
            yield f"{metric.name}{part}: threshold {figure(metric.threshold)}, value {figure(metric.value)}"
