"""What holds for files of any size: bounded memory, and Ctrl-C that ends the work at once."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")

GIB = 2**30
MIB = 2**20

MEMORY = """
import re, sys
from pathlib import Path
from modelver.hashing.stream import hash_file
from modelver.hashing.fingerprint import changed_ranges
from modelver.hashing.tree import hash_tree

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) * 1024

hash_file(sys.executable)
before = peak()
with open("/dev/null", "wb") as sink:
    digest = hash_file(sys.argv[1], sink=sink.fileno())
assert digest.size == Path(sys.argv[1]).stat().st_size
assert changed_ranges(sys.argv[1], digest.ranges) == ()
print(peak() - before)
"""

INTERRUPT = """
import sys, threading
from pathlib import Path
from modelver.hashing.fingerprint import changed_ranges
from modelver.hashing.stream import hash_file
from modelver.hashing.tree import hash_tree
from modelver.values.filemap import Range

size = Path(sys.argv[1], "file").stat().st_size
told = 0
first = threading.Lock()

def on_bytes(count):
    global told
    told += count
    print("told", flush=True) if first.acquire(blocking=False) else None

work = {
    "file": lambda: hash_file(Path(sys.argv[1], "file"), on_bytes=on_bytes),
    "tree": lambda: hash_tree(sys.argv[1], on_bytes=on_bytes, threads=2),
    "check": lambda: changed_ranges(
        Path(sys.argv[1], "file"),
        [Range(at, 2**26, "") for at in range(0, size, 2**26)],
        on_bytes=on_bytes,
    ),
}[sys.argv[2]]
try:
    work()
finally:
    print(told < size, threading.active_count(), flush=True)
"""


def sparse(path: Path, size: int) -> Path:
    """Make a file of zeros that takes no space."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Hashing, copying and checking a file of 256 MiB takes less than 32 MiB on top of the interpreter."""
    path = sparse(tmp_path / "file", 256 * MIB)
    done = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 * MIB


@pytest.mark.parametrize("work", ["file", "tree", "check"])
def test_an_interrupt_ends_the_work(tmp_path: Path, work: str) -> None:
    """SIGINT ends hashing long before the end of the file, with one KeyboardInterrupt and no thread left."""
    sparse(tmp_path / "file", 64 * GIB)
    (tmp_path / "other").write_text("small")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPT, tmp_path, work],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "told\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate()
    assert output == "True 1\n"
    assert process.returncode == -signal.SIGINT
    assert errors.count("KeyboardInterrupt") == 1
    assert "Exception in thread" not in errors
    assert errors.endswith("KeyboardInterrupt\n")
