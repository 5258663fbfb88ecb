"""``modelver search``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_models
from modelver.cli.options import Call, verb
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.registry.search.found import Found


@verb("search")
@click.argument("expression", required=False)
@click.option(
    "--model",
    metavar="MODEL",
    shell_complete=complete_models,
    help="Look only there; a name, or a pattern such as 'acme/*'.",
)
@click.option(
    "--text", metavar="WORDS", help="Words that changelog, notes, description or card must have, all of them."
)
@click.option(
    "--order-by",
    metavar="VARIABLE",
    help="Such as -metrics.f1, created_at or version; - puts the greatest first.",
)
@click.option("--limit", type=click.IntRange(min=0), metavar="NUMBER", help="The most to show.")
@click.option(
    "--fresh/--no-fresh", default=True, help="Whether to look for new commits first. [default: yes]"
)
def command(
    call: Call,
    *,
    expression: str | None,
    model: str | None,
    text: str | None,
    order_by: str | None,
    limit: int | None,
    fresh: bool,
) -> None:
    """Find versions of all models by what is known of them.

    EXPRESSION is such as 'metrics.f1 >= 0.9 && "production" in aliases'; without one, all versions are found.
    """
    found = call.registry.search(
        expression, model=model, order_by=order_by, limit=limit, text=text, fresh=fresh
    )
    if call.as_json:
        _write(found)
    else:
        _show(call, found)


def _write(found: "Found") -> None:
    from modelver.cli.data import version_data

    versions = [
        {
            **version_data(row.version),
            "aliases": list(row.aliases),
            "yanked": row.yanked,
            "values": row.values,
        }
        for row in found.rows()
    ]
    write_json({"versions": versions})


def _show(call: Call, found: "Found") -> None:
    with call.screen() as screen:
        from modelver.cli.render import BAD, cell, moment
        from modelver.registry.search.found import shown

        if not found:
            screen.line("No version was found.")
            return
        rows = [
            (
                cell(row.version.ref, "bold"),
                cell("YANKED", BAD) if row.yanked else ", ".join(row.aliases),
                moment(row.version.created_at),
                *(shown(value) for value in row.values.values()),
            )
            for row in found.rows()
        ]
        screen.table(("version", "aliases", "registered (UTC)", *found.columns), rows)
