"""Making a registry where there is none."""

import os
from collections.abc import Mapping

import attrs

from modelver.errors import NotFound
from modelver.registry.base.opening import Identity, check_online, locate, read_identity
from modelver.registry.facade import Registry
from modelver.storage import open_store


@attrs.frozen
class Founding:
    """A registry that is there now.

    Attributes:
        url: Where, without credentials.
        registry: Its random id: 32 hexadecimal digits.
        created: Whether this call made it.
    """

    url: str
    registry: str
    created: bool

    def __str__(self) -> str:
        return f"{'Made a registry in' if self.created else 'There is a registry already in'} {self.url}"


def found(
    url: str | os.PathLike[str] | None = None, *, storage_options: Mapping[str, object] | None = None
) -> Founding:
    """Make a registry unless there is one.

    Args:
        url: As for `Registry`.
        storage_options: As for `Registry`.

    Raises:
        UnsupportedStore: The store is not fit for a registry.
        LogTampered: There is a registry whose founding file is missing or damaged.
        Offline: ``$MODELVER_OFFLINE`` forbids it.
        StoreError: The environment failed.
    """
    address = locate(url)
    store = open_store(address, storage_options=storage_options)
    check_online(store)
    before: Identity | None
    try:
        before = read_identity(store)
    except NotFound:
        before = None
    Registry(address, storage_options=storage_options, create=True)
    now = before or read_identity(store)
    return Founding(store.url, now.registry, created=before is None)
