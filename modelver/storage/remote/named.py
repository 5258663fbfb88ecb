"""Files under names of their own in a bucket: what other programs read there, and no part of a registry.

A registry's keys are names that every kind of store can hold (`keys.checked_key`). A serving layout's files have the names
that their readers want, such as ``README.md``. `NamedFiles.view` gives a store in which the keys of blobs stand for such
names, so that whatever copies blobs makes such files too; `NamedFiles.replace` writes the one small object that points to
them.
"""

import copy
from collections.abc import Mapping
from typing import cast

from modelver.errors import AlreadyExists, LimitExceeded, NotFound, UnsupportedStore
from modelver.storage.remote.bucket import Bucket, ObjectBucket, Place, TooLarge
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Entry


class NamedFiles:
    """Files below a place in a bucket.

    Args:
        store: The place.

    Raises:
        UnsupportedStore: The store is no service for objects: it can't replace one in a single step.
    """

    def __init__(self, store: RemoteStore) -> None:
        if not store.guarantees.server_side_copy:
            raise UnsupportedStore(
                "not a place for files that are kept in step",
                where=store.url,
                expected="a folder, s3://, gs:// or az://",
            )
        self._store = store

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self._store.url

    @property
    def place(self) -> str:
        """Where it is among all that this machine may know; see `Store.place`."""
        return self._store.place

    def view(self, names: Mapping[str, str]) -> RemoteStore:
        """Return a store in which some keys stand for names.

        Args:
            names: The names, by key.
        """

        def connect() -> Bucket:
            renamed = copy.copy(self._bucket())
            renamed.names = names
            return renamed

        place = Place(self._store.url, "", self._store.guarantees, connect)
        return RemoteStore(place, self._store.timeout)

    def _bucket(self) -> ObjectBucket:
        return cast("ObjectBucket", self._store.connected())

    def get(self, name: str, *, limit: int) -> bytes:
        """Return a file whole.

        Raises:
            NotFound: There is none.
            LimitExceeded: It is larger than `limit` bytes.
        """
        try:
            return self._store.call("could not read", name, lambda bucket: bucket.get(name, limit))
        except TooLarge as error:
            raise LimitExceeded(
                "too large",
                where=f"{self.url}/{name}",
                expected=f"at most {limit} bytes",
                found=error.args[0],
            ) from None

    def create(self, name: str, data: bytes) -> None:
        """Write a small file where there is none.

        Raises:
            AlreadyExists: There is one with other bytes.
        """
        try:
            self._store.call("could not write", name, lambda bucket: bucket.create(name, data, None))
        except AlreadyExists as error:  # perhaps by a request whose answer was lost
            try:
                found = self.get(name, limit=len(data))
            except LimitExceeded:
                raise error from None
            if found != data:
                raise

    def replace(self, name: str, data: bytes) -> None:
        """Write a small file, whatever is there, in one step."""
        self._store.call("could not write", name, lambda _: self._bucket().replace(name, data))

    def delete(self, name: str) -> None:
        """Delete a file; a missing one is fine."""
        try:
            self._store.call("could not delete", name, lambda bucket: bucket.delete(name))
        except NotFound:
            return

    def list(self, folder: str) -> list[Entry]:
        """Return the files below a folder, deep; an empty text is the whole place."""
        start = f"{folder}/" if folder else ""
        try:
            return self._store.call("could not list", start, lambda bucket: [*bucket.list(start, "")])
        except NotFound:
            return []
