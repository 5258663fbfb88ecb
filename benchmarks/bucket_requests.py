"""How many requests and bytes each operation costs on a bucket, and how that grows with the length of the log.

A registry is made in memory with so many commits in one model's log, and copied to a bucket of SeaweedFS; a proxy in
front of it counts. "cold" is a machine that knows nothing of the registry, "warm" one that has just asked. Seconds are
those of the loopback: over a network each request that waits for another one adds a round trip. Nothing is retried, as
nothing fails. Peers have a server that answers (MLflow, Hugging Face, W&B), or no log but git's (DVC, gto), so that
their requests are not of this kind.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import modelver as mv
from tests.servers.faultproxy import NO_FAULTS, FaultProxy
from tests.servers.seaweedfs import SeaweedFS

MODEL = "acme/fraud"
ALIAS = f"{MODEL}@production"


@dataclass(frozen=True)
class Cost:
    """What one operation took."""

    requests: int
    verbs: str
    bytes: int
    seconds: float


class Bench:
    """A server, a proxy in front of it, and registries in its buckets.

    Args:
        server: Where the buckets are.
        proxy: What counts.
        home: For caches and sources.
    """

    def __init__(self, server: SeaweedFS, proxy: FaultProxy, home: Path) -> None:
        self.server = server
        self.proxy = proxy
        self.home = home

    def cost(self, operation: Callable[[], object]) -> Cost:
        """Do something, and return what it took."""
        self.proxy.clear()
        started = time.perf_counter()
        operation()
        seconds = time.perf_counter() - started
        verbs = Counter(request.method for request in self.proxy.log)
        listed = " ".join(f"{count} {verb}" for verb, count in sorted(verbs.items()))
        return Cost(
            sum(verbs.values()), listed, self.proxy.sent_to_server + self.proxy.received_from_server, seconds
        )

    def place(self) -> tuple[str, dict[str, object]]:
        """Make an empty bucket, behind the proxy."""
        url, options = self.server.fresh()
        return url, {**options, "endpoint_url": self.proxy.url}

    def opened(self, url: str, options: dict[str, object], *, create: bool = False) -> mv.Registry:
        """Open a registry as a machine does that never saw it."""
        cache = self.home / f"cache-{uuid4().hex}"
        return mv.Registry(url, storage_options=options, cache_dir=cache, actor="bench", create=create)

    def copy(self, registry: mv.Registry, url: str) -> int:
        """Put a registry's objects below a URL; return the length of the model's log."""
        store: Any = registry._session.store  # noqa: SLF001 (faster than a mirror, commit by commit)
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        keys = [entry.key for entry in store.list("")]
        with self.server.client() as client, ThreadPoolExecutor(8) as pool:

            def put(key: str) -> None:
                client.put_object(Bucket=bucket, Key=f"{prefix}/{key}", Body=store.get(key, limit=2**30))

            list(pool.map(put, keys))
        return sum("/log/" in key and key.startswith("models/") for key in keys)

    def folder(self, count: int, seed: int) -> Path:
        """Make a folder of small files."""
        folder = self.home / f"build-{uuid4().hex}"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.bin").write_bytes(f"{seed} {number}".encode() * 1000)
        return folder


def first_costs(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """Yield what it takes to make a registry, and to register the first version."""
    url, options = bench.place()
    registry = bench.opened(url, options)
    yield "make, with the probe of the store", bench.cost(lambda: bench.opened(url, options, create=True))
    source = bench.folder(1, 0)
    yield (
        "register the first version, 1 file",
        bench.cost(lambda: registry.register(MODEL, source, capture=False)),
    )


def costs(bench: Bench, url: str, options: dict[str, object]) -> Iterator[tuple[str, Cost]]:
    """Yield what each operation takes on a registry that is there."""
    warm = bench.opened(url, options)
    yield "resolve, cold", bench.cost(lambda: warm.resolve(ALIAS))
    yield "resolve, warm", bench.cost(lambda: warm.resolve(ALIAS))
    yield "versions, warm", bench.cost(lambda: warm.versions(MODEL))
    yield "load 1 file, cold", bench.cost(lambda: bench.opened(url, options).load(ALIAS))
    warm.load(ALIAS)
    yield "load, warm", bench.cost(lambda: warm.load(ALIAS))
    yield (
        "compare two versions, nothing read before",
        bench.cost(lambda: warm.compare(f"{MODEL}:1.0.0", f"{MODEL}:1.1.0")),
    )
    yield "verify a version of 1 file", bench.cost(lambda: warm.verify(f"{MODEL}:1.0.0"))
    yield "set_alias", bench.cost(lambda: warm.set_alias(MODEL, "staging", "1.1.0"))
    warm.set_alias(MODEL, "staging", "1.0.0")
    yield "rollback", bench.cost(lambda: warm.rollback(MODEL, "staging"))
    one, ten = bench.folder(1, 1), bench.folder(10, 2)
    warm.register(MODEL, bench.folder(1, 3), capture=False)  # once for the probe and the clock
    yield "register 1 new file", bench.cost(lambda: warm.register(MODEL, one, capture=False))
    yield "register 10 new files", bench.cost(lambda: warm.register(MODEL, ten, capture=False))
    (ten / "9.bin").write_bytes(b"changed")
    yield "register 10 files, 1 new", bench.cost(lambda: warm.register(MODEL, ten, capture=False))
    yield "register the same again", bench.cost(lambda: warm.register(MODEL, ten, capture=False))


def grown(registry: mv.Registry, commits: int) -> None:
    """Add commits to a model's log until it has so many."""
    for version in ("1.0.0", "1.1.0"):
        registry.register(MODEL, {"model.bin": version.encode()}, version=version, capture=False)
    registry.set_alias(MODEL, "production", "1.1.0")
    length = len(registry.history(MODEL))
    for number in range(length, commits):
        registry.set_alias(MODEL, "production", f"1.{number % 2}.0")


def show(title: str, rows: Iterator[tuple[str, Cost]]) -> dict[str, Cost]:
    """Print a table as it comes."""
    print(f"\n{title}\nrequests      bytes  seconds")
    found = {}
    for name, cost in rows:
        print(f"{cost.requests:8} {cost.bytes:10,} {cost.seconds:8.3f}  {name}: {cost.verbs}", flush=True)
        found[name] = cost
    return found


def main() -> None:
    """Parse the arguments, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108 (not ours to choose)
    parser.add_argument("--dir", default=memory, help=f"where the server's data are ({memory})")
    parser.add_argument("--commits", type=int, action="append", help="lengths of logs (10, 1000, 10000)")
    options = parser.parse_args()
    os.environ["MODELVER_ACTOR"] = "bench"
    with (
        tempfile.TemporaryDirectory(dir=options.dir, prefix="modelver-bench-") as home,
        SeaweedFS(Path(home) / "server") as server,
        contextlib.closing(FaultProxy("127.0.0.1", server.port, NO_FAULTS)) as proxy,
    ):
        bench = Bench(server, proxy, Path(home))
        show("a new registry", first_costs(bench))
        source = mv.Registry(f"memory://{uuid4().hex}", cache_dir=Path(home) / "cache")
        judged = []
        for commits in options.commits or [10, 1000, 10_000]:
            grown(source, commits)
            url, told = bench.place()
            length = bench.copy(source, url)
            checkpoints = [int(Path(key).stem) for key in server_keys(server, url) if "/checkpoints/" in key]
            tail = length - max(checkpoints, default=0)
            found = show(
                f"a log of {length} commits, {tail} of them after its newest checkpoint",
                costs(bench, url, told),
            )
            judged += [
                ("resolve, warm: 1 request", found["resolve, warm"].requests <= 1, length),
                ("resolve, cold: 5 and the tail", found["resolve, cold"].requests <= 5 + tail, length),
            ]
    print()
    for goal, met, length in judged:
        print(f"{'yes' if met else 'NO '} {goal}, {length} commits")


def server_keys(server: SeaweedFS, url: str) -> list[str]:
    """Return the keys below a URL."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    with server.client() as client:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/models/")
        return [each["Key"] for page in pages for each in page.get("Contents", ())]


if __name__ == "__main__":
    main()
