"""One write into a local store, as a process of its own that can be traced, killed and starved; prints the outcome."""

import json
import os
import sys
from pathlib import Path

from modelver.errors import ModelverError
from modelver.storage.local import LocalStore

KEY = "models/fraud/log/00000000000000000001.json"
BEGIN, END = "/modelver-write-begins", "/modelver-write-ends"


def content(size: int) -> bytes:
    """Return the bytes that are written."""
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def source_of(root: Path) -> Path:
    """Return where the file to be adopted is."""
    return root.with_name("source")


def write(verb: str, store: LocalStore, data: bytes) -> bool:
    """Bring the bytes into the store, by one of its ways in; return False where it left a file alone."""
    if verb == "put_new":
        store.put_new(KEY, data)
    elif verb == "put_blob":
        store.put_blob(KEY, data)
    elif verb == "incoming":
        with store.incoming() as incoming:
            os.write(incoming.fileno(), data)
            incoming.publish(KEY)
    else:
        source = source_of(Path(store.url))
        return store.adopt(source, KEY, seen=source.stat())
    return True


def main(verb: str, root: Path, size: int) -> dict[str, object]:
    """Write, between two marks in the trace; return what came of it, and all files with their sizes."""
    data = content(size)
    if verb == "adopt" and not source_of(root).exists():
        source_of(root).write_bytes(data)
    store, outcome, message = LocalStore(root), "done", ""
    os.access(BEGIN, os.F_OK)
    try:
        if not write(verb, store, data):
            outcome = "left alone"
    except ModelverError as error:
        outcome, message = type(error).__name__, str(error)
    os.access(END, os.F_OK)
    files = {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}
    return {"outcome": outcome, "message": message, "files": files}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
