"""A process of its own that calls a registry as it is told: a line of JSON each, and a line of JSON back."""

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import fsspec
from fsspec.callbacks import Callback

import modelver as mv


def answered(job: dict[str, Any]) -> object:
    """Do a job, with a registry object of its own; return what JSON can say of the result."""
    registry = mv.Registry(job["registry"], cache_dir=job["cache"], **job["opened"])
    if job["verb"] in OWN:
        return OWN[job["verb"]](registry, *job["arguments"])
    result = getattr(registry, job["verb"])(*job["arguments"], **job["options"])
    return [str(result.version), result.created] if isinstance(result, mv.ModelVersion) else str(result)


def register_many(registry: mv.Registry, model: str, writer: str, count: int) -> list[str]:
    """Register so many versions, each with a content of its own; return what was created."""
    versions = [
        registry.register(model, {"model.bin": f"{writer}-{number}".encode()}, capture=False)
        for number in range(count)
    ]
    return [str(version.version) for version in versions if version.created]


def record_many(registry: mv.Registry, model: str, writer: int, count: int) -> list[list[object]]:
    """Register so many versions, and resolve the latest after each; return start, end, verb and version of each call.

    A conflict, where others were faster all the time, is recorded too, and followed by another try.
    """
    recorded: list[list[object]] = []
    number = 0
    while number < count:
        started = time.monotonic()  # one clock for all processes of a machine
        try:
            made = registry.register(model, {"model.bin": f"{writer}-{number}".encode()}, capture=False)
        except mv.Conflict:
            recorded.append([started, time.monotonic(), "conflict", ""])
            continue
        recorded.append(
            [started, time.monotonic(), "register" if made.created else "none", str(made.version)]
        )
        started = time.monotonic()
        found = registry.resolve(f"{model}@latest")
        recorded.append([started, time.monotonic(), "resolve", str(found.version)])
        number += 1
    return recorded


def register_until_interrupted(registry: mv.Registry, model: str, source: str) -> dict[str, int]:
    """Register; return how many bytes were done when SIGINT had ended it, and how many there were."""
    progress = Callback()
    try:
        registry.register(model, source, capture=False, callback=progress)
    except KeyboardInterrupt:
        return {"done": progress.value, "of": progress.size or 0}
    return {}


def versions_files_and_report(registry: mv.Registry, model: str) -> dict[str, object]:
    """Return what the registry has, for who can't look: its disk may be mounted for this process alone."""
    root = Path(registry.url)
    made = (root / "modelver.json").exists() and bool(registry.models())
    return {
        "versions": [str(version.version) for version in registry.versions(model)] if made else [],
        "log": sorted(path.name for path in root.glob("models/*/log/*")),
        "temporary": [path.name for path in root.glob("tmp/*")],
        "fine": not made or bool(registry.verify()),
    }


def peak_memory(_: mv.Registry) -> int:
    """Return the most bytes of memory that this process had: VmHWM of proc(5), which begins anew with exec(2)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def killed(job: dict[str, Any], after: float | None) -> dict[str, object]:
    """Do a job in a fork, which is killed after so many seconds, or not."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            answered(job)
            code = 0
        finally:
            os._exit(code)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)  # a child that has ended keeps its id until it is waited for
    _, status = os.waitpid(child, 0)
    return {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}


def warm_up(_: mv.Registry) -> None:
    """Import all that is imported late, so that forks don't spend their lives on it."""
    registry = mv.Registry("memory://warm-up")
    registry.register("m", {"model.bin": b"1"}, aliases=["production"], capture=False)
    registry.verify()


OWN: dict[str, Callable[..., object]] = {
    function.__name__: function
    for function in (
        register_many,
        record_many,
        register_until_interrupted,
        versions_files_and_report,
        peak_memory,
        warm_up,
    )
}


def serve(count: int) -> None:
    """Answer each of so many who connect, by a process of their own: a fork, which has imported what is slow to import."""
    fsspec.get_filesystem_class("s3")
    with socket.create_server(("127.0.0.1", 0), backlog=count) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        for _ in range(count):
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    answer(connection.makefile("r"), connection.makefile("w"))
                    os._exit(0)
    for _ in range(count):
        os.wait()


def answer(jobs: TextIO, answers: TextIO) -> None:
    """Answer until there are no more jobs."""
    for line in jobs:
        job = json.loads(line)
        try:
            result = killed(job, job["kill_after"]) if "kill_after" in job else answered(job)
        except mv.ModelverError as error:
            reply: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
        else:
            reply = {"answer": result}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        serve(int(sys.argv[1]))
    else:
        answer(sys.stdin, sys.stdout)
