"""The sections of a model card: those of Mitchell et al., "Model Cards for Model Reporting" (2019), section 4."""

from collections.abc import Iterable, Iterator, Sequence

from modelver.compare.metrics import metric_label
from modelver.publish.charts import figure
from modelver.publish.document import (
    Block,
    Bullets,
    Cell,
    CellLike,
    Facts,
    Heading,
    Notice,
    Paragraph,
    shortened,
)
from modelver.publish.facts import CardFacts, better
from modelver.publish.judged import Judged
from modelver.publish.plots import Plot
from modelver.values.canonical import Json
from modelver.values.making import Step
from modelver.values.record import Dataset, Metric
from modelver.values.sizes import format_size

_EVALUATION = ("test", "eval", "valid", "dev", "holdout", "bench")
_SHORT = 200
_MOST = 200


def card_sections(facts: CardFacts, plots: Sequence[Plot]) -> Iterator[Block]:
    """Yield a card's sections; one of which nothing is known says so."""
    evaluation, training = split_datasets(facts)
    sections: tuple[tuple[str, Iterable[Block]], ...] = (
        ("Model details", _details(facts)),
        ("Intended use", _intended_use(facts)),
        ("Factors", _factors(facts)),
        ("Metrics", _metrics(facts, plots)),
        ("Evaluation data", _datasets(evaluation)),
        ("Training data", _training(facts, training)),
        ("Quantitative analyses", _analyses(facts, plots)),
        ("Ethical considerations", _list(facts.manifest.metadata.ethical_considerations)),
        ("Caveats and recommendations", _caveats(facts)),
        ("Files", _files(facts)),
        ("Provenance and approvals", _provenance(facts)),
    )
    for title, blocks in sections:
        yield Heading(title)
        yield from blocks


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


def _list(texts: Sequence[str]) -> Iterator[Block]:
    if texts:
        yield Bullets(tuple(texts[:_MOST]))
        if len(texts) > _MOST:
            yield _quiet(f"… and {len(texts) - _MOST:,} more")
    else:
        yield _quiet("Not stated.")


def _quiet(text: str) -> Paragraph:
    return Paragraph(text, "quiet")


def _details(facts: CardFacts) -> Iterator[Block]:
    stated, built = facts.manifest.metadata, facts.architecture
    if facts.yanked:
        why = f"{facts.yanked.at:%Y-%m-%d} by {facts.yanked.by}: {facts.yanked.message}"
        yield Notice(f"This version was yanked on {why}", "bad")
    if stated.description:
        yield Paragraph(stated.description)
    yield Facts(
        (
            ("Model", str(facts.manifest.model)),
            ("Version", facts.manifest.version),
            ("Digest", _code(facts.digest)),
            ("Registered", f"{facts.created_at:%Y-%m-%d %H:%M} UTC by {facts.created_by}"),
            ("Serves as", ", ".join(facts.aliases)),
            ("Owners", ", ".join(stated.owners)),
            ("License", stated.license),
            ("Language", ", ".join(facts.custom_texts("language"))),
            ("Task", ", ".join(facts.custom_texts("pipeline_tag"))),
            ("Architecture", built.family),
            ("Size", facts.size),
            ("Element types", ", ".join(built.dtypes)),
            ("Inputs", "; ".join(map(str, built.inputs))),
            ("Outputs", "; ".join(map(str, built.outputs))),
            ("Formats", ", ".join(facts.formats)),
            ("Tags", ", ".join(tag_texts(facts))),
        )
    )
    if stated.base:
        yield Heading("Made from", 3)
        yield from shortened(
            ("model", "digest"), [(base.name, _code(base.digest or "")) for base in stated.base]
        )
    if stated.prompts:
        yield Heading("Prompts", 3)
        rows = [(prompt.name, prompt.version, prompt.description) for prompt in stated.prompts]
        yield from shortened(("prompt", "version", "what it is for"), rows)
    if stated.params:
        yield Heading("Hyperparameters", 3)
        yield from shortened(("parameter", "value"), list(flat(stated.params)))
    if facts.manifest.changelog:
        yield Heading("What changed", 3)
        yield from _changelog(facts)


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


def _changelog(facts: CardFacts) -> Iterator[Block]:
    changelog = facts.manifest.changelog
    if changelog.summary:
        yield Paragraph(changelog.summary)
    lines = [f"{title}: {line}" for title, lines in changelog.sections.items() for line in lines]
    if lines:
        yield from _list(lines)


def _intended_use(facts: CardFacts) -> Iterator[Block]:
    stated = facts.manifest.metadata
    yield from _list(stated.intended_use)
    if stated.external_facing is not None:
        outside = "meet" if stated.external_facing else "do not meet"
        yield Paragraph(f"People outside the organisation {outside} its output.")


def _factors(facts: CardFacts) -> Iterator[Block]:
    slices = sorted({metric.slice for metric in facts.metrics if metric.slice})
    if slices:
        yield Paragraph("It was evaluated by these parts of the data:")
        yield from _list(slices)
    else:
        yield _quiet("No metric by slice is known.")


def _metrics(facts: CardFacts, plots: Sequence[Plot]) -> Iterator[Block]:
    overall = [metric for metric in facts.metrics if not metric.slice]
    if not overall:
        yield _quiet("No metric of a whole dataset is known.")
        return
    header = ("metric", "value", "dataset", "examples", "interval", "better", "threshold")
    yield from shortened(header, [_metric_row(metric) for metric in overall])
    by_version = [plot for plot in plots if plot.chart.kind == "versions"]
    yield from by_version
    yield from _by_version(by_version)


def _metric_row(metric: Metric) -> tuple[CellLike, ...]:
    return (
        metric.name,
        figure(metric.value),
        metric.dataset,
        "" if metric.count is None else f"{metric.count:,}",
        " to ".join(map(figure, metric.interval)) if metric.interval else "",
        better(metric),
        "" if metric.threshold is None else f"{figure(metric.threshold)}{_met(metric)}",
    )


def _met(metric: Metric) -> str:
    """Say whether a threshold was reached, where it is known which way is better."""
    which = better(metric)
    if not which or metric.threshold is None:
        return ""
    sign = 1 if which == "higher" else -1
    return " (met)" if metric.value * sign >= metric.threshold * sign else " (missed)"


def _by_version(plots: Sequence[Plot]) -> Iterator[Block]:
    """Yield what plots by version show, as a table."""
    versions = dict.fromkeys(point.label for plot in plots for point in plot.chart.points)
    figures = [{point.label: figure(point.value) for point in plot.chart.points} for plot in plots]
    header = ("version", *(plot.chart.title.removesuffix(" by version") for plot in plots))
    rows = [(version, *(each.get(version, "") for each in figures)) for version in versions]
    yield from shortened(header, rows)


def _datasets(datasets: Sequence[Dataset]) -> Iterator[Block]:
    if not datasets:
        yield _quiet("Not stated.")
    header = ("dataset", "split", "rows", "license", "version", "where", "digest")
    yield from shortened(header, list(map(_dataset_row, datasets)))


def _dataset_row(dataset: Dataset) -> tuple[CellLike, ...]:
    return (
        dataset.name,
        dataset.split,
        "" if dataset.rows is None else f"{dataset.rows:,}",
        dataset.license,
        dataset.version,
        dataset.uri,
        _code(f"{dataset.digest} ({dataset.method})" if dataset.digest else ""),
    )


def _training(facts: CardFacts, datasets: Sequence[Dataset]) -> Iterator[Block]:
    yield from _datasets(datasets)
    steps = facts.manifest.metadata.preprocessing
    if steps:
        yield Heading("Preprocessing, in this order", 3)
        yield from shortened(("step", "parameters", "code"), list(map(_step_row, steps)))


def _step_row(step: Step) -> tuple[CellLike, ...]:
    params = "; ".join(f"{name} = {value}" for name, value in flat(step.params) if name)
    return (step.name, params, _code(step.code))


def _code(text: object) -> Cell:
    return Cell(str(text), code=True)


def _analyses(facts: CardFacts, plots: Sequence[Plot]) -> Iterator[Block]:
    sliced = [metric for metric in facts.metrics if metric.slice]
    if not sliced:
        yield _quiet("No metric by slice is known.")
        return
    yield from (plot for plot in plots if plot.chart.kind == "slices")
    header = ("slice", "metric", "value", "dataset", "examples", "interval", "better", "threshold")
    yield from shortened(header, [(metric.slice, *_metric_row(metric)) for metric in sliced])


def _caveats(facts: CardFacts) -> Iterator[Block]:
    stated = facts.manifest.metadata
    caveats = (*stated.limitations, *facts.manifest.changelog.caveats)
    yield from _list(caveats)
    missed = [metric for metric in facts.metrics if _met(metric) == " (missed)"]
    if missed:
        yield Heading("Thresholds that are not met", 3)
        yield from _list(list(map(_missed, missed)))
    if facts.notes:
        yield Heading("Notes", 3)
        yield from _list(facts.notes)


def _missed(metric: Metric) -> str:
    label = metric_label(metric.name, metric.dataset, metric.slice)
    return f"{label} is {figure(metric.value)}; the threshold is {figure(metric.threshold or 0.0)}"


def _files(facts: CardFacts) -> Iterator[Block]:
    rows = [
        (_code(entry.path), entry.role.value, format_size(entry.size), _code(entry.sha256))
        for entry in facts.manifest.files
    ]
    yield from shortened(("file", "role", "size", "sha256"), rows)


def _provenance(facts: CardFacts) -> Iterator[Block]:
    code = facts.manifest.metadata.code or facts.provenance.code
    environment, run = facts.environment, facts.provenance.run
    accelerators = ", ".join(environment.accelerators) if environment else ""
    yield Facts(
        (
            ("Code", code.repository if code else ""),
            ("Commit", f"{code.commit}{' (with changes)' if code.dirty else ''}" if code else ""),
            ("Python", f"{environment.implementation} {environment.python}" if environment else ""),
            ("Platform", environment.platform if environment else ""),
            ("Accelerators", accelerators),
            ("Run", " ".join(filter(None, (run.system, run.id, run.url))) if run else ""),
        )
    )
    if not facts.judged:
        yield _quiet("Nobody has approved or rejected it.")
    yield from shortened(
        ("role", "what", "who", "for", "how", "reason"), list(map(_judged_row, facts.judged))
    )


def _judged_row(judged: Judged) -> tuple[CellLike, ...]:
    """Return an approval or a rejection; what is not proved is called a claim."""
    worth = f"{judged.worth}; does not count: {judged.against}" if judged.against else judged.worth
    how = Cell(worth, "good" if judged.proved and not judged.against else "warn")
    return (judged.role, judged.decision, judged.person, judged.alias, how, judged.reason)
