"""What the parts of a card share: lists that have limits, lines in a lower voice, parameters and tags as text."""

from collections.abc import Iterator, Sequence

from modelver.publish.charts import figure
from modelver.publish.document import Block, Bullets, Cell, Paragraph
from modelver.publish.facts import CardFacts
from modelver.values.canonical import Json
from modelver.values.record import Dataset

_EVALUATION = ("test", "eval", "valid", "dev", "holdout", "bench")
_SHORT = 200
_MOST = 200


def split_datasets(facts: CardFacts) -> tuple[list[Dataset], list[Dataset]]:
    """Return the datasets for evaluation and the others.

    One is for evaluation where its split or its name says so, or where a metric was measured on it.
    """
    measured = {metric.dataset for metric in facts.metrics}
    evaluation: list[Dataset] = []
    training: list[Dataset] = []
    for dataset in facts.manifest.metadata.data:
        words = f"{dataset.split} {'' if dataset.split else dataset.name}".lower()
        is_evaluation = dataset.name in measured or any(word in words for word in _EVALUATION)
        (evaluation if is_evaluation else training).append(dataset)
    return evaluation, training


def listed(texts: Sequence[str]) -> Iterator[Block]:
    """Yield a list; that nothing is stated, where it is empty; and how much was left out."""
    if texts:
        yield Bullets(tuple(texts[:_MOST]))
        if len(texts) > _MOST:
            yield quiet(f"… and {len(texts) - _MOST:,} more")
    else:
        yield quiet("Not stated.")


def quiet(text: str) -> Paragraph:
    """Return a line in a lower voice."""
    return Paragraph(text, "quiet")


def code(text: object) -> Cell:
    """Return a cell with code."""
    return Cell(str(text), code=True)


def tag_texts(facts: CardFacts) -> list[str]:
    """Return tags as the Hub has them: ``team:risk``; ``fraud`` where the value only says that it is there."""
    return [name if value == "true" else f"{name}:{value}" for name, value in sorted(facts.tags.items())]


def flat(params: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested parameters with dotted names and their values as text."""
    if isinstance(params, dict) and params:
        for key, value in params.items():
            yield from flat(value, f"{name}.{key}" if name else key)
    else:
        yield name, figure(params) if isinstance(params, float) else str(params)[:_SHORT]
