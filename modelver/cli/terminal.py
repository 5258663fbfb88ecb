"""Text on its way out: made harmless, and written to where it belongs."""

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from modelver.errors import StoreError

if TYPE_CHECKING:
    from modelver.values.canonical import Json


def say(text: object) -> None:
    """Tell a person something beside the answer: one line on stderr."""
    from modelver.values.shown import one_line

    click.echo(one_line(text), err=True)


def write(text: str | bytes, *, colours: bool = False) -> None:
    """Write a part of the answer and a line end to stdout, as it is.

    Args:
        text: Bytes are written as they are.
        colours: Whether stdout is a terminal; else styles are stripped.

    Raises:
        BrokenPipeError: The reader has gone.
        StoreError: It can't be written, for example for want of disk space.
    """
    try:
        click.echo(text, color=colours)
    except OSError as error:
        _give_up_stdout()
        if isinstance(error, BrokenPipeError):
            raise
        raise StoreError("the answer can't be written", where="stdout", found=error.strerror) from None


def write_json(data: "Json", *, in_a_line: bool = False) -> None:
    """Write an answer as JSON to stdout; ASCII alone, so that no terminal obeys what is in it.

    Args:
        data: The answer.
        in_a_line: Whether it is one of several, each in a line of its own.
    """
    indent = None if in_a_line else 2
    write(json.dumps(data, indent=indent, ensure_ascii=True).replace("\x7f", "\\u007f"))


def _give_up_stdout() -> None:
    """Let Python write what is left to nowhere: at its end it would complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def on_terminal(*, err: bool = False) -> bool:
    """Tell whether somebody looks at stdout, or at stderr."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()
