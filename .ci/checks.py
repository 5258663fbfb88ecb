"""Run every check that CI runs: name each, time it, go on after a failure, and fail at the end if one did."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

CORES = os.cpu_count() or 1
WORKERS = min(8, CORES + 1)
"""One more than there are cores, since tests also wait: for servers, and for processes that they kill."""

# Each worker gets a stretch of files, whose fixtures and imports it needs once, and takes from others' when it is done.
PYTEST = f"pytest --numprocesses {WORKERS} --dist worksteal"

# The longest first. The tests are compiled here, once, rather than by each worker of the tests below.
STATIC = {
    "types, by mypy": "mypy",
    "tests, compiled": "pytest --collect-only -qqq",
    "documentation": "sphinx-build --quiet --fail-on-warning --keep-going docs site",
    "types, by pyright": "pyright",
    "import contracts": "lint-imports",
    "lint": "ruff check",
    "format": "ruff format --check",
    "news fragments": "towncrier build --draft --version next",
}
TESTS = {"tests, and the documentation's code": f"{PYTEST} --cov"}
PROPERTIES = " ".join(
    f"tests/{room}"
    for room in "values history expressions gates formats compare index publish project machines".split()
)
FULL = {
    "properties, with ten times as many examples": (
        f"{PYTEST} --timeout 3600 --hypothesis-profile thorough {PROPERTIES}"
    ),
    "tests of thousands of runs and of large files": f"{PYTEST} --timeout 3600 -m full",
}

Result = tuple[str, bool, float]
"""A check's name, whether it passed, and how many seconds it took."""


def run(name: str, command: str, *, aside: bool = False) -> Result:
    """Run one check; one that runs aside, with others, shows what it says when it is done."""
    program, *arguments = command.split()
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    # Hundreds of processes are started, and each would compile the whole package anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    title = f"\n=== {name}: {command}\n"
    if not aside:
        print(title, end="", flush=True)
    start = time.perf_counter()
    done = subprocess.run(
        [BIN / program, *arguments],
        cwd=ROOT,
        env=environment,
        check=False,
        text=True,
        stdout=subprocess.PIPE if aside else None,
        stderr=subprocess.STDOUT if aside else None,
    )
    seconds = time.perf_counter() - start
    if aside:
        print(f"{title}{done.stdout}", end="", flush=True)
    return name, done.returncode == 0, seconds


def results(*, full: bool) -> Iterator[Result]:
    """Run the checks: those that only look at the sources side by side, the tests by themselves."""
    with ThreadPoolExecutor(CORES) as pool:
        yield from pool.map(lambda check: run(*check, aside=True), STATIC.items())
    for name, command in (TESTS | (FULL if full else {})).items():
        yield run(name, command)


def main() -> int:
    """Run the checks and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the tests marked `full` too")
    found = list(results(full=parser.parse_args().full))
    print()
    for name, passed, seconds in found:
        print(f"{'passed' if passed else 'FAILED':8}{seconds:7.1f} s  {name}")
    return 0 if all(passed for _, passed, _ in found) else 1


if __name__ == "__main__":
    sys.exit(main())
