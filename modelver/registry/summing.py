"""A release's summary in Markdown, for the page of a CI job: no links, and nothing that a publisher wrote does anything."""

from collections.abc import Iterator

from modelver.compare.metrics import metric_label
from modelver.publish.markdown import Markdown, bullets, code, escape, table
from modelver.registry.released import Release

_ROWS = 200
_FAILED = Markdown("**FAILED**")
_BETTER = {True: "better", False: "worse", None: ""}


def summary(release: Release) -> str:
    """Return the summary."""
    return "\n\n".join(_parts(release)) + "\n"


def _parts(release: Release) -> Iterator[str]:
    yield f"## {escape(release.headline)}"
    yield table(("", ""), _facts(release))
    yield "### Steps"
    yield table(("step", "outcome", ""), [(each.name, each.outcome, each.detail) for each in release.steps])
    said = (*release.registering, *release.moving)
    if said:
        yield "### Checks"
        rows = sorted(said, key=bool)
        yield table(
            ("", "check", "why"),
            [("passed" if each else _FAILED, code(each.check), each.reason) for each in rows[:_ROWS]],
        )
    if release.metrics:
        yield f"### Metrics, compared with {escape(release.former)}"
        yield table(
            ("metric", escape(release.former), escape(release.version), ""), list(_metrics(release))[:_ROWS]
        )
    if release.findings:
        yield "### Notes"
        yield bullets(release.findings[:_ROWS])


def _facts(release: Release) -> Iterator[tuple[object, object]]:
    yield "version", code(release.ref)
    yield "digest", code(release.digest)
    yield "bump", release.bump or "none"
    yield "why", release.why
    if release.tag:
        yield "tag", code(release.tag)
    if release.alias:
        yield "alias", f"{release.alias} {'names it' if release.moved else 'does not name it'}"
    if release.former:
        yield "before", code(release.former)


def _metrics(release: Release) -> Iterator[tuple[object, ...]]:
    for row in release.metrics:
        label = metric_label(row.name, row.dataset, row.slice)
        yield label, _figure(row.a), _figure(row.b), _BETTER[row.better]


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
