"""What `import modelver` and the start of its command cost over a bare interpreter, beside what peers cost.

Each round starts every candidate once, in a process of its own and just after a bare interpreter, so that a busy
moment hits all alike; a candidate's cost is its time less that interpreter's. The medians of the rounds are printed.
Goals: `import modelver` under 60 ms over bare Python; `modelver --version` and `--help` under 150 ms from start to end.
The bare interpreter is the limit: nobody is free of it.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time

IMPORT = "import modelver"
OURS = {
    IMPORT: ["-c", IMPORT],
    "modelver.Registry": ["-c", "import modelver; modelver.Registry"],
    "modelver --version": ["-m", "modelver", "--version"],
    "modelver --help": ["-m", "modelver", "--help"],
}
PEERS = ("huggingface_hub", "model_signing", "mlflow", "wandb", "dvc.api")
PEER_ROUNDS = 5
"""Some peers take seconds, so a few rounds tell enough."""


def milliseconds(arguments: list[str]) -> float:
    """Return how long a fresh interpreter takes from start to end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-I", *arguments], check=True, capture_output=True)
    return (time.perf_counter() - start) * 1000


def measure(candidates: dict[str, list[str]], rounds: int) -> dict[str, tuple[float, float]]:
    """Return each candidate's medians: over a bare interpreter, and from start to end; both in milliseconds."""
    for arguments in candidates.values():
        milliseconds(arguments)  # the first start compiles, and reads from the disk
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, arguments in candidates.items():
            bare, whole = milliseconds(["-c", "pass"]), milliseconds(arguments)
            samples[name].append((whole - bare, whole))
    return {
        name: (statistics.median(over for over, _ in pairs), statistics.median(whole for _, whole in pairs))
        for name, pairs in samples.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=31, help="how often each of ours is started (31)")
    rounds = parser.parse_args().rounds

    installed = [peer for peer in PEERS if importlib.util.find_spec(peer.partition(".")[0])]
    results = measure(OURS, rounds)
    results |= measure({f"import {peer}": ["-c", f"import {peer}"] for peer in installed}, PEER_ROUNDS)

    print(
        f"python {sys.version.partition(' ')[0]}, medians of {rounds} interleaved rounds ({PEER_ROUNDS} for peers)"
    )
    print("over bare python   start to end")
    for name, (over, whole) in results.items():
        print(f"{over:13.1f} ms {whole:11.1f} ms   {name}")
    met = results[IMPORT][0] < 60 and all(
        results[f"modelver --{flag}"][1] < 150 for flag in ("version", "help")
    )
    print(
        f"goals (import: 60 ms over bare python; command: 150 ms from start to end): {'met' if met else 'MISSED'}"
    )
    if missing := set(PEERS) - set(installed):
        print(f"not installed here: {', '.join(sorted(missing))}; `make bench` installs the peers")


if __name__ == "__main__":
    main()
