"""The sections of a model card: those of Mitchell et al., "Model Cards for Model Reporting" (2019), section 4."""

from collections.abc import Iterable, Iterator, Sequence

from modelver.publish.card_figures import analyses, factors, metrics, missed
from modelver.publish.card_parts import code, flat, listed, quiet, split_datasets, tag_texts
from modelver.publish.document import Block, Cell, CellLike, Facts, Heading, Notice, Paragraph, shortened
from modelver.publish.facts import CardFacts
from modelver.publish.judged import Judged
from modelver.publish.plots import Plot
from modelver.values.making import PromptFile, Step
from modelver.values.record import Dataset
from modelver.values.sizes import format_size


def card_sections(facts: CardFacts, plots: Sequence[Plot]) -> Iterator[Block]:
    """Yield a card's sections; one of which nothing is known says so."""
    evaluation, training = split_datasets(facts)
    sections: tuple[tuple[str, Iterable[Block]], ...] = (
        ("Model details", _details(facts)),
        ("Intended use", _intended_use(facts)),
        ("Factors", factors(facts)),
        ("Metrics", metrics(facts, plots)),
        ("Evaluation data", _datasets(evaluation)),
        ("Training data", _training(facts, training)),
        ("Quantitative analyses", analyses(facts, plots)),
        ("Ethical considerations", listed(facts.manifest.metadata.ethical_considerations)),
        ("Caveats and recommendations", _caveats(facts)),
        ("Files", _files(facts)),
        ("Provenance and approvals", _provenance(facts)),
    )
    for title, blocks in sections:
        yield Heading(title)
        yield from blocks


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
            ("Digest", code(facts.digest)),
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
            ("model", "digest"), [(base.name, code(base.digest or "")) for base in stated.base]
        )
    if facts.prompts:
        yield Heading("Prompts", 3)
        yield from shortened(
            ("prompt", "version", "takes", "what it is for"), list(map(_prompt_row, facts.prompts))
        )
    if stated.params:
        yield Heading("Hyperparameters", 3)
        yield from shortened(("parameter", "value"), list(flat(stated.params)))
    if facts.manifest.changelog:
        yield Heading("What changed", 3)
        yield from _changelog(facts)


def _prompt_row(prompt: PromptFile) -> tuple[CellLike, ...]:
    return (prompt.name, prompt.version, ", ".join(prompt.variables or ()), prompt.description)


def _changelog(facts: CardFacts) -> Iterator[Block]:
    changelog = facts.manifest.changelog
    if changelog.summary:
        yield Paragraph(changelog.summary)
    lines = [f"{title}: {line}" for title, lines in changelog.sections.items() for line in lines]
    if lines:
        yield from listed(lines)


def _intended_use(facts: CardFacts) -> Iterator[Block]:
    stated = facts.manifest.metadata
    yield from listed(stated.intended_use)
    if stated.external_facing is not None:
        outside = "meet" if stated.external_facing else "do not meet"
        yield Paragraph(f"People outside the organisation {outside} its output.")


def _datasets(datasets: Sequence[Dataset]) -> Iterator[Block]:
    if not datasets:
        yield quiet("Not stated.")
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
        code(f"{dataset.digest} ({dataset.method})" if dataset.digest else ""),
    )


def _training(facts: CardFacts, datasets: Sequence[Dataset]) -> Iterator[Block]:
    yield from _datasets(datasets)
    steps = facts.manifest.metadata.preprocessing
    if steps:
        yield Heading("Preprocessing, in this order", 3)
        yield from shortened(("step", "parameters", "code"), list(map(_step_row, steps)))


def _step_row(step: Step) -> tuple[CellLike, ...]:
    params = "; ".join(f"{name} = {value}" for name, value in flat(step.params) if name)
    return (step.name, params, code(step.code))


def _caveats(facts: CardFacts) -> Iterator[Block]:
    stated = facts.manifest.metadata
    caveats = (*stated.limitations, *facts.manifest.changelog.caveats)
    yield from listed(caveats)
    if below := missed(facts):
        yield Heading("Thresholds that are not met", 3)
        yield from listed(below)
    if facts.notes:
        yield Heading("Notes", 3)
        yield from listed(facts.notes)


def _files(facts: CardFacts) -> Iterator[Block]:
    rows = [
        (code(entry.path), entry.role.value, format_size(entry.size), code(entry.sha256))
        for entry in facts.manifest.files
    ]
    yield from shortened(("file", "role", "size", "sha256"), rows)


def _provenance(facts: CardFacts) -> Iterator[Block]:
    made = facts.manifest.metadata.code or facts.provenance.code
    environment, run = facts.environment, facts.provenance.run
    accelerators = ", ".join(environment.accelerators) if environment else ""
    yield Facts(
        (
            ("Code", made.repository if made else ""),
            ("Commit", f"{made.commit}{' (with changes)' if made.dirty else ''}" if made else ""),
            ("Python", f"{environment.implementation} {environment.python}" if environment else ""),
            ("Platform", environment.platform if environment else ""),
            ("Accelerators", accelerators),
            ("Run", " ".join(filter(None, (run.system, run.id, run.url))) if run else ""),
        )
    )
    if not facts.judged:
        yield quiet("Nobody has approved or rejected it.")
    yield from shortened(
        ("role", "what", "who", "for", "how", "reason"), list(map(_judged_row, facts.judged))
    )


def _judged_row(judged: Judged) -> tuple[CellLike, ...]:
    """Return an approval or a rejection; what is not proved is called a claim."""
    worth = f"{judged.worth}; does not count: {judged.against}" if judged.against else judged.worth
    how = Cell(worth, "good" if judged.proved and not judged.against else "warn")
    return (judged.role, judged.decision, judged.person, judged.alias, how, judged.reason)
