"""``modelver bom``."""

import click

from modelver.cli.documents import deliver, json_text, output_option
from modelver.cli.options import Call, ref_argument, verb


@verb("bom")
@ref_argument
@click.option(
    "--spec-version",
    type=click.Choice(("1.6", "1.7")),
    default="1.6",
    help="The version of CycloneDX; 1.6 unless you say otherwise.",
)
@output_option
def command(call: Call, *, ref: str, spec_version: str, output: str | None) -> None:
    """Write a version's bill of materials: a CycloneDX ML-BOM in JSON.

    Files, datasets, base models and the packages of the training environment are its components, with their digests.
    """
    bill = call.registry.card(ref).cyclonedx(version=spec_version)
    deliver(call, json_text(bill), bill, output)
