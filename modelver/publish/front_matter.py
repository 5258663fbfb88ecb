"""The front matter of a Hugging Face model card, as the Hub's model card metadata specifies it.

https://github.com/huggingface/hub-docs/blob/main/modelcard.md; the Hub refuses a card whose ids are none, so names of
models and datasets that can't be the Hub's are left to the card's body.
"""

import re
from collections.abc import Iterator, Sequence

from modelver.publish.card_parts import tag_texts
from modelver.publish.facts import CardFacts
from modelver.publish.markdown import visible
from modelver.values.canonical import Json
from modelver.values.record import Metric

MAX_RESULTS = 1_000
"""Figures in the model index."""

MAX_NAMES = 100
"""Entries of each of the other lists."""

MAX_TEXT = 500
"""Characters of one text."""

UNSPECIFIED = "unspecified"
"""The name of the dataset of a figure that names none: the model index wants one."""

_LICENSES = frozenset(
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m "
    "afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 "
    "cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 "
    "cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 "
    "cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 "
    "lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl "
    "openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license fair-noncommercial-"
    "research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other".split()
)
"""The Hub's own words for licenses; others go by ``license: other`` with a ``license_name``."""

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", re.ASCII)


def front_matter(facts: CardFacts) -> dict[str, Json]:
    """Return the front matter as data; what is not known is left out."""
    stated = facts.manifest.metadata
    data: dict[str, Json] = {
        "language": _words(facts.custom_texts("language")),
        **_license(stated.license),
        "library_name": _first(facts.custom_texts("library_name")),
        "pipeline_tag": _first(facts.custom_texts("pipeline_tag")),
        "tags": [_text(tag) for tag in tag_texts(facts)[:MAX_NAMES] if _text(tag)],
        "base_model": _ids(base.name.partition(":")[0].partition("@")[0] for base in stated.base),
        "datasets": _ids(dataset_id(dataset.name, dataset.uri) for dataset in stated.data),
        "metrics": list(dict.fromkeys(_text(metric.name) for metric in facts.metrics))[:MAX_NAMES],
        "model-index": _model_index(facts),
    }
    return {key: value for key, value in data.items() if value}


def dataset_id(name: str, uri: str) -> str:
    """Return what a dataset is called on the Hub: as its ``hf://datasets/`` address says, else its name."""
    rest = uri.removeprefix("hf://datasets/")
    return "/".join(rest.split("@")[0].split("/")[:2]) if rest != uri else name


def _license(license: str) -> dict[str, Json]:  # noqa: A002 (the field's name)
    """Return a license in the Hub's words."""
    word = license.strip().lower()
    if not word or word in _LICENSES:
        return {"license": word}
    return {"license": "other", "license_name": _text(license)}


def _model_index(facts: CardFacts) -> list[Json]:
    """Return figures as results of a task on a dataset; a slice is an argument of its dataset."""
    task = _first(facts.custom_texts("pipeline_tag")) or "other"
    groups: dict[tuple[str, str], list[Json]] = {}
    for metric in facts.metrics[:MAX_RESULTS]:
        groups.setdefault((metric.dataset, metric.slice), []).append(_measured(metric))
    uris = {dataset.name: dataset.uri for dataset in facts.manifest.metadata.data}
    results: list[Json] = [
        {
            "task": {"type": task},
            "dataset": {
                "type": _id(dataset_id(dataset, uris.get(dataset, ""))) or UNSPECIFIED,
                "name": _text(dataset) or UNSPECIFIED,
                **({"args": {"slice": _text(part)}} if part else {}),
            },
            "metrics": metrics,
        }
        for (dataset, part), metrics in groups.items()
    ]
    return [{"name": str(facts.manifest.model), "results": results}] if results else []


def _measured(metric: Metric) -> Json:
    """Return a figure; what the index has no place for are its arguments."""
    more: dict[str, Json] = {
        "count": metric.count,
        "interval": list(metric.interval) if metric.interval else None,
        "direction": metric.direction or None,
        "threshold": metric.threshold,
    }
    args = {key: value for key, value in more.items() if value is not None}
    found: dict[str, Json] = {"type": _text(metric.name), "value": metric.value}
    return {**found, "args": args} if args else found


def _text(text: str) -> str:
    """Return a text in one line, not too long, with nothing in it that does not show."""
    return visible(text)[:MAX_TEXT].strip()


def _first(texts: Sequence[str]) -> str:
    return next(iter(_words(texts)), "")


def _words(texts: Sequence[str]) -> list[str]:
    return [text for text in texts[:MAX_NAMES] if _WORD.fullmatch(text)]


def _id(name: str) -> str:
    return name if _HUB_ID.fullmatch(name) and "--" not in name and ".." not in name else ""


def _ids(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, map(_id, names))))[:MAX_NAMES]
