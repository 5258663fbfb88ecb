"""The whole error tree, grouped by what a caller does about an error.

::

    ModelverError
    ├── InvalidValue (ValueError)     mend the input
    │   ├── InvalidName               ... a model name, alias, version or reference
    │   ├── UnsafePath                ... a path that leaves its folder or can't exist everywhere
    │   └── LimitExceeded             ... larger or deeper than the format allows
    ├── NotFound (LookupError)        ask for something that exists
    ├── AlreadyExists                 choose another version, or look at what is there
    ├── Conflict                      someone else was faster: read again, try again
    ├── CommitUnknown                 the outcome is not known; retry with the same commit_id
    ├── Refused                       a policy said no; .verdicts says why
    │   ├── ApprovalRequired
    │   └── UnsafeFormat
    ├── Corrupt                       stop: stored bytes are not what they were
    │   ├── IntegrityError            ... a blob, manifest or file does not match its digest
    │   ├── LogTampered               ... a commit or the chain does not match
    │   ├── RollbackDetected          ... the log is shorter than, or differs from, what was seen before
    │   └── SignatureError
    ├── SourceChanged                 a file changed while it was read: make it stable, try again
    └── StoreError                    mend the environment: permissions, disk, network
        ├── UnsupportedStore          ... the store can't create exclusively
        └── Offline
"""

from collections.abc import Sequence


class ModelverError(Exception):
    """Base of every error that modelver raises on purpose.

    Args:
        what: What went wrong, as a clause without a full stop.
        where: The path, key, reference or field concerned.
        expected: What should have been there.
        found: What was there instead.
        hint: What to do next, as a sentence.
    """

    def __init__(
        self, what: str, *, where: object = "", expected: object = "", found: object = "", hint: str = ""
    ) -> None:
        super().__init__(what, str(where), str(expected), str(found), hint)
        self.what = what
        self.where = str(where)
        self.expected = str(expected)
        self.found = str(found)
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.what}: {self.where}" if self.where else self.what
        sides = [
            f"{label} {side}" for label, side in (("expected", self.expected), ("found", self.found)) if side
        ]
        if sides:
            text = f"{text} ({', '.join(sides)})"
        return f"{text}. {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        what, where, expected, found, hint = self.args
        return (_rebuild, (type(self), what, where, expected, found, hint), self.__dict__)


def _rebuild(
    kind: type[ModelverError], what: str, where: str, expected: str, found: str, hint: str
) -> ModelverError:
    """Make an error again after pickling, so that it crosses process pools whole."""
    return kind(what, where=where, expected=expected, found=found, hint=hint)


class InvalidValue(ModelverError, ValueError):
    """The input is wrong; nothing was changed."""


class InvalidName(InvalidValue):
    """A model name, alias, version or reference breaks its grammar."""


class UnsafePath(InvalidValue):
    """A path escapes its folder, or can't exist on every platform."""


class LimitExceeded(InvalidValue):
    """A size, depth or count is beyond what the format allows."""


class NotFound(ModelverError, LookupError):
    """What was asked for does not exist."""


class AlreadyExists(ModelverError):
    """The name is taken by something else."""


class Conflict(ModelverError):
    """A precondition no longer holds: read again, then try again."""


class CommitUnknown(ModelverError):
    """The outcome of a write is not known; nothing was cleaned up, and the same commit_id resumes."""


class Refused(ModelverError):
    """A policy said no.

    Attributes:
        verdicts: Every verdict, passed ones too, in the policy's order.
    """

    verdicts: Sequence[object] = ()


class ApprovalRequired(Refused):
    """An approval that the policy asks for is missing."""


class UnsafeFormat(Refused):
    """A file's format can run code when it is loaded."""


class Corrupt(ModelverError):
    """Stored bytes are not what they were: stop and investigate."""


class IntegrityError(Corrupt):
    """Bytes do not match their digest."""


class LogTampered(Corrupt):
    """A log entry, or the chain between entries, does not match."""


class RollbackDetected(Corrupt):
    """A log is shorter than what was seen of it before, or differs from it."""


class SignatureError(Corrupt):
    """A signature does not verify."""


class SourceChanged(ModelverError):
    """A file changed while it was read; nothing was registered."""


class StoreError(ModelverError):
    """The environment failed: permissions, disk space, network."""


class UnsupportedStore(StoreError):
    """The store has no safe exclusive create."""


class Offline(StoreError):
    """The store can't be reached, or offline mode forbids it."""
