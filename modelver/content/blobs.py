"""Small blobs: written where they are missing, and read only against their digest."""

from modelver.errors import IntegrityError, NotFound
from modelver.storage.layout import blob_key
from modelver.storage.store import Store
from modelver.values.digest import Digest


def has_blob(store: Store, digest: Digest, size: int | None) -> bool:
    """Tell whether the store has a blob of this name and, where that is known, of this size.

    Raises:
        IntegrityError: It has one of another size, which can't be the same bytes.
    """
    try:
        found = store.size(blob_key(digest))
    except NotFound:
        return False
    if size not in {None, found}:
        raise damaged(store, digest, expected=f"{size} bytes", found=f"{found} bytes")
    return True


def put_missing(store: Store, digest: Digest, data: bytes) -> Digest:
    """Store bytes under their digest, durably, whoever stored them first; return the digest."""
    store.put_blob(blob_key(digest), data)
    return digest


def get_blob(store: Store, digest: Digest, *, limit: int) -> bytes:
    """Return a blob, checked.

    Raises:
        NotFound: The store lacks it.
        LimitExceeded: It is larger than `limit` bytes.
        IntegrityError: The bytes are not those that its name promises.
    """
    data = store.get(blob_key(digest), limit=limit)
    found = Digest.of(data)
    if found != digest:
        raise damaged(store, digest, expected=digest.short, found=found.short)
    return data


def damaged(store: Store, digest: Digest, *, expected: str, found: str) -> IntegrityError:
    """Make the error for a blob that is not what its name promises."""
    return IntegrityError(
        "a blob is damaged",
        where=f"{store.url}/{blob_key(digest)}",
        expected=expected,
        found=found,
        hint="Restore it from a copy of the registry, or delete it and register its file again.",
    )
