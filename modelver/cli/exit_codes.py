"""What the command's exit code tells: one table for the code, the help and docs/cli.md."""

from typing import NamedTuple

from modelver import errors
from modelver.errors import ModelverError

OK = 0
CHECK_FAILED = 1
USAGE = 2
ENVIRONMENT = 8
ROLLED_BACK = 11
BUG = 70
INTERRUPTED = 130
PIPE_CLOSED = 141


class ExitCode(NamedTuple):
    """One exit code. No attrs class: ``modelver --help`` prints these and must start quickly.

    Attributes:
        code: What the process returns.
        error: The error class that it stands for, with its subclasses; None for what is no error of the library.
        meaning: What happened, for people.
    """

    code: int
    error: type[ModelverError] | None
    meaning: str


TABLE = (
    ExitCode(OK, None, "done; a check found all well"),
    ExitCode(
        CHECK_FAILED,
        None,
        "a check failed: verify or audit found damage, doctor a fault, check a change, promote --dry-run a gate that "
        "says no, release --dry-run what is in the way, compare --exit-code a difference, or guard a breach that it "
        "has not answered",
    ),
    ExitCode(USAGE, errors.InvalidValue, "wrong usage or input; nothing was changed"),
    ExitCode(3, errors.NotFound, "what was asked for does not exist"),
    ExitCode(4, errors.AlreadyExists, "the name is taken by something else"),
    ExitCode(5, errors.Conflict, "someone else was faster: look again, try again"),
    ExitCode(6, errors.Refused, "a rule said no"),
    ExitCode(7, errors.Corrupt, "stored bytes are not what they were"),
    ExitCode(ENVIRONMENT, errors.StoreError, "the environment failed: permissions, disk, network"),
    ExitCode(9, errors.CommitUnknown, "the outcome is not known: repeat with the same --commit-id"),
    ExitCode(10, errors.SourceChanged, "a file changed while it was read"),
    ExitCode(ROLLED_BACK, None, "guard rolled an alias back"),
    ExitCode(BUG, None, "a fault in modelver itself; a traceback says where"),
    ExitCode(INTERRUPTED, None, "interrupted with Ctrl-C"),
    ExitCode(PIPE_CLOSED, None, "whoever read the output stopped reading"),
)


def code_of(error: ModelverError) -> int:
    """Return the exit code of an error; `BUG` for a class that the table lacks."""
    return next((row.code for row in TABLE if row.error and isinstance(error, row.error)), BUG)
