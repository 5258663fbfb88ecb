"""One of many writers that create the same keys at the same moments; a script too, for races between processes."""

import json
import sys
import time

from modelver.errors import AlreadyExists
from modelver.storage import open_store
from modelver.storage.store import Store

STEP = 0.01
SIZE = 200_000


def payload(writer: int) -> bytes:
    """Return what a writer writes: all of one letter, and long enough to be caught half-written."""
    return b"%c" % (65 + writer) * SIZE


def contested_key(number: int) -> str:
    """Return a key that all writers want."""
    return f"race/{number:04d}"


def race(store: Store, writer: int, start: float, count: int) -> list[int]:
    """Try to create each key, each at one moment for all writers; return the numbers of those that were won."""
    won = []
    for number in range(count):
        time.sleep(max(0.0, start + number * STEP - time.time()))
        try:
            store.put_new(contested_key(number), payload(writer))
        except AlreadyExists:
            continue
        won.append(number)
    return won


if __name__ == "__main__":
    url, options, own_number, begin, keys = sys.argv[1:]
    opened = open_store(url, storage_options=json.loads(options))
    sys.stdout.write(" ".join(map(str, race(opened, int(own_number), float(begin), int(keys)))))
