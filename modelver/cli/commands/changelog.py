"""``modelver changelog``."""

from modelver.cli.documents import deliver, html_option, output_option
from modelver.cli.options import Call, model_argument, verb


@verb("changelog")
@model_argument
@html_option
@output_option
def command(call: Call, *, model: str, as_html: bool, output: str | None) -> None:
    """Show what each version of a model changed, the highest first.

    As Keep a Changelog has it, in Markdown.
    """
    found = call.registry.changelog(model)
    deliver(call, found.html() if as_html else str(found), found.to_dict(), output)
