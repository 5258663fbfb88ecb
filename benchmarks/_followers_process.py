"""A process with several followers, each as if it were a machine of its own; part of followers.py.

Prints "ready" when all of them serve, and when standard input ends, a JSON list of [follower, version, monotonic time].
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import modelver as mv


def main() -> None:
    """Follow until standard input ends."""
    told = json.loads(sys.argv[1])
    seen: list[tuple[str, str, float]] = []
    lock = threading.Lock()

    def note(name: str, change: mv.Change) -> None:
        with lock:
            number = str(change.version.version) if change.version else ""
            seen.append(
                (name, number if change.outcome == "swapped" else f"failed: {change}", time.monotonic())
            )

    def follow(name: str) -> mv.Follower[bytes]:
        registry = mv.Registry(
            told["url"], storage_options=told["options"], cache_dir=Path(told["cache"]) / name, cache_size=0
        )
        return registry.follow(
            told["ref"],
            load=lambda m: (m / "model.bin").read_bytes()[:1],
            interval=told["interval"],
            on_change=partial(note, name),
        )

    with ThreadPoolExecutor(4) as pool:
        followers = list(pool.map(follow, told["names"]))
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps(seen), flush=True)
    for follower in followers:
        follower.close()


if __name__ == "__main__":
    main()
