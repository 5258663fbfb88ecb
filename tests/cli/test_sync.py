"""`modelver sync`: once, and as a process that follows an alias until it is ended."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import modelver as mv
from tests.cli.support import COMMAND, Run

REF = "acme/fraud@production"
PATIENCE = 60.0


def until(happened: Callable[[], object], what: str) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(0.02)


class Watch:
    """A process that watches, whose lines are read as they come."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "sync", REF, "place", "--watch", "--every", "50ms", *arguments],
                stdout=out,
                stderr=err,
            )

    def lines(self) -> list[str]:
        """Return the lines of the answer up to now."""
        return self.stdout.read_text().splitlines()

    def ended(self, number: int) -> tuple[int, str]:
        """End it by a signal; return its exit code, and what it told people."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE), self.stderr.read_text()


def test_once_prints_the_path_of_the_version(run: Run, fraud: str, tmp_path: Path) -> None:
    """The path is the whole answer; what was done is told beside it."""
    done = run("sync", f"{fraud}@production", "place")
    assert Path(done.stdout.rstrip("\n")) == (tmp_path / "place").resolve()
    assert "acme/fraud:1.1.0 stands in" in done.stderr
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"second"
    again = run("sync", f"{fraud}@production", "place", "--json").json
    assert (again["changed"], again["copied"], again["number"]) == (False, 0, 2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--layout", "triton"), 3),
        (("--layout", "vllm"), 3),
        (("--layout", "torch"), 2),
        (("--keep", "0"), 2),
        (("--every", "soon"), 2),
        (("--every", "5s"), 2),
        (("--watch", "--every", "0"), 2),
        (("--watch", "--layout", "vllm"), 3),
    ],
)
def test_what_can_t_be_done_has_its_exit_code(
    run: Run, fraud: str, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    """Watching too ends at once where the first version fails by what was asked for."""
    run("sync", f"{fraud}@production", "place", *arguments, code=code)
    assert not (tmp_path / "place").exists()


def test_a_place_that_can_never_be_one_ends_watching(run: Run, fraud: str) -> None:
    """A store that holds no layouts is no trouble that passes."""
    done = run("sync", f"{fraud}@production", "memory://there/place", "--watch", code=8)
    assert "not a place for files that are kept in step" in done.stderr


def test_a_place_that_is_taken_has_an_exit_code_of_its_own(run: Run, fraud: str, tmp_path: Path) -> None:
    """Nothing there is touched."""
    (tmp_path / "place").write_text("mine")
    run("sync", f"{fraud}@production", "place", code=4)
    assert (tmp_path / "place").read_text() == "mine"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Callable[..., Watch]]:
    """Give what starts a process that watches; whatever happens, none is left."""
    started: list[Watch] = []

    def start(*arguments: str) -> Watch:
        started.append(Watch(tmp_path, *arguments))
        return started[-1]

    yield start
    for watch in started:
        watch.process.kill()
        watch.process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_follows_the_alias_and_ends_whole(
    run: Run, fraud: str, tmp_path: Path, watching: Callable[..., Watch], number: signal.Signals
) -> None:
    """A line for each change; a version that can't be had is told once, and the one before stays."""
    watch = watching("--json")
    until(lambda: len(watch.lines()) == 1, "the first version")
    run("alias", fraud, "production", "1.0.0")
    until(lambda: len(watch.lines()) == 2, "the move")
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"first"

    registry = mv.Registry(tmp_path / "registry")
    bad = registry.register(fraud, {"model.bin": b"third"}, capture=False, changelog="x")
    digest = mv.Digest.of(b"third").hex
    blob = tmp_path / "registry" / "blobs" / "sha256" / digest[:2] / digest
    blob.chmod(0o644)
    blob.write_bytes(b"THIRD")
    registry.set_alias(fraud, "production", bad)
    until(lambda: len(watch.lines()) == 3, "the report of the damage")
    time.sleep(0.5)
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"first"

    mended = tmp_path / "mended"
    mended.write_bytes(b"third")
    mended.replace(blob)  # all at once, or half a blob were other damage
    until(lambda: len(watch.lines()) == 5, "the mended version")
    code, told = watch.ended(number)
    told_of = [json.loads(line) for line in watch.lines()]
    assert [each["event"] for each in told_of] == [
        "materialized",
        "materialized",
        "trouble",
        "materialized",
        "well",
    ]
    assert [each.get("ref") for each in told_of] == [
        "acme/fraud:1.1.0",
        "acme/fraud:1.0.0",
        None,
        bad.ref,
        None,
    ]
    assert told_of[2]["error"]["type"] == "IntegrityError"
    assert (code, told.splitlines()[-1]) == (0, "Stopped. What stands there is whole.")
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"third"


def test_watching_goes_on_while_the_registry_is_away(
    run: Run, fraud: str, tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    """It says so once, serves what stands there, and catches up."""
    watch = watching()
    until(lambda: len(watch.lines()) == 1, "the first version")
    (tmp_path / "registry").rename(tmp_path / "away")
    until(lambda: "Warning" in watch.stderr.read_text(), "the report")
    time.sleep(0.5)
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"second"
    (tmp_path / "away").rename(tmp_path / "registry")
    run("alias", fraud, "production", "1.0.0")
    until(lambda: len(watch.lines()) == 2, "the move")
    code, told = watch.ended(signal.SIGTERM)
    assert code == 0
    assert told.count("Warning") == 1
    assert "All is well again." in told
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"first"
    assert watch.lines()[1] == str((tmp_path / "place").resolve())


def test_watching_clears_what_was_retired_for_long_enough(
    run: Run, fraud: str, tmp_path: Path, watching: Callable[..., Watch]
) -> None:
    """After the grace, though nothing moves any more."""
    watch = watching("--keep", "1", "--grace", "100ms")
    until(lambda: len(watch.lines()) == 1, "the first version")
    old = (tmp_path / "place").resolve()
    run("alias", fraud, "production", "1.0.0")
    until(lambda: len(watch.lines()) == 2, "the move")
    until(lambda: not old.exists(), "the removal")
    assert watch.ended(signal.SIGTERM)[0] == 0
    assert (tmp_path / "place" / "model.bin").read_bytes() == b"first"
