"""``modelver doctor``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_folders
from modelver.cli.exit_codes import CHECK_FAILED, OK
from modelver.cli.options import Call, show_log, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import say, write_json

if TYPE_CHECKING:
    from modelver.storage.examination import Examination


@verb("doctor")
@click.argument("url", required=False, shell_complete=complete_folders)
def command(call: Call, *, url: str | None) -> int:
    """Examine a place for a registry: is it safe there, and how fast?

    URL is a folder, or s3:// and the like; else the registry that --registry, the environment or modelver.toml names.
    There need not be a registry yet. What is written is deleted again. Where there is a fault, the exit code is 1.
    """
    from modelver.registry.checking.diagnosing import diagnose

    place = url or call.url
    show_log()
    say("Trying the store out; a remote one takes up to a minute.")
    with Bar("moving a large object") as bar:
        found = diagnose(place, storage_options=call.storage_options(place), callback=bar)
    if call.as_json:
        write_json(found.to_dict())
    else:
        _show(call, found)
    return OK if found.ok else CHECK_FAILED


def _show(call: Call, found: "Examination") -> None:
    from modelver.cli.render import BAD, GOOD, cell

    styles = {"good": GOOD, "fault": BAD}
    promised = [name for name, given in found.promises() if given]
    with call.screen() as screen:
        screen.heading(found.store)
        screen.line(f"It is {found.judgement}.", GOOD if found.ok else BAD)
        rows = [
            (
                cell(check.verdict.value, styles.get(check.verdict.value, "")),
                check.name,
                f"{check.seen} (expected {check.expected})" if check.expected else check.seen,
            )
            for check in found.checks
        ]
        screen.table(("verdict", "check", "what was seen"), rows, title="contract")
        times = [(each.call, f"{each.median:.2f}", f"{each.p95:.2f}") for each in found.latencies]
        if times:
            screen.table(("call", "median ms", "95 % ms"), times, title="latency")
        screen.space()
        screen.facts((("promised", ", ".join(promised)), ("throughput", found.throughput)))
