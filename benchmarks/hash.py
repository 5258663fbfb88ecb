"""How near hashing comes to what one core's SHA-256 can do, for one large file and for eight files, beside its peers.

Each round runs every candidate once, in a process of its own that times itself without its start, and right after the
limit: OpenSSL's SHA-256 over one resident buffer, in one thread, reading nothing. A candidate's ratio is that to the
limit of its own round, so a busy moment hits both; medians and bests are printed. Every digest is compared with the
expected one. Ours computes XXH3-128 fingerprints of all ranges besides; MD5 is what DVC and W&B use. Files sit in the
page cache.
Goals: 0.95 of the limit for one file with a core to spare; 1.6 for eight files on two cores, level with model-signing;
8 GB/s for the check of fingerprints on two cores.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / ".cache" / "bench-peers"
PEER_PACKAGES = ("model-signing==1.1.1", "pyopenssl")  # it imports OpenSSL without asking for it
MIB = 2**20
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

OURS = "modelver: SHA-256 and XXH3-128"
CHECK_NAME = "modelver: check of fingerprints alone"
SIGNING_NAME = "model-signing: SHA-256"

CHILD = """
import json, os, re, resource, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
paths = sorted(folder.iterdir())
size = sum(path.stat().st_size for path in paths)
def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
{setup}
cpu_before, start = cpu(), time.perf_counter()
digests = {work}
seconds, cpu_seconds = time.perf_counter() - start, cpu() - cpu_before
status = Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s+(\\d+)", status.read_text()) if status.exists() else None
memory = int(peak.group(1)) / 1024 if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([seconds, cpu_seconds, memory, digests]))
"""

IN_THREADS = """
import hashlib
from concurrent.futures import ThreadPoolExecutor
def digest(path, name):
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()
def in_threads(name):
    with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        return list(pool.map(digest, paths, [name] * len(paths)))
"""

RESIDENT = """
import hashlib
buffer = bytes(2**20)
def resident():
    sha256 = hashlib.sha256()
    for _ in range(size // len(buffer)):
        sha256.update(buffer)
    return []
"""

CHECK = """
from modelver.hashing.fingerprint import changed_files
from modelver.hashing.tree import hash_tree
files = {folder / name: digest.ranges for name, digest in hash_tree(folder).items()}
def check():
    assert not changed_files(files)
    return []
"""

SIGNING = """
import model_signing.hashing
def signing():
    return [each.digest.digest_hex for each in model_signing.hashing.hash(folder).resource_descriptors()]
"""


@dataclass(frozen=True)
class Candidate:
    """Something that hashes the files of a folder: Python code that times itself, or a command."""

    name: str
    setup: str = ""
    work: str = ""
    command: tuple[str, ...] = ()
    python: str = sys.executable
    algorithm: str = "sha256"

    def run(self, folder: Path) -> tuple[float, float, float, list[str]]:
        """Return seconds, CPU seconds, peak memory in MiB (0 where unknown), and the digests."""
        if self.command:
            return self._run_command(folder)
        code = CHILD.format(setup=self.setup, work=self.work)
        done = subprocess.run(
            [self.python, "-c", code, str(folder)], capture_output=True, text=True, check=True
        )
        seconds, cpu, memory, digests = json.loads(done.stdout)
        return seconds, cpu, memory, digests

    def _run_command(self, folder: Path) -> tuple[float, float, float, list[str]]:
        paths = b"\0".join(os.fsencode(path) for path in sorted(folder.iterdir()))
        before, start = os.times(), time.perf_counter()
        command = ["xargs", "-0", "-n", "1", "-P", str(CORES), *self.command]
        done = subprocess.run(command, input=paths, capture_output=True, check=True)
        seconds, after = time.perf_counter() - start, os.times()
        cpu = sum(after[2:4]) - sum(before[2:4])
        words = done.stdout.decode().split()
        return seconds, cpu, 0, [word for word in words if len(word) == 64]


LIMIT = Candidate("limit: SHA-256 of a resident buffer, one core", RESIDENT, "resident()")


def candidates() -> Iterator[Candidate]:
    """Yield ours and the peers that are to be had; say which are not."""
    setup = "from modelver.hashing.tree import hash_tree"
    yield Candidate(OURS, setup, "[each.sha256 for each in hash_tree(folder).values()]")
    if python := model_signing_python():
        yield Candidate(SIGNING_NAME, SIGNING, "signing()", python=python)
    yield Candidate("hashlib.file_digest: SHA-256", IN_THREADS, "in_threads('sha256')")
    yield Candidate("hashlib.file_digest: MD5", IN_THREADS, "in_threads('md5')", algorithm="md5")
    for name, command in (("openssl", ("openssl", "dgst", "-sha256", "-r")), ("sha256sum", ("sha256sum",))):
        if shutil.which(name):
            yield Candidate(" ".join(command), command=command)
        else:
            print(f"not to be had here: {name}")
    yield Candidate(CHECK_NAME, CHECK, "check()", algorithm="")


def model_signing_python() -> str | None:
    """Return a Python that has model-signing: this one, or one in an environment that is made for it."""
    if importlib.util.find_spec("model_signing") and importlib.util.find_spec("OpenSSL"):
        return sys.executable
    python = PEERS / "bin" / "python"
    has_it = [str(python), "-c", "import model_signing.hashing"]
    if python.exists() and subprocess.run(has_it, capture_output=True, check=False).returncode == 0:
        return str(python)
    print(f"installing {' and '.join(PEER_PACKAGES)} into {PEERS}", flush=True)
    venv.create(PEERS, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode == 0 and subprocess.run(has_it, capture_output=True, check=False).returncode == 0:
        return str(python)
    print(
        f"not to be had here: model-signing ({(done.stderr.strip() or 'no reason given').splitlines()[-1]})"
    )
    return None


@contextmanager
def folder_of_files(parent: str, count: int, size: int) -> Iterator[Path]:
    """Make a folder with so many files of random bytes, in the page cache, and remove it in the end."""
    with tempfile.TemporaryDirectory(dir=parent, prefix="modelver-bench-") as name:
        for number in range(count):
            with Path(name, f"{number}.bin").open("wb") as file:
                block = os.urandom(16 * MIB)
                file.writelines(block[: size - start] for start in range(0, size, len(block)))
        yield Path(name)


def expected_digests(folder: Path, algorithm: str) -> list[str]:
    """Return the digests that every candidate must find."""
    digests = []
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, algorithm).hexdigest())
    return sorted(digests)


def compare(
    title: str, folder: Path, runners: list[Candidate], rounds: int
) -> dict[str, tuple[float, float]]:
    """Measure, print a table, and return each candidate's ratio to the limit and its GB/s."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    expected = {name: expected_digests(folder, name) for name in ("sha256", "md5")}
    samples: dict[str, list[tuple[float, ...]]] = {each.name: [] for each in (LIMIT, *runners)}
    for _ in range(rounds):
        for runner in runners:
            limit_seconds, *limit_costs, _ = LIMIT.run(folder)
            seconds, *costs, digests = runner.run(folder)
            if runner.algorithm and sorted(digests) != expected[runner.algorithm]:
                raise SystemExit(f"{runner.name} found other digests")
            samples[LIMIT.name].append((1.0, size / limit_seconds / 1e9, *limit_costs))
            samples[runner.name].append((limit_seconds / seconds, size / seconds / 1e9, *costs))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    print(f"\n{title}, medians of {rounds} rounds on {CORES} cores; load average {load:.1f}")
    print("  GB/s   best   of the limit   best   CPU s   peak MiB")
    figures = {}
    for name, rows in samples.items():
        ratio, speed, cpu, memory = (statistics.median(column) for column in zip(*rows, strict=True))
        best = max(row[1] for row in rows)
        best_ratio = best / max(row[1] for row in samples[LIMIT.name])
        print(
            f"{speed:6.2f} {best:6.2f} {ratio:14.2f} {best_ratio:6.2f} {cpu:7.2f}"
            f" {f'{memory:.0f}' if memory else '-':>10}   {name}"
        )
        figures[name] = (ratio, speed)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108 (not ours to choose)
    parser.add_argument("--dir", default=memory, help=f"where the files are made ({memory})")
    parser.add_argument(
        "--size", type=int, default=2048, help="MiB in one file, and in eight together (2048)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each candidate runs (5)")
    options = parser.parse_args()

    runners = list(candidates())
    size = options.size * MIB
    with folder_of_files(options.dir, 1, size) as folder:
        one = compare(f"one file of {options.size} MiB", folder, runners, options.rounds)
    with folder_of_files(options.dir, 8, size // 8) as folder:
        eight = compare(f"eight files of {options.size // 8} MiB", folder, runners, options.rounds)

    goals = [
        ("one file: 0.95 of the limit", one[OURS][0], 0.95),
        ("eight files: 1.6 times the limit", eight[OURS][0], 1.6),
        ("check of fingerprints: 8 GB/s", min(one[CHECK_NAME][1], eight[CHECK_NAME][1]), 8.0),
    ]
    if SIGNING_NAME in eight:
        goals.append(("eight files: level with model-signing", eight[OURS][0] / eight[SIGNING_NAME][0], 0.97))
    print()
    for goal, found, wanted in goals:
        print(f"{'met   ' if found >= wanted else 'MISSED'} {goal} ({found:.2f})")
    if CORES < 2:
        print("the goals are for two cores")


if __name__ == "__main__":
    main()
