"""Verbs that go on until somebody ends them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TypeVar

import click

from modelver.cli.durations import Duration
from modelver.cli.terminal import say

R = TypeVar("R")


def watch_options(seconds: float, shown: str, text: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a verb ``--watch`` and ``--every``, as one argument: ``every``, None where it is done after one look.

    Args:
        seconds: How often it looks, unless that is said.
        shown: The same for people, such as ``1m``.
        text: What ``--watch`` does.
    """

    def decorated(command: Callable[..., R]) -> Callable[..., R]:
        @click.option("--watch", is_flag=True, help=text)
        @click.option(
            "--every",
            type=Duration(),
            metavar="TIME",
            help=f"With --watch: how often to look, such as 5m. [default: {shown}]",
        )
        @wraps(command)
        def checked(*arguments: object, watch: bool, every: float | None, **options: object) -> R:
            if every is not None and not watch:
                raise click.UsageError("--every goes with --watch.")
            pause = seconds if every is None else every
            return command(*arguments, every=pause if watch else None, **options)

        return checked

    return decorated


@contextmanager
def until_ended(said: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the work, and say something then: that is how it is to end, and no failure."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say(said)
    finally:
        signal.signal(signal.SIGTERM, before)
