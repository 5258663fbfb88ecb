"""A release's summary in Markdown, for the page of a CI job: no links, and nothing that a publisher wrote does anything."""

import re
from collections.abc import Iterator

from modelver.compare.metrics import metric_label
from modelver.publish.markdown import Markdown, bullets, code, escape, table
from modelver.registry.release.released import Release

_ROWS = 200
_FAILED = Markdown("**FAILED**")
_ADDRESS = re.compile(r"(?<=www)\.|:(?=//)|@", re.IGNORECASE)
_BETTER = {True: "better", False: "worse", None: ""}


def summary(release: Release) -> str:
    """Return the summary."""
    return "\n\n".join(_parts(release)) + "\n"


def plain(text: object) -> Markdown:
    """Return a text that does nothing, and in which GitHub's dialect makes no links of bare addresses either."""
    return Markdown(_ADDRESS.sub(r"\\\g<0>", escape(text)))


def _parts(release: Release) -> Iterator[str]:
    yield f"## {plain(release.headline)}"
    yield table(("", ""), _facts(release))
    yield "### Steps"
    yield table(
        ("step", "outcome", ""), [(each.name, each.outcome, plain(each.detail)) for each in release.steps]
    )
    said = (*release.registering, *release.moving)
    if said:
        yield "### Checks"
        rows = sorted(said, key=bool)
        yield table(
            ("", "check", "why"),
            [("passed" if each else _FAILED, code(each.check), plain(each.reason)) for each in rows[:_ROWS]],
        )
    if release.metrics:
        yield f"### Metrics, compared with {escape(release.former)}"
        yield table(
            ("metric", escape(release.former), escape(release.version), ""), list(_metrics(release))[:_ROWS]
        )
    if release.findings:
        yield "### Notes"
        yield bullets([plain(each) for each in release.findings[:_ROWS]])


def _facts(release: Release) -> Iterator[tuple[object, object]]:
    yield "version", code(release.ref)
    yield "digest", code(release.digest)
    yield "why", plain(release.why)
    if release.tag:
        yield "tag", code(release.tag)
    if release.alias:
        yield "alias", f"{release.alias} {'names it' if release.moved else 'does not name it'}"
    if release.former:
        yield "compared with", code(release.former)


def _metrics(release: Release) -> Iterator[tuple[object, ...]]:
    for row in release.metrics:
        label = metric_label(row.name, row.dataset, row.slice)
        yield plain(label), _figure(row.a), _figure(row.b), _BETTER[row.better]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
