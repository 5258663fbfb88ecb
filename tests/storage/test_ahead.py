"""Reading ahead, at a moment when no thread is to be had."""

import subprocess
import sys

ENDING = """
import atexit
from modelver.storage.ahead import work_ahead
from modelver.storage.memory import MemoryStore

# The interpreter has ended its pools of threads when this is called.
atexit.register(lambda: print(*work_ahead(MemoryStore("ahead"), lambda number: number * number, range(40))))
"""


def test_work_goes_on_while_the_interpreter_ends() -> None:
    """Who tells people at a process's end reads on in its own thread, as no other begins any more."""
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, check=True)
    assert (done.stderr, done.stdout.split()) == ("", [str(number * number) for number in range(40)])
