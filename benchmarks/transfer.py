"""How fast files go to and from S3: modelver, which hashes and verifies, beside clients that only move bytes.

Two servers: SeaweedFS, a real store, in memory; and a null server that drops what it gets and sends zeros, which shows
the clients' own ceilings. Two loads: one large file, and 64 files of a 64th of its size. A measurement is a process of
its own that times its job without imports; rounds alternate, and each upload meets a server without data. Medians are
printed; a ratio is that of two candidates in the same round, so a busy moment hits both. An extra round through a
counting proxy tells the requests and bytes, for uploads of modelver with the 30 that make and prove a new registry,
which are not in the time. Everything lies in the page cache or in a tmpfs.

"stamped" are files that this machine has hashed before, so that they are only sent, with a check of each range on its
way; "cold" are hashed and sent; "hash, then send" is the sum of hashing and stamped, for comparison. Registering and
loading on SeaweedFS include all requests for the commit; the null server gets the blobs alone. Downloads of modelver are
verified by SHA-256, which no other client does; "SHA-256" is what one core hashes, the limit of a verified download of
one file, and "the fastest raw client, then SHA-256" the sum of both.
"""

import argparse
import contextlib
import http.client
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _null_s3 import null_s3
from _transfer_bench import BUCKET, MIB, PREFIX, STAMPED, Bench, digest_of_zeros

from tests.servers.faultproxy import NO_FAULTS, FaultProxy
from tests.servers.seaweedfs import SeaweedFS

COLD, VERIFIED = "modelver, cold", "modelver, verified"
HASH, SUM, LIMIT = "modelver: hash only", "hash, then send", "SHA-256, one core"
THEN = "the fastest raw client, then SHA-256"
PEERS = {
    "obstore 16M x 8": "obstore",
    "boto3 8M x 10": "boto3",
    "boto3 16M x 8, unsigned": "boto3",
    "s3fs": "s3fs",
    "s5cmd": "",
    "MLflow": "mlflow",
}


@dataclass
class Samples:
    """What was measured of one candidate: a row for each round."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    requests: str = ""

    def add(self, row: list[float]) -> None:
        """Take a row."""
        for column, value in zip((self.seconds, self.cpu, self.memory), row, strict=True):
            column.append(value)


Table = dict[str, Samples]


def core_seconds(size: int) -> float:
    """Return how long one core hashes so many bytes."""
    started = time.perf_counter()
    digest_of_zeros(size)
    return time.perf_counter() - started


def upload(bench: Bench, peers: list[str], rounds: int, *, real: bool) -> Table:
    """Measure uploads; the last round counts."""
    names = [STAMPED, COLD, *peers]
    table = {name: Samples() for name in [*names, HASH, SUM]}
    for number in range(rounds):
        for name in rotated(names, number):
            with bench.seaweedfs() if real else null_s3() as server:
                table[name].add(bench.run(name, address(server), [], registry=real))
        hashing = bench.run(HASH, "http://127.0.0.1:1", [], registry=False)
        table[HASH].add(hashing)
        sent = table[STAMPED]
        both = [hashing[0] + sent.seconds[-1], hashing[1] + sent.cpu[-1], max(hashing[2], sent.memory[-1])]
        table[SUM].add(both)
    for name in names if real else []:
        with bench.seaweedfs() as server:
            table[name].requests = counted(bench, name, server, [])
    return table


def download(bench: Bench, peers: list[str], rounds: int, *, real: bool) -> Table:
    """Measure downloads from a registry, or of zeros."""
    names = [VERIFIED, *peers]
    table = {name: Samples() for name in [*names, LIMIT]}
    with bench.seaweedfs() if real else null_s3() as server:
        if real:
            bench.run(STAMPED, address(server), [], registry=True)
            objects = bench.blobs(server)
        else:
            objects = zeros(bench, address(server))
        for number in range(rounds):
            for name in rotated(names, number):
                table[name].add(bench.run(name, address(server), objects, registry=real))
            seconds = core_seconds(bench.bytes)
            table[LIMIT].add([seconds, seconds, 0])
        table[THEN] = fetched_then_hashed(table[fastest(table, peers)], table[LIMIT])
        for name in names if real else []:
            table[name].requests = counted(bench, name, server, objects)
    return table


def fetched_then_hashed(fetched: Samples, hashed: Samples) -> Samples:
    """Return what it takes to have verified bytes with a client that does not verify: the sum of each round."""
    return Samples(
        seconds=[sum(pair) for pair in zip(fetched.seconds, hashed.seconds, strict=True)],
        cpu=[sum(pair) for pair in zip(fetched.cpu, hashed.cpu, strict=True)],
        memory=fetched.memory,
    )


def rotated(names: list[str], number: int) -> list[str]:
    """Return the candidates in the order of a round: each has another one before it."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def address(server: SeaweedFS | str) -> str:
    """Return where a server is."""
    return server if isinstance(server, str) else server.url


def zeros(bench: Bench, endpoint: str) -> list[tuple[str, int, str]]:
    """Have the null server serve the zeros that belong to a digest, as often as there are files."""
    _, size, digest = bench.zeros
    key = f"{PREFIX}/blobs/sha256/{digest[:2]}/{digest}"
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    with contextlib.closing(connection):
        block = bytes(MIB)
        body = (block[: size - start] for start in range(0, size, MIB))
        connection.request("PUT", f"/{BUCKET}/{key}", body=body, headers={"Content-Length": str(size)})
        connection.getresponse().read()
    return [(key, size, digest)] * bench.count


def counted(bench: Bench, name: str, server: SeaweedFS, objects: list[tuple[str, int, str]]) -> str:
    """Run a candidate through a proxy that counts, and say what it saw."""
    with FaultProxy("127.0.0.1", server.port, NO_FAULTS) as proxy:
        bench.run(name, proxy.url, objects, registry=True)
        verbs = Counter(request.method for request in proxy.log)
        moved = proxy.sent_to_server + proxy.received_from_server
    listed = " ".join(f"{count} {verb}" for verb, count in sorted(verbs.items()))
    return f"{sum(verbs.values())} ({listed}), {moved / bench.bytes:.3f} x the bytes"


def ratio(table: Table, name: str, other: str) -> float:
    """Return how much faster one is than another: the median of the rounds' ratios."""
    pairs = zip(table[other].seconds, table[name].seconds, strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def fastest(table: Table, peers: list[str]) -> str:
    """Return the peer with the least median."""
    return min(peers, key=lambda name: statistics.median(table[name].seconds))


def show(title: str, bench: Bench, table: Table, peers: list[str]) -> None:
    """Print a table."""
    load = f"; load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"\n{title}, {bench.count} x {bench.size // MIB} MiB{load}")
    print(f"   MB/s    best   CPU s  peak MiB  x {fastest(table, peers)}")
    for name, found in table.items():
        speed = bench.bytes / statistics.median(found.seconds) / 1e6
        best = bench.bytes / min(found.seconds) / 1e6
        memory = statistics.median(found.memory)
        print(
            f"{speed:7.0f} {best:7.0f} {statistics.median(found.cpu):7.2f} {memory:9.0f}"
            f" {ratio(table, name, fastest(table, peers)):6.2f}  {name}"
            f"{f'; {found.requests}' if found.requests else ''}"
        )


def judge(goal: str, found: float, wanted: float) -> None:
    """Print whether a goal is met."""
    print(f"{'yes' if found >= wanted else 'NO '} {goal}: {found:.2f}, wanted {wanted:.2f}")


def judge_upload(where: str, bench: Bench, table: Table, peers: list[str]) -> None:
    """Print whether uploads are as fast as they should be."""
    best = fastest(table, peers)
    judge(f"{where}: stamped to {best}", ratio(table, STAMPED, best), 0.9)
    others = [ratio(table, STAMPED, name) for name in peers if name != best]
    if others:
        judge(f"{where}: stamped to the best of the others", min(others), 1.0)
    what = "cold to hashing, then sending" + (", overlapped" if bench.count > 1 else "")
    judge(f"{where}: {what}", ratio(table, COLD, SUM), 1.05 if bench.count > 1 else 1.0)


def measure(home: Path, count: int, size: int, peers: list[str], options: argparse.Namespace) -> None:
    """Measure one load in all ways."""
    bench = Bench(home, count, size)
    for real in (True, False):
        if options.server not in {"both", "seaweedfs" if real else "null"}:
            continue
        # The null server is no place for who wants to list.
        there = peers if real else [name for name in peers if name != "MLflow"]
        where = "SeaweedFS" if real else "null server"
        if options.way != "down":
            table = upload(bench, there, options.rounds, real=real)
            show(f"{where}, up", bench, table, there)
            judge_upload(where, bench, table, there)
        if options.way != "up":
            table = download(bench, there, options.rounds, real=real)
            show(f"{where}, down", bench, table, there)
            best = fastest(table, there)
            judge(f"{where}: verified to {best}", ratio(table, VERIFIED, best), 0.9)
            judge(f"{where}: verified to {THEN}", ratio(table, VERIFIED, THEN), 1.0)
            if table[LIMIT].seconds > table[best].seconds:
                print("    (no one core can verify one file as fast as that)")


def available(only: list[str] | None) -> list[str]:
    """Return the peers that are to be had; say which are not."""
    found = []
    for name, module in PEERS.items():
        if only and name not in only:
            continue
        if find_spec(module) if module else shutil.which(name):
            found.append(name)
        else:
            print(f"not to be had here: {name}")
    return found


def main() -> None:
    """Parse the arguments, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108 (not ours to choose)
    parser.add_argument("--dir", default=memory, help=f"where files and the server's data are ({memory})")
    parser.add_argument("--size", type=int, default=1024, help="MiB together (1024)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each candidate runs (3)")
    parser.add_argument("--files", type=int, action="append", help="how many files (1, then 64)")
    parser.add_argument("--server", choices=("both", "seaweedfs", "null"), default="both")
    parser.add_argument("--way", choices=("both", "up", "down"), default="both")
    parser.add_argument("--only", action="append", help="peers to run")
    options = parser.parse_args()
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    peers = available(options.only)
    for count in options.files or [1, 64]:
        with tempfile.TemporaryDirectory(dir=options.dir, prefix="modelver-bench-") as home:
            measure(Path(home), count, options.size * MIB // count, peers, options)


if __name__ == "__main__":
    main()
