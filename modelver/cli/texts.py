"""Texts that options take from files."""

from typing import IO

import click

MAX_CHANGELOG = 2**20


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
