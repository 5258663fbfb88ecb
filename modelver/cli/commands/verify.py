"""``modelver verify``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_refs
from modelver.cli.exit_codes import CHECK_FAILED, OK
from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.values.canonical import Json
    from modelver.values.report import Report


@verb("verify")
@click.argument("ref", required=False, shell_complete=complete_refs)
def command(call: Call, *, ref: str | None) -> int:
    """Check a version, or the whole registry, byte by byte.

    Without REF: every log from its first commit, every checkpoint, every stored byte. Each finding names its object;
    where there is one, the exit code is 1.
    """
    with Bar("verifying") as bar:
        report = call.registry.verify(ref, callback=bar)
    if call.as_json:
        write_json(report_data(report))
    else:
        show_report(call, report)
    return OK if report.ok else CHECK_FAILED


def report_data(report: "Report") -> "dict[str, Json]":
    """Return a report as JSON."""
    findings: list[Json] = [
        {"object": found.object, "what": found.what, "expected": found.expected, "found": found.found}
        for found in report.findings
    ]
    return {
        "subject": report.subject,
        "ok": report.ok,
        "findings": findings,
        "checked": dict(report.checked),
    }


def show_report(call: Call, report: "Report") -> None:
    """Show a report to a person."""
    from modelver.cli.render import BAD, GOOD, amount

    counts = ", ".join(f"{count:,} {kind}" for kind, count in report.checked.items())
    with call.screen() as screen:
        screen.heading(report.subject, counts)
        if report.ok:
            screen.line("All is well.", GOOD)
            return
        screen.line(f"{amount(len(report.findings), 'finding')}:", BAD)
        rows = [(found.object, found.what, found.expected, found.found) for found in report.findings]
        screen.table(("object", "what", "expected", "found"), rows)
