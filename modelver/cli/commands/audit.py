"""``modelver audit``."""

import click

from modelver.cli.completion import complete_aliases
from modelver.cli.documents import deliver, html_option, output_option
from modelver.cli.exit_codes import CHECK_FAILED, OK
from modelver.cli.options import Call, model_argument, verb


@verb("audit")
@model_argument
@click.option("--alias", shell_complete=complete_aliases, help="This alias alone, such as production.")
@click.option(
    "--at", metavar="TIME", help="What was served then; ISO 8601, in UTC unless a zone is given. Else now."
)
@html_option
@output_option
def command(
    call: Call, *, model: str, alias: str | None, at: str | None, as_html: bool, output: str | None
) -> int:
    """Answer an auditor: what was served, by whom, and does it hold?

    The log is replayed, the gates are asked again, every byte of what was served is hashed. Where something does not
    hold, the exit code is 1.
    """
    found = call.registry.audit(model, alias=alias, at=at)
    deliver(call, found.html() if as_html else str(found), found.to_dict(), output)
    return OK if found else CHECK_FAILED
