"""Processes that call registries at once, or until they die."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Self

from . import worker


class Worker:
    """A process that calls a registry as it is told.

    Args:
        registry: The folder or the URL of the registry that it calls.
        cache: Its user's cache.
        opened: More arguments of the registry object, such as ``storage_options``.
        jobs: Where it reads what to do.
        answers: Where it writes the results.
    """

    def __init__(
        self,
        registry: Path | str,
        cache: Path,
        opened: Mapping[str, object] | None,
        jobs: IO[str],
        answers: IO[str],
    ) -> None:
        self.registry: Any = registry
        self.opened = opened or {}
        self._cache = cache
        self._jobs = jobs
        self._answers = answers

    def send(self, verb: str, *arguments: object, **options: object) -> None:
        """Tell it to call a method of a new registry object."""
        self._write(verb, arguments, options)

    def receive(self) -> Any:
        """Wait for its result; an error is its name and its message."""
        line = self._answers.readline()
        assert line, "the process has ended; its traceback is above"
        reply = json.loads(line)
        return reply["answer"] if "answer" in reply else (reply["error"], reply["message"])

    def call(self, verb: str, *arguments: object, **options: object) -> Any:
        """Send and receive; an error is an error here, too."""
        result = self.attempt(verb, *arguments, **options)
        assert not isinstance(result, tuple), f"{verb}: {result}"
        return result

    def attempt(self, verb: str, *arguments: object, **options: object) -> Any:
        """Send and receive."""
        self.send(verb, *arguments, **options)
        return self.receive()

    def killed(self, after: float | None, verb: str, *arguments: object, **options: object) -> Any:
        """Have a fork of it call a method, and kill that fork after so many seconds; None lets it end."""
        self._write(verb, arguments, options, kill_after=after)
        return self.receive()

    def _write(
        self, verb: str, arguments: tuple[object, ...], options: dict[str, object], **more: object
    ) -> None:
        job = {"verb": verb, "arguments": arguments, "options": options, **more}
        place = {"registry": str(self.registry), "cache": str(self._cache), "opened": self.opened}
        line = json.dumps({**job, **place})
        self._jobs.write(line + "\n")
        self._jobs.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.close()
        self._answers.close()


class Process(Worker):
    """One that was started for itself.

    Args:
        registry: The folder or the URL of the registry that it calls.
        cache: Its user's cache.
        prefix: A command to run it by.
        opened: More arguments of the registry object, such as ``storage_options``.
    """

    def __init__(
        self,
        registry: Path | str,
        cache: Path,
        prefix: tuple[str, ...] = (),
        *,
        opened: Mapping[str, object] | None = None,
    ) -> None:
        self.running = subprocess.Popen(
            [*prefix, sys.executable, worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.running.stdin is not None
        assert self.running.stdout is not None
        super().__init__(registry, cache, opened, self.running.stdin, self.running.stdout)

    def __exit__(self, *reason: object) -> None:
        super().__exit__(*reason)
        self.running.wait()


@contextmanager
def processes(
    count: int,
    registry: Path | str,
    cache: Path,
    *,
    apart: bool = False,
    opened: Mapping[str, object] | None = None,
) -> Iterator[list[Worker]]:
    """Start processes, and wait until all of them run.

    Args:
        count: How many.
        registry: The registry that they call.
        cache: The user's cache.
        apart: Whether each has a cache of its own, as if it were on another machine.
        opened: More arguments of the registry objects.
    """
    command = [sys.executable, worker.__file__, str(count)]
    with ExitStack() as stack:
        forking = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert forking.stdout is not None
        address = "127.0.0.1", int(forking.stdout.readline())
        started = []
        for number in range(count):
            with socket.create_connection(address) as connection:
                lines = connection.makefile("w"), connection.makefile("r")
            process = Worker(registry, cache / str(number) if apart else cache, opened, *lines)
            started.append(stack.enter_context(process))
        for process in started:
            process.send("warm_up")
        for process in started:
            process.receive()
        yield started


def at_once(started: list[Worker], verb: str, *arguments: object, **options: object) -> list[Any]:
    """Let all processes make one call at once; an argument ``{}`` becomes the process's number."""
    for number, process in enumerate(started):
        process.send(verb, *(number if each == "{}" else each for each in arguments), **options)
    return [process.receive() for process in started]
