"""One of many processes that append to one log; prints what it did and when."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from modelver.cache.heads import HeadMemory
from modelver.storage import open_store
from modelver.storage.store import Store
from tests.logs import next_version, open_log


def append(store: Store, cache: Path, name: str, count: int) -> Iterator[tuple[str, int, int, int]]:
    """Append so many commits; yield who wrote which number, and the times before and after in nanoseconds."""
    log = open_log(store, HeadMemory(cache))
    for number in range(count):
        start = time.monotonic_ns()
        appended = log.append(next_version, by=name, commit_id=f"{name}-{number}")
        yield name, appended.seq, start, time.monotonic_ns()


if __name__ == "__main__":
    url, folder, own_name, commits, begin = sys.argv[1:]
    time.sleep(max(0.0, float(begin) - time.time()))
    sys.stdout.write(json.dumps(list(append(open_store(url), Path(folder), own_name, int(commits)))))
