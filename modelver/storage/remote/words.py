"""A client's error in our words: what failed, where, and what to do next."""

from modelver.errors import (
    AlreadyExists,
    Conflict,
    IntegrityError,
    ModelverError,
    NotFound,
    Offline,
    StoreError,
)
from modelver.storage.failures import told
from modelver.storage.remote.bucket import Fault, Trouble

_UNREACHED = "Check the network and the address, then try again."
_DENIED = "Check the credentials, and that they allow reading, writing and listing there."
_NO_PLACE = "Check its name, or make it with the store's own tools."


def error_of(what: str, where: str, trouble: Trouble) -> ModelverError:
    """Return the error that tells a caller what to do.

    Args:
        what: What was tried, such as ``could not read``.
        where: The object's address.
        trouble: What the client said.
    """
    text = trouble.text
    errors = {
        Fault.MISSING: NotFound("no such object", where=where),
        Fault.EXISTS: AlreadyExists("an object is there already", where=where),
        Fault.ENDED: Conflict("another writer ended this upload", where=where, hint="Try again."),
        Fault.DENIED: StoreError(f"{what}: access denied", where=where, found=text, hint=_DENIED),
        Fault.NO_PLACE: StoreError(
            "there is no such bucket or container", where=where, found=text, hint=_NO_PLACE
        ),
    }
    unreached = Offline(f"{what}: the store can't be reached", where=where, found=text, hint=_UNREACHED)
    errors |= dict.fromkeys((Fault.AGAIN, Fault.NOT_SENT), unreached)
    other = StoreError(what, where=where, found=text, hint="Mend what the store reports, then try again.")
    return errors.get(trouble.fault, other)


def cant_open(where: str, error: Exception) -> StoreError:
    """Return the error for a client that refuses the address or its settings.

    Args:
        where: The store's address.
        error: What the client raised.
    """
    return StoreError(
        "a store can't be opened",
        where=where,
        found=told(error),
        hint="Check the address and the storage_options.",
    )


def check_size(where: str, expected: int, found: int) -> None:
    """Refuse an object of another size than the bytes that it is named for.

    Raises:
        IntegrityError: The sizes differ.
    """
    if found != expected:
        raise IntegrityError(
            "a stored object has not the size of the bytes that it is named for",
            where=where,
            expected=f"{expected} bytes",
            found=found,
            hint="Delete that object, then try again; `modelver verify` finds others.",
        )
