"""What is said of the next version on the command line: its number, what changed, and how well it does."""

from collections.abc import Callable
from typing import IO, TypeVar

import click

from modelver.cli.options import numbers

MAX_CHANGELOG = 2**20

F = TypeVar("F", bound=Callable[..., object])


def read_changelog(ctx: click.Context, param: click.Parameter, file: IO[bytes] | None) -> str | None:
    """Read a changelog, all of it."""
    if file is None:
        return None
    data = file.read(MAX_CHANGELOG + 1)
    if len(data) > MAX_CHANGELOG:
        raise click.BadParameter(f"longer than {MAX_CHANGELOG:,} bytes", ctx, param)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"not UTF-8: {error.reason}", ctx, param) from None


_NEXT_VERSION = (
    click.option("--version", metavar="VERSION", help="An exact version. [default: the last one, raised]"),
    click.option(
        "--bump",
        type=click.Choice(("auto", "major", "minor", "patch", "prerelease")),
        help="How to raise the last version. [default: auto, by what changed]",
    ),
    click.option("--changelog", metavar="TEXT", help="What changed, for people."),
    click.option(
        "--changelog-file",
        type=click.File("rb"),
        callback=read_changelog,
        help="The same from a file, all of it; - is stdin.",
    ),
    click.option(
        "--metric",
        "metrics",
        multiple=True,
        metavar="NAME=NUMBER",
        callback=numbers,
        help="A measured figure.",
    ),
)


def next_version_options(command: F) -> F:
    """Give a verb that makes a version the options that say which one and what of it, in their order."""
    for option in reversed(_NEXT_VERSION):
        command = option(command)
    return command
