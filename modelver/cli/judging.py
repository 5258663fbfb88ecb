"""What ``approve`` and ``reject`` share."""

from collections.abc import Callable

import click

from modelver.cli.options import Function


def said_options(function: Function) -> Function:
    """Add the options that say who judges, as what, and for what."""
    options: list[Callable[[Function], Function]] = [
        click.option("--role", required=True, metavar="ROLE", help="In which role, such as legal."),
        click.option("--to", metavar="ALIAS", help="For this alias, until it moves; else for any."),
        click.option("--person", metavar="WHO", help="Who; else $MODELVER_ACTOR, else user@host."),
        click.option(
            "--key",
            type=click.Path(exists=True, dir_okay=False),
            metavar="FILE",
            help="Sign with this private key (PEM, Ed25519 or ECDSA P-256); else $MODELVER_SIGNING_KEY.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function
