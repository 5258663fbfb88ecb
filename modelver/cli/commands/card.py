"""``modelver card``."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from modelver.cli.documents import deliver, html_option, json_text, output_option, write_files
from modelver.cli.options import Call, ref_argument, verb

if TYPE_CHECKING:
    from modelver.publish.card import Card, Plots

_PLOTS = ("embedded", "files", "none")


@verb("card")
@ref_argument
@html_option
@click.option("--cyclonedx", "as_bom", is_flag=True, help="A CycloneDX ML-BOM; as `modelver bom`.")
@click.option(
    "--plots",
    type=click.Choice(_PLOTS),
    help="Where Markdown has its plots: in itself, in files beside FILE, or nowhere.",
)
@output_option
def command(
    call: Call, *, ref: str, as_html: bool, as_bom: bool, plots: str | None, output: str | None
) -> None:
    """Write a version's model card, in Markdown for people and for the Hugging Face Hub.

    With --json: in the form of Google's Model Card Toolkit. Plots go to a folder `plots` beside FILE; on stdout the card
    has none, as its tables have all figures.
    """
    if as_html and as_bom:
        raise click.UsageError("--html and --cyclonedx exclude each other")
    if plots == "files" and output is None:
        raise click.UsageError("--plots files needs -o FILE, beside which they are written")
    card = call.registry.card(ref)
    if as_bom:
        bill = card.cyclonedx()
        deliver(call, json_text(bill), bill, output)
    elif as_html:
        deliver(call, card.html(), card.to_dict(), output)
    else:
        _markdown(call, card, cast("Plots", plots or ("files" if output else "none")), output)


def _markdown(call: Call, card: "Card", plots: "Plots", output: str | None) -> None:
    if output is not None and plots == "files":
        write_files(Path(output).parent / "plots", card.plots)
    deliver(call, card.markdown(plots=plots), card.to_dict(), output)
