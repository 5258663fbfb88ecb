"""``modelver check``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelver.cli import exit_codes
from modelver.cli.completion import complete_refs
from modelver.cli.options import Call, pairs, verb
from modelver.cli.terminal import say, write, write_json
from modelver.errors import StoreError

if TYPE_CHECKING:
    from modelver.cli.render import Cell
    from modelver.registry.working_tree.drifting import Drift
    from modelver.registry.working_tree.matching import Match
    from modelver.values.canonical import Json
    from modelver.values.report import Finding, Report


@verb("check")
@click.argument("ref", required=False, shell_complete=complete_refs)
@click.option(
    "--project",
    type=click.Path(exists=True),
    metavar="PATH",
    help="The working tree to check, or its project file. [default: the current folder]",
)
@click.option(
    "--against", metavar="VERSION", help="Compare the working tree with this version or alias of its model."
)
@click.option(
    "--prompt", "prompts", multiple=True, metavar="NAME=FILE", callback=pairs, help="A prompt that is in use."
)
@click.option(
    "--data",
    multiple=True,
    metavar="NAME=URI",
    callback=pairs,
    help="A dataset at hand, or its sha256:digest.",
)
@click.option(
    "--environment", is_flag=True, help="Python and its packages here must be those that were recorded."
)
@click.option(
    "--requirements",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the recorded packages for pip: with them the environment is the recorded one.",
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(("text", "json", "github")),
    help="How to answer: for people, as --json, or as annotations of a GitHub workflow. [default: text]",
)
def command(
    call: Call,
    *,
    ref: str | None,
    project: str | None,
    against: str | None,
    prompts: dict[str, str],
    data: dict[str, str],
    environment: bool,
    requirements: str | None,
    shape: str | None,
) -> int:
    """Check a working tree, or what is at hand, against a version.

    Without REF: what changed in the working tree since the version that it claims to be, and which bump that calls for.
    Exits with 1 where something changed and the version didn't.

    With REF: whether prompts, datasets and the environment are those that the version was made with. Exits with 1 where
    one is not.
    """
    if ref is None and (prompts or data or requirements):
        raise click.UsageError("--prompt, --data and --requirements go with REF.")
    if ref is not None and (project or against):
        raise click.UsageError("--project and --against go without REF.")
    as_json = call.as_json or shape == "json"
    folder = Path.cwd()
    if ref is None:
        drift = call.registry.check_project(project or ".", against=against, environment=environment)
        report: Report = drift
        folder = Path(drift.subject)
        found = _drift_data(drift)
    else:
        match = call.registry.check(
            ref, prompts=prompts, data=data, environment=environment or requirements is not None
        )
        report, found = match, _data(match)
        if requirements is not None:
            _write_requirements(match, requirements)
    if as_json:
        write_json(found)
    elif shape == "github":
        _annotate(report, folder)
    else:
        _show(call, report)
    return exit_codes.OK if report else exit_codes.CHECK_FAILED


def _drift_data(drift: "Drift") -> "dict[str, Json]":
    return {
        **_data(drift),
        "claimed": drift.claimed,
        "against": drift.against,
        "bump": drift.bump,
        "next": drift.next,
        "reasons": list(drift.advice.reasons) if drift.advice else [],
    }


def _data(report: "Report") -> "dict[str, Json]":
    return {
        "subject": report.subject,
        "ok": report.ok,
        "checked": dict(report.checked),
        "findings": [_finding_data(finding) for finding in report.findings],
        "notes": [_finding_data(finding) for finding in report.notes],
    }


def _finding_data(finding: "Finding") -> "dict[str, Json]":
    return {
        "object": finding.object,
        "component": finding.component,
        "what": finding.what,
        "expected": finding.expected,
        "found": finding.found,
        "file": finding.file,
        "line": finding.line,
    }


def _annotate(report: "Report", folder: Path) -> None:
    from modelver.cli.annotations import annotations

    lines = list(annotations(report, folder))
    if lines:
        write("\n".join(lines))
    say(_summary(report))
    if why := _why(report):
        say(f"  {why}")


def _why(report: "Report") -> str:
    """Return why the changes call for a bump, in one line; empty where nothing changed."""
    from modelver.registry.working_tree.drifting import Drift

    return str(report.advice) if isinstance(report, Drift) and report.next else ""


def _summary(report: "Report") -> str:
    from modelver.registry.working_tree.drifting import Drift

    verdict = "all is well" if report else f"{len(report.findings)} finding(s)"
    if isinstance(report, Drift):
        calls = f"; this calls for {report.next} ({report.bump})" if report.next else ""
        return f"{report.claimed}, compared with {report.against}: {verdict}{calls}"
    return f"{report.subject}: {verdict}"


def _show(call: Call, report: "Report") -> None:
    from modelver.cli.render import BAD, GOOD

    with call.screen() as screen:
        screen.line(_summary(report), GOOD if report else BAD)
        if why := _why(report):
            screen.line(f"  {why}")
        rows = [_row(finding, "", BAD) for finding in report.findings]
        rows += [_row(note, "note", "dim") for note in report.notes]
        if rows:
            screen.table(("", "what", "expected", "found"), rows)


def _row(finding: "Finding", label: str, style: str) -> "tuple[Cell, ...]":
    from modelver.cli.render import cell

    what = f"{finding.object}: {finding.what}"
    return cell(label or "!", style), cell(what), cell(finding.expected), cell(finding.found)


def _write_requirements(match: "Match", place: str) -> None:
    text = match.requirements()
    if place == "-":
        write(text.rstrip("\n"))
        return
    try:
        Path(place).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError(
            "requirements can't be written", where=place, found=error.strerror or error
        ) from error
    say(f"Wrote {place}")
