"""Run every check that CI runs: name each, time it, go on after a failure, and fail at the end if one did."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

WORKERS = min(8, (os.cpu_count() or 1) + 1)
"""One more than there are cores, since tests also wait: for servers, and for processes that they kill."""

CHECKS = {
    "lint": "ruff check",
    "format": "ruff format --check",
    "types, by mypy": "mypy",
    "types, by pyright": "pyright",
    "import contracts": "lint-imports",
    "news fragments": "towncrier build --draft --version next",
    "documentation": "sphinx-build --quiet --fail-on-warning --keep-going docs site",
    "tests, and the documentation's code": f"pytest --numprocesses {WORKERS} --cov",
}
PROPERTIES = " ".join(
    f"tests/{room}"
    for room in "values history expressions gates formats compare index publish project machines".split()
)
FULL = {
    "properties, with ten times as many examples": (
        f"pytest --numprocesses {WORKERS} --timeout 3600 --hypothesis-profile thorough {PROPERTIES}"
    ),
    "tests of thousands of runs and of large files": f"pytest --numprocesses {WORKERS} --timeout 3600 -m full",
}


def run(name: str, command: str) -> tuple[bool, float]:
    """Run one check and return whether it passed and how many seconds it took."""
    print(f"\n=== {name}: {command}", flush=True)
    program, *arguments = command.split()
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    start = time.perf_counter()
    done = subprocess.run([BIN / program, *arguments], cwd=ROOT, env=environment, check=False)
    return done.returncode == 0, time.perf_counter() - start


def main() -> int:
    """Run the checks and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the tests marked `full` too")
    checks = CHECKS | FULL if parser.parse_args().full else CHECKS
    results = {name: run(name, command) for name, command in checks.items()}
    print()
    for name, (passed, seconds) in results.items():
        print(f"{'passed' if passed else 'FAILED':8}{seconds:7.1f} s  {name}")
    return 0 if all(passed for passed, _ in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
