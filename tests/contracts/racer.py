"""Writers that create the same keys at the same moments; a script too, for races between processes."""

import json
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

import fsspec

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


def enter(url: str, options: str, own_number: int, count: int, line: Connection) -> None:
    """Race in a process of its own: say when the store is open, start when told, and say what was won."""
    store = open_store(url, storage_options=json.loads(options))
    line.send("ready")
    line.send(race(store, own_number, line.recv(), count))


def main(url: str, options: str, writers: str, count: str) -> None:
    """Start the writers, as forks of a process that has imported what is slow to import; print what each has won."""
    fsspec.get_filesystem_class(url.split("://", maxsplit=1)[0] if "://" in url else "file")
    processes = get_context("fork")
    lines = []
    for number in range(int(writers)):
        line, theirs = processes.Pipe()
        processes.Process(target=enter, args=(url, options, number, int(count), theirs)).start()
        lines.append(line)
    for line in lines:
        line.recv()
    for line in lines:
        line.send(time.time() + 0.1)
    json.dump([line.recv() for line in lines], sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
