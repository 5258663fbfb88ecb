"""The parts of a CycloneDX ML-BOM that tell of a model: ``modelCard``, and a data component's ``data``."""

import base64
from collections.abc import Iterable, Mapping

from modelver.publish.facts import CardFacts
from modelver.publish.google_card import is_uri, known, metric_slice, thresholds
from modelver.values.canonical import Json
from modelver.values.record import Dataset, Metric


def model_card(facts: CardFacts, datasets: Iterable[str], plots: Mapping[str, str]) -> dict[str, Json]:
    """Return the model card of a component of type ``machine-learning-model``.

    Args:
        facts: What is known of the version.
        datasets: The ``bom-ref`` of each dataset.
        plots: SVG by file name.
    """
    stated = facts.manifest.metadata
    limitations = [*stated.limitations, *facts.manifest.changelog.caveats]
    return known(
        {
            "modelParameters": _parameters(facts, datasets),
            "quantitativeAnalysis": known(
                {
                    "performanceMetrics": [_metric(metric) for metric in facts.metrics],
                    "graphics": known({"collection": [_graphic(*each) for each in plots.items()]}),
                }
            ),
            "considerations": known(
                {
                    "useCases": list(stated.intended_use),
                    "technicalLimitations": list[Json](limitations),
                    "performanceTradeoffs": list(thresholds(facts)),
                    "ethicalConsiderations": [{"name": text} for text in stated.ethical_considerations],
                }
            ),
        }
    )


def _parameters(facts: CardFacts, datasets: Iterable[str]) -> dict[str, Json]:
    built = facts.architecture
    return known(
        {
            "task": next(iter(facts.custom_texts("pipeline_tag")), ""),
            "architectureFamily": built.family,
            "modelArchitecture": facts.size,
            "datasets": [{"ref": ref} for ref in datasets],
            "inputs": [{"format": str(port)} for port in built.inputs],
            "outputs": [{"format": str(port)} for port in built.outputs],
        }
    )


def _metric(metric: Metric) -> Json:
    interval = metric.interval
    bounds = {"lowerBound": repr(interval[0]), "upperBound": repr(interval[1])} if interval else {}
    return {
        "type": metric.name,
        "value": repr(metric.value),
        **known({"slice": metric_slice(metric), "confidenceInterval": dict[str, Json](bounds)}),
    }


def _graphic(name: str, svg: str) -> Json:
    content = base64.b64encode(svg.encode()).decode()
    return {"name": name, "image": {"contentType": "image/svg+xml", "encoding": "base64", "content": content}}


def dataset_contents(dataset: Dataset) -> dict[str, Json]:
    """Return what a data component holds."""
    rows = "" if dataset.rows is None else f"{dataset.rows:,} rows"
    description = "; ".join(filter(None, (dataset.split and f"split {dataset.split}", rows)))
    contents: dict[str, Json] = {"url": dataset.uri} if is_uri(dataset.uri) else {}
    found: dict[str, Json] = {"name": dataset.name, "contents": contents, "description": description}
    return {"type": "dataset", **known(found)}
