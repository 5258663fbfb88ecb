"""How long it takes from a promotion to the swap with 1, 10 and 100 followers, and what asking costs.

The registry is in SeaweedFS on the same machine; each follower has a registry object and a cache of its own, as if it were
on another machine, and each promotion is of a version that none of them has: it is downloaded, verified and loaded. Time
counts from the moment at which the promotion was acknowledged. Requests are counted by a proxy in front of the store.

What can be had at best: half an interval in the median and a whole one (and a tenth, which is the jitter) in the worst case,
for a model that costs nothing. A peer that polls has the same limit; MLflow's client asks its server, which asks a
database. Its time for one poll is measured too, where MLflow is installed (`make bench`), not its time to the swap, as it
has nothing that swaps.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

import modelver as mv
from tests.servers.faultproxy import NO_FAULTS, FaultProxy
from tests.servers.seaweedfs import SeaweedFS

MODEL = "acme/fraud"
ALIAS = f"{MODEL}@production"
PROCESS = Path(__file__).with_name("_followers_process.py")
HOUR = 3600.0
PATIENCE = 300.0
"""Seconds that MLflow's server may take to make its database."""


class Place:
    """A registry in a bucket, with as many versions as there are promotions."""

    def __init__(self, server: SeaweedFS, home: Path, versions: int, size: int) -> None:
        self.url, self.options = server.fresh()
        self.home = home
        self.registry = mv.Registry(
            self.url, storage_options=self.options, cache_dir=home / f"writer-{uuid4().hex}", create=True
        )
        for number in range(versions + 1):
            self.registry.register(
                MODEL, {"model.bin": os.urandom(size)}, version=f"1.{number}.0", changelog="x", capture=False
            )
        self.promote("1.0.0")

    def promote(self, version: str) -> float:
        """Let production name a version; return when that was acknowledged."""
        self.registry.promote(f"{MODEL}:{version}", to="production")
        return time.monotonic()


@contextlib.contextmanager
def followers(
    place: Place, count: int, processes: int, interval: float
) -> Iterator[list[tuple[str, str, float]]]:
    """Run followers in processes; what they saw is there when it has ended."""
    names = [f"{uuid4().hex[:8]}-{number}" for number in range(count)]
    seen: list[tuple[str, str, float]] = []
    with contextlib.ExitStack() as stack:
        running = []
        for first in range(min(processes, count)):
            told = {
                "url": place.url,
                "options": place.options,
                "cache": str(place.home / "followers"),
                "ref": ALIAS,
                "interval": interval,
                "names": names[first::processes],
            }
            process = subprocess.Popen(
                [sys.executable, str(PROCESS), json.dumps(told)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            running.append(stack.enter_context(process))
        for process in running:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise SystemExit("a process of followers has ended")
        yield seen
        for process in running:
            out, _ = process.communicate("")
            seen.extend(tuple(each) for each in json.loads(out))


def delays(place: Place, count: int, interval: float, options: argparse.Namespace) -> list[float]:
    """Return the seconds from each promotion to the swap of each follower."""
    promoted: dict[str, float] = {}
    with followers(place, count, options.processes, interval) as seen:
        for number in range(1, options.swaps + 1):
            promoted[f"1.{number}.0"] = place.promote(f"1.{number}.0")
            # All of them see each version, and promotions come at no fixed place of an interval.
            time.sleep(interval * (1.6 + 0.37 * number % 1) + options.settle * count / 100)
    place.promote("1.0.0")
    found = [at - promoted[version] for _, version, at in seen if version in promoted]
    missed = count * len(promoted) - len(found)
    if missed:
        print(f"  {missed} of {count * len(promoted)} swaps did not come before the next promotion")
    failed = Counter(version for _, version, _ in seen if version.startswith("failed"))
    for what, times in failed.most_common(3):
        print(f"  {times} x {what}")
    return found


def requests_of(proxy: FaultProxy, act: Callable[[], object]) -> tuple[int, str]:
    """Return how many requests something took, and which."""
    proxy.clear()
    act()
    verbs = Counter(request.method for request in proxy.log)
    return sum(verbs.values()), " ".join(f"{times} {verb}" for verb, times in sorted(verbs.items()))


def costs(server: SeaweedFS, proxy: FaultProxy, home: Path, size: int) -> int:
    """Print what a follower asks of the store; return the requests of one look."""
    place = Place(server, home, 2, size)
    registry = mv.Registry(
        place.url,
        storage_options={**place.options, "endpoint_url": proxy.url},
        cache_dir=home / f"counted-{uuid4().hex}",
    )
    started: list[mv.Follower[bytes]] = []

    def start() -> None:
        started.append(
            registry.follow(ALIAS, load=lambda m: (m / "model.bin").read_bytes(), interval=10 * HOUR)
        )

    print("\nrequests of one follower, at the store")
    print("{:6}  start, on a machine that has nothing: {}".format(*requests_of(proxy, start)))
    (follower,) = started
    look = requests_of(proxy, follower.check_now)
    print("{:6}  a look, where nothing moved: {}".format(*look))
    place.promote("1.1.0")
    print("{:6}  a look and a swap, 1 file: {}".format(*requests_of(proxy, follower.check_now)))
    place.promote("1.0.0")
    print(
        "{:6}  a look and a swap back to what is in the cache: {}".format(
            *requests_of(proxy, follower.check_now)
        )
    )
    start_of = time.perf_counter()
    for _ in range(100):
        follower.check_now()
    print(f"{(time.perf_counter() - start_of) * 10:6.1f}  milliseconds a look, through the proxy")
    follower.close()
    return look[0]


def mlflow_poll(home: Path) -> float | None:
    """Return the milliseconds of MLflow's client for one poll, against its own server; None where it is not there."""
    program = shutil.which("mlflow")
    if program is None:
        return None
    script = (
        "import sys, time, mlflow\n"
        "client = mlflow.MlflowClient(sys.argv[1])\n"
        "client.create_registered_model('fraud')\n"
        "client.create_model_version('fraud', source='s3://bucket/fraud')\n"
        "client.set_registered_model_alias('fraud', 'production', '1')\n"
        "client.get_model_version_by_alias('fraud', 'production')\n"
        "start = time.perf_counter()\n"
        "for _ in range(100):\n"
        "    client.get_model_version_by_alias('fraud', 'production')\n"
        "print((time.perf_counter() - start) * 10)\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    command = [
        program,
        "server",
        "--port",
        url.rpartition(":")[2],
        "--backend-store-uri",
        "sqlite:///mlflow.db",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home) as server:
        try:
            deadline = time.monotonic() + PATIENCE
            while not is_up(f"{url}/health") and time.monotonic() < deadline:
                time.sleep(0.5)
            python = str(Path(program).with_name("python"))
            done = subprocess.run([python, "-c", script, url], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"MLflow: {done.stderr.strip()[-300:]}")
                return None
            return float(done.stdout.split()[-1])
        finally:
            for process in [*psutil.Process(server.pid).children(recursive=True), server]:
                process.terminate()


def is_up(url: str) -> bool:
    """Whether a server answers."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 (our own server)
            return True
    except OSError:
        return False


def table(rows: Sequence[tuple[int, float, list[float]]]) -> None:
    """Print the delays."""
    print("\nfrom promotion to swap, seconds")
    print("followers  interval  swaps  median   p90    worst")
    for count, interval, found in rows:
        middle, late = (
            statistics.median(found),
            np.quantile(found, 0.9),
        )
        print(f"{count:9}  {interval:8g}  {len(found):5}  {middle:6.2f}  {late:5.2f}  {max(found):6.2f}")


def main() -> None:
    """Parse the arguments, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--followers", type=int, action="append", help="how many (1, 10, 100)")
    parser.add_argument("--interval", type=float, action="append", help="seconds (1, 5)")
    parser.add_argument("--processes", type=int, default=4, help="among which they are divided (4)")
    parser.add_argument("--swaps", type=int, default=8, help="promotions (8)")
    parser.add_argument("--size", type=int, default=2**20, help="bytes of the model (1 MiB)")
    parser.add_argument("--settle", type=float, default=10.0, help="seconds for 100 followers to swap (10)")
    options = parser.parse_args()
    os.environ["MODELVER_ACTOR"] = "bench"
    rows = []
    with (
        tempfile.TemporaryDirectory(prefix="modelver-bench-") as home,
        SeaweedFS(Path(home) / "server") as server,
        contextlib.closing(FaultProxy("127.0.0.1", server.port, NO_FAULTS)) as proxy,
    ):
        a_look = costs(server, proxy, Path(home), options.size)
        for interval in (1.0, 5.0, 30.0, 60.0):
            print(f"{HOUR / interval * a_look:6.0f}  an hour, at an interval of {interval:g} s")
        poll = mlflow_poll(Path(home))
        print(
            f"{poll:6.1f}  milliseconds a poll of MLflow's client, to its server"
            if poll
            else "no MLflow here"
        )
        place = Place(server, Path(home), options.swaps, options.size)
        for count in options.followers or [1, 10, 100]:
            for interval in options.interval or [1.0, 5.0]:
                found = delays(place, count, interval, options)
                rows.append((count, interval, found))
                print(f"{count} followers, {interval:g} s: {statistics.median(found):.2f} s", flush=True)
    table(rows)


if __name__ == "__main__":
    main()
