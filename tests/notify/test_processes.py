"""Telling people while processes die, fork, run at once and end."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

import modelver as mv
from modelver.notify.background import MAX_WAITING, Background, background
from tests.cli.support import COMMAND
from tests.measuring import unmeasured_environment
from tests.notify.conftest import Configure, settled
from tests.notify.receiver import PATIENCE, Receiver, deaf_port
from tests.registries import MODEL, publish

COMMIT = """
import sys, modelver as mv
mv.Registry(sys.argv[1]).set_alias("acme/fraud", "production", sys.argv[2])
print("committed", flush=True)
sys.stdin.read()
"""

INTERRUPTED = """
import os, signal, time
from modelver.notify.background import Background

background = Background()

def job():
    while not background._changed._waiters:
        time.sleep(0.01)
    time.sleep(0.1)  # it has gone to wait by now
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

background.submit("lane", "key", job)
background.finish(60)
print("goes on")
"""


@contextmanager
def committing(root: Path, version: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process that sets an alias, says so, and waits."""
    # What coverage writes in a process that is killed would be broken.
    kept = unmeasured_environment()
    with subprocess.Popen(
        [sys.executable, "-c", COMMIT, str(root), version],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=kept,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "committed\n"
        yield process


@pytest.fixture
def root(project: Path, registry: mv.Registry, versions: list[mv.ModelVersion]) -> Path:
    """Give the folder of a registry with versions."""
    assert versions[0].name == MODEL
    assert registry.models() == [MODEL]
    return project.parent / "registry"


def test_a_process_that_is_killed_after_its_commit_loses_no_event(
    root: Path, receiver: Receiver, configure: Configure
) -> None:
    """Its recipient had not answered yet: `modelver notify` tells it again, under the same id."""
    configure(receiver.url)
    receiver.held.clear()
    with committing(root, "1.0.0") as process:
        receiver.wait_for(1)
        process.kill()
    receiver.held.set()
    (done,) = mv.Registry(root).notify().deliveries
    assert done.outcome == "delivered"
    assert [request.headers["webhook-id"] for request in receiver.received] == [done.id] * 2


def test_a_process_that_is_killed_before_it_told_anybody_loses_no_event(
    root: Path, configure: Configure
) -> None:
    """The recipient was never told of this registry before, and is told of this commit all the same."""
    with deaf_port() as port:
        configure(f"http://127.0.0.1:{port}/hook")
        with committing(root, "1.0.0") as process:
            process.kill()
        with Receiver(port) as receiver:
            assert [each.outcome for each in mv.Registry(root).notify().deliveries] == ["delivered"]
            assert receiver.types == ["alias.promoted"]


def test_a_command_ends_though_its_recipient_does_not_answer(
    root: Path, receiver: Receiver, configure: Configure
) -> None:
    """With the exit code of its work, and a line on stderr; the recipient still holds the request."""
    configure(receiver.url)
    receiver.held.clear()
    arguments = ["alias", MODEL, "production", "1.0.0", "--registry", str(root)]
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert len(receiver.received) <= 1  # a busy machine may be too slow for it
    assert (done.returncode, done.stdout) == (0, f"{MODEL}:1.0.0\n")
    assert done.stderr.splitlines() == [
        f"{MODEL}@production is 1.0.0 now",
        "not everybody was told yet; `modelver notify` goes on with it",
    ]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_command_goes_on_until_it_is_ended(
    root: Path, receiver: Receiver, configure: Configure, ending: signal.Signals
) -> None:
    """And tells what another process commits meanwhile; its end is no failure."""
    configure(receiver.url, at_once="false")
    mv.Registry(root).notify()
    arguments = ["notify", "--watch", "--every", "100ms", "--registry", str(root)]
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        mv.Registry(root).set_alias(MODEL, "production", "1.0.0")
        assert process.stdout
        assert process.stdout.readline().endswith(f"that {MODEL}@production is 1.0.0 now (manual)\n")
        process.send_signal(ending)
        assert process.wait(PATIENCE) == 0
    assert receiver.types == ["alias.promoted"]


def test_ctrl_c_while_people_are_told_changes_nothing() -> None:
    """The wait ends, and what was done before stays done."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=True)
    assert done.stdout == "goes on\n"
    assert "may not be told yet" in done.stderr


def test_a_forked_child_tells_what_it_commits(root: Path, receiver: Receiver, configure: Configure) -> None:
    """Though its parent has a thread at work, whose locks are not the child's."""
    configure(receiver.url)
    receiver.held.clear()
    registry = mv.Registry(root)
    registry.set_alias(MODEL, "production", "1.0.0")
    receiver.wait_for(1)
    asked, told = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            idle = background().wait(0)
            registry.set_alias(MODEL, "staging", "1.1.0")
            code = 0 if idle and not background().wait(0) else 2
            os.write(told, b"1")
            background().wait(PATIENCE)
        finally:
            os._exit(code)
    os.close(told)
    with os.fdopen(asked, "rb") as pipe:
        assert pipe.read(1) == b"1", "the child ended early"
    # The child tells what its parent is still telling, too: both have the id of one event.
    receiver.wait_for(2)
    receiver.held.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert settled()
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 2


COMMIT_MANY = """
import random, sys, modelver as mv
registry = mv.Registry(sys.argv[1])
rng = random.Random(sys.argv[2])
for _ in range(50):
    registry.set_alias("acme/fraud", rng.choice("abc"), rng.choice(["1.0.0", "1.1.0"]))
    print("one", flush=True)
"""


@pytest.mark.full
def test_nothing_is_lost_whatever_is_killed(root: Path, receiver: Receiver, configure: Configure) -> None:
    """Processes that commit and tell are killed at any time, and the receiver fails now and then."""
    configure(receiver.url)
    registry = mv.Registry(root)
    registry.notify()
    rng = random.Random(5)  # noqa: S311 (no secret)
    kept = unmeasured_environment()
    for number in range(6):
        receiver.answers.extend((rng.choice([204, 204, 500, 503, 429]), {}) for _ in range(20))
        running = [
            subprocess.Popen(
                [sys.executable, "-c", COMMIT_MANY, str(root), f"{number}-{each}"],
                env=kept,
                stdout=subprocess.PIPE,
            )
            for each in range(2)
        ]
        for process in running:
            with process:
                assert process.stdout
                for _ in range(rng.randrange(1, 12)):
                    process.stdout.readline()
                time.sleep(rng.uniform(0, 0.02))
                process.kill()
    receiver.answers.clear()
    while not registry.notify():
        pass
    told = [request.event["data"]["commit"] for request in receiver.received]
    moves = [
        each.generation for each in registry.history(MODEL) if each.action not in {"registered", "created"}
    ]
    assert len(moves) > 30
    assert set(told) == set(moves)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == len(moves)


def test_many_at_once_lose_nothing(root: Path, receiver: Receiver, configure: Configure) -> None:
    """Threads that commit and threads that catch up: each event comes, perhaps twice, and none under two ids."""
    configure(receiver.url)
    registries = [mv.Registry(root) for _ in range(3)]

    def work(number: int) -> None:
        registry = registries[number % 3]
        registry.set_alias(MODEL, f"alias{number}", "1.0.0")
        registry.notify()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    assert settled()
    subjects = {request.event["subject"] for request in receiver.received}
    assert subjects == {f"{MODEL}@alias{number}" for number in range(12)}
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 12
    assert registries[0].notify().deliveries == ()


def test_too_much_is_left_to_notify(receiver: Receiver, configure: Configure, registry: mv.Registry) -> None:
    """The queue is short, and what finds no place in it is told later."""
    configure(receiver.url)
    receiver.held.clear()
    registry.register("first", {"a": b"1"}, capture=False, aliases=["production"])
    receiver.wait_for(1)
    (lane,) = background()._lanes
    told = [background().submit(lane, number, lambda: None) for number in range(200)]
    assert told == [True] * MAX_WAITING + [False] * (200 - MAX_WAITING)
    registry.register("second", {"a": b"1"}, capture=False, aliases=["production"])
    receiver.held.set()
    assert settled()
    assert [each.subject for each in registry.notify().deliveries] == ["second@production"]


def test_a_job_that_fails_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The next one runs; what waits under one key runs once."""
    ran: list[int] = []
    hold = threading.Event()
    own = Background()
    own.submit("lane", "held", lambda: hold.wait(PATIENCE))
    own.submit("lane", "fails", lambda: 1 / 0)
    own.submit("lane", "ends its thread", sys.exit)
    for key in (1, 2, 2, 3):
        own.submit("lane", key, partial(ran.append, key))
    hold.set()
    assert own.wait(PATIENCE)
    assert ran == [1, 2, 3]
    assert "division by zero" in caplog.text


def test_a_finished_background_is_not_waited_for_again(caplog: pytest.LogCaptureFixture) -> None:
    """The command waits, and then the interpreter's end does not."""
    hold = threading.Event()
    own = Background()
    own.submit("lane", "a", lambda: hold.wait(PATIENCE))
    own.finish(0)
    own.finish(PATIENCE)
    assert len(caplog.records) == 1
    hold.set()
    assert own.wait(PATIENCE)


@pytest.mark.usefixtures("root")
def test_the_first_commit_of_a_registry_is_told(
    project: Path, receiver: Receiver, configure: Configure
) -> None:
    """Though there was nothing before it."""
    configure(receiver.url)
    publish(mv.Registry(project / "new"), aliases=["production"])
    assert settled()
    assert receiver.types == ["alias.promoted"]
