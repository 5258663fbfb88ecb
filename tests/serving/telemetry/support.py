"""What tests of telemetry share: models whose answer tells their version, and swaps as fast as they go."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import modelver as mv
from tests.registries import MODEL
from tests.serving.conftest import NEVER, until

NUMBERS = ("1.0.0", "1.1.0", "1.2.0")


def text(files: mv.LoadedModel) -> str:
    """Load a model: the number of its version."""
    return (files / "model.bin").read_text(encoding="utf-8")


@contextmanager
def following(registry: mv.Registry, alias: str = "production") -> Iterator[mv.Follower[str]]:
    """Follow an alias; nobody looks but the test."""
    with registry.follow(f"{MODEL}@{alias}", text, interval=NEVER) as follower:
        yield follower


def move(registry: mv.Registry, follower: mv.Follower[str], version: str) -> None:
    """Set production and have the follower swap."""
    registry.set_alias(MODEL, "production", version)
    follower.check_now()
    assert follower.serving is not None
    assert follower.serving.model == version


@contextmanager
def swapping(registry: mv.Registry, follower: mv.Follower[str]) -> Iterator[None]:
    """Move production from one version to the next all the while, and for the first time before the block."""
    ended = threading.Event()

    def work() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            move(registry, follower, NUMBERS[number % 3])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        until(lambda: follower.figures().swaps > 1, "the first swap")
        yield
    finally:
        ended.set()
        thread.join()
