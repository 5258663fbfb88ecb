"""What swaps cost the requests: the same load on the same server, in turns with and without production moving.

FastAPI and uvicorn serve silero-vad in one process; another one asks at a constant rate, whether it is answered or not, so
that a stall counts for every request that was due in it. The registry is in SeaweedFS on the same machine, which is part
of the load, as is the client. Windows with and without swaps alternate, in both orders; "quiet : quiet" is the same ratio
between windows without swaps, and so what the machine's own noise is.

With --ballast, each swap is to a version that the server never had and that brings so many more bytes, so that a download and
its verification, on the same two cores, are part of the swap; without it, all versions are in the cache after the first time.

Peers that reload a model in place have a gap, in which nothing is answered, in place of a ratio; a service without reloads
is the physical limit, and is what "quiet" is.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

from tests.e2e.speech import RELEASES, Load, Production, SpeechServer, load, noted, release
from tests.servers.seaweedfs import SeaweedFS

WARM_UP = 5.0
SHARES = (0.5, 0.9, 0.99, 0.999)


class Windows:
    """Stretches of time, and the latencies of the requests that were due in them."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, float, float]] = []

    def run(self, kind: str, until: float, moves: Sequence[str], production: Production) -> None:
        """Let a window pass; production moves in it at even distances."""
        start = time.monotonic()
        for number, version in enumerate(moves):
            time.sleep(max(0.0, start + (number + 0.5) * until / len(moves) - time.monotonic()))
            production.promote(version)
        time.sleep(max(0.0, start + until - time.monotonic()))
        self.spans.append((kind, start, start + until))

    def latencies(self, asked: Load) -> list[tuple[str, np.ndarray]]:
        """Return milliseconds, per window."""
        due = np.array([answer[0] for answer in asked.answers])
        taken = np.array([answer[1] for answer in asked.answers]) * 1000
        return [(kind, taken[(due >= start) & (due < end)]) for kind, start, end in self.spans]


def heavy(production: Production, mebibytes: int, count: int) -> Iterator[str]:
    """Register versions of so many MiB, and return their numbers."""
    for number in range(count):
        kind = RELEASES[number % len(RELEASES)]
        version = f"8.{number}.0"
        production.register(version, noted(release(kind), version), ballast=os.urandom(mebibytes * 2**20))
        production.expected[version] = production.expected[kind]
    return iter([f"8.{number}.0" for number in range(count)])


def show(measured: list[tuple[str, np.ndarray]]) -> None:
    """Print percentiles, and the ratios of neighbours."""
    print(f"\n{'window':>8} {'requests':>9}" + "".join(f"{f'p{share * 100:g}':>9}" for share in SHARES))
    for kind, taken in measured:
        print(f"{kind:>8} {len(taken):9}" + "".join(f"{np.quantile(taken, share):9.2f}" for share in SHARES))
    print("\nmedians of the windows, milliseconds")
    for kind in ("quiet", "swaps"):
        middles = [
            statistics.median(np.quantile(t, share) for k, t in measured if k == kind) for share in SHARES
        ]
        print(f"{kind:>8} {'':9}" + "".join(f"{middle:9.2f}" for middle in middles))
    tails = [(kind, float(np.quantile(taken, 0.99))) for kind, taken in measured]
    ratios = [
        (after / before) if kinds == "quiet swaps" else (before / after)
        for (first, before), (second, after) in pairwise(tails)
        if (kinds := f"{first} {second}") in {"quiet swaps", "swaps quiet"}
    ]
    same = [
        after / before for (first, before), (second, after) in pairwise(tails) if first == second == "quiet"
    ]
    print(f"\np99, swaps : quiet   {spread(ratios)}")
    print(f"p99, quiet : quiet   {spread(same)}")


def spread(ratios: list[float]) -> str:
    """Say the median, and the range."""
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, {len(ratios)} pairs)"


def main() -> None:
    """Parse the arguments, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (100)")
    parser.add_argument("--window", type=float, default=20.0, help="seconds of each window (20)")
    parser.add_argument("--swaps", type=int, default=20, help="swaps in each window that has some (20)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of quiet, swaps, swaps, quiet (5)")
    parser.add_argument(
        "--interval", type=float, default=0.25, help="the follower's interval in seconds (0.25)"
    )
    parser.add_argument("--ballast", type=int, default=0, help="MiB that each swap downloads too (0)")
    options = parser.parse_args()
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (a disk would be measured, too)
    with (
        tempfile.TemporaryDirectory(prefix="modelver-bench-", dir=memory) as home,
        SeaweedFS(Path(home) / "s3") as store,
    ):
        folder = Path(home)
        production = Production(store, folder)
        opened = {
            "url": production.url,
            "storage_options": production.options,
            "cache_dir": str(folder / "cache"),
        }
        moves: Iterator[str] = cycle([*RELEASES[1:], RELEASES[0]])
        if options.ballast:
            moves = heavy(production, options.ballast, len(RELEASES) + 2 * options.rounds * options.swaps)
        windows = Windows()
        with SpeechServer(folder, opened, {"interval": options.interval}) as server:
            process = psutil.Process(server.process.pid)
            with load(server.url, folder, options.rate) as asked:
                for version in (next(moves) for _ in RELEASES):  # each is downloaded once
                    production.promote(version)
                    server.serves(version)
                time.sleep(WARM_UP)
                resident = [process.memory_info().rss]
                for _ in range(options.rounds):
                    for kind in ("quiet", "swaps", "swaps", "quiet"):
                        chosen = [next(moves) for _ in range(options.swaps)] if kind == "swaps" else []
                        windows.run(kind, options.window, chosen, production)
                        resident.append(process.memory_info().rss)
            history = server.get("/history")
    loads = [change["load_seconds"] for change in history if change["outcome"] == "swapped"]
    show(windows.latencies(asked))
    wrong = sum(
        value != production.expected[version] for _, _, version, value in asked.answers if value is not None
    )
    print(
        f"\nfailed requests: {len(asked.failed)}; answers that are not of the version that they name: {wrong}"
    )
    print(f"swaps: {len(loads) - 1}; load and check: {statistics.median(loads) * 1000:.0f} ms, the median")
    print("the server's memory, MiB: " + " ".join(f"{rss / 2**20:.0f}" for rss in resident))


if __name__ == "__main__":
    main()
