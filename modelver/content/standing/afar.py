"""Versions that stand in a bucket, where nothing can be renamed: a version's files are all there before anything names them.

A version has a folder of its own, which no other one ever has. What readers follow is one small object: the mark itself,
whose ``current`` names the folder; or, for numbered folders, a configuration that names the number.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import attrs

from modelver.content.copying import BlobCopier
from modelver.content.fetch import Wanted
from modelver.content.receive import Receiver
from modelver.content.standing.mark import MAX_MARK, Mark, Standing
from modelver.content.standing.order import Brought
from modelver.errors import AlreadyExists, IntegrityError, NotFound
from modelver.hashing.parallel import run_largest_first
from modelver.storage.layout import blob_key
from modelver.storage.remote.named import NamedFiles
from modelver.storage.remote.store import RemoteStore
from modelver.values.digest import Digest

_AT_ONCE = 8


@attrs.frozen
class Pointer:
    """A small object that readers follow instead of the mark.

    Attributes:
        name: Where it is.
        data: Its bytes for the version that is to become current.
    """

    name: str
    data: bytes


class BucketSite:
    """A place in a bucket; see `Site`.

    Args:
        files: What is in the bucket, or in the folder of it that holds the place.
        folder: The place there, with a final slash, or empty.
        shelf: The folder in that in which the versions' folders stand, with a final slash, or empty.
        mark: The mark's name there.
        wanted: The files, and where they come from.
        cache: The user's cache folder.
        pointer: What readers follow, if it is not the mark.
        reads_back: Whether what the service copied by itself is read once, so that its SHA-256 is known to be right.
    """

    def __init__(
        self,
        files: NamedFiles,
        folder: str,
        shelf: str,
        mark: str,
        wanted: Wanted,
        cache: Path,
        *,
        pointer: Pointer | None,
        reads_back: bool,
    ) -> None:
        self._files = files
        self.place = f"{files.url}/{folder}".rstrip("/")
        self._shelf = folder + shelf
        self._mark = mark
        self._wanted = wanted
        self._cache = cache
        self._pointer = pointer
        self._reads_back = reads_back

    @property
    def where(self) -> str:
        """The place's address."""
        return f"{self._files.url}/{self._shelf}".rstrip("/")

    def alone(self) -> AbstractContextManager[None]:
        """Do nothing: a bucket has no locks. Two that work at once bring whole versions both; the later one leads."""
        return nullcontext()

    def read(self) -> Mark | None:
        """Read the mark."""
        try:
            data = self._files.get(self._mark, limit=MAX_MARK)
        except NotFound:
            return None
        return Mark.from_bytes(data, what=f"{self._files.url}/{self._mark}")

    def claim(self, mark: Mark) -> None:
        """Write the first mark, unless something is there."""
        found = next(iter(self._files.list(self._shelf.rstrip("/"))), None)
        if found is not None:
            raise AlreadyExists(
                "something that modelver did not make is there",
                where=self.where,
                found=found.key,
                hint="Choose a new or an empty place.",
            )
        self._files.create(self._mark, mark.to_bytes())

    def write(self, mark: Mark) -> None:
        """Write the mark."""
        self._files.replace(self._mark, mark.to_bytes())

    def unused(self, folder: str) -> str:
        """Return the same name: what an earlier try left there is gone on with."""
        return folder

    def check_free(self, standing: Standing) -> None:
        """Refuse a folder with other files than the version's; those may be of one whose note in the mark was lost."""
        sizes = {entry.path: entry.size for entry in standing.files}
        foreign = [path for path, size in self._there(standing).items() if sizes.get(path) != size]
        if foreign:
            raise AlreadyExists(
                "files that modelver did not make are in the version's place",
                where=f"{self.where}/{standing.folder}",
                found=foreign[0],
                hint="Move them away.",
            )

    def is_whole(self, standing: Standing) -> bool:
        """Tell whether a version was brought here whole, and all of its files are here still, by their sizes."""
        there = self._there(standing)
        return standing.is_whole and all(there.get(entry.path) == entry.size for entry in standing.files)

    def _there(self, standing: Standing) -> dict[str, int]:
        start = f"{self._shelf}{standing.folder}/"
        return {entry.key.removeprefix(start): entry.size for entry in self._files.list(start.rstrip("/"))}

    def fill(self, standing: Standing, before: Standing | None) -> Brought:
        """Copy a version's files, by the service itself where it can; what an earlier try brought is kept."""
        self._clear_others(standing, before)
        brought = Brought()
        for names in self._layers(standing):
            brought = self._copied(names, brought)
        return brought

    def _clear_others(self, standing: Standing, before: Standing | None) -> None:
        """Delete what an earlier layout of this folder had under these names, or of another size.

        Where the current version is repaired these are damaged files alone, which can't be copied over.
        """
        wanted = {entry.path: entry for entry in standing.files}
        known = {entry.path: entry for entry in before.files} if before else {}
        for path, size in self._there(standing).items():
            entry = wanted.get(path)
            stale = path in known and (entry is None or known[path].sha256 != entry.sha256)
            if stale or (entry is not None and entry.size != size):
                self._files.delete(f"{self._shelf}{standing.folder}/{path}")

    def _layers(self, standing: Standing) -> Iterator[Mapping[Digest, str]]:
        """Yield names for blobs, each blob once a time: one that is two files comes in the second layer, too."""
        left = list(standing.files)
        while left:
            names: dict[Digest, str] = {}
            again = []
            for entry in left:
                digest = Digest.from_hex(entry.sha256)
                if digest in names:
                    again.append(entry)
                else:
                    names[digest] = f"{self._shelf}{standing.folder}/{entry.path}"
            yield names
            left = again

    def _copied(self, names: Mapping[Digest, str], brought: Brought) -> Brought:
        sizes = {Digest.from_hex(entry.sha256): entry.size for entry in self._wanted.entries}
        view = self._files.view({blob_key(digest): name for digest, name in names.items()})
        with BlobCopier(self._wanted.store, view, self._cache, self._wanted.on_bytes) as copier:
            missing = copier.missing({digest: sizes[digest] for digest in names})
            by_service = copier.copy_each(missing)
        through_here = {digest for digest, alone in by_service.items() if not alone}
        if self._reads_back:
            self._read_back(view, names, {digest: sizes[digest] for digest in names.keys() - through_here})
        on_server = sum(missing[digest] for digest, alone in by_service.items() if alone)
        return Brought(brought.copied + sum(missing.values()) - on_server, 0, brought.on_server + on_server)

    def _read_back(self, view: RemoteStore, names: Mapping[Digest, str], sizes: Mapping[Digest, int]) -> None:
        """Read files that did not come through this machine; one that is damaged is deleted.

        Raises:
            IntegrityError: One is.
        """
        with Receiver(view) as receiver:

            def check(digest: Digest, cancelled: threading.Event) -> None:
                try:
                    receiver.check(digest, sizes[digest], cancelled)
                except IntegrityError as error:
                    self._files.delete(names[digest])
                    raise IntegrityError(
                        "a blob is damaged: what was copied of it was deleted",
                        where=f"{self._wanted.store.url}/{blob_key(digest)}",
                        expected=error.expected,
                        found=error.found,
                        hint="Restore it from a copy of the registry.",
                    ) from None

            run_largest_first(list(sizes), sizes.__getitem__, check, threads=_AT_ONCE)

    def points_to(self, standing: Standing) -> bool:  # noqa: ARG002 (what it holds names it)
        """Tell whether what readers follow is as it is to be; the mark is told by `bring_about`."""
        if self._pointer is None:
            return True
        try:
            data = self._pointer.data
            return self._files.get(self._pointer.name, limit=2 * len(data)) == data
        except NotFound:
            return False

    def point(self, standing: Standing) -> None:
        """Write what readers follow, if it is not the mark."""
        if self._pointer is not None and not self.points_to(standing):
            self._files.replace(self._pointer.name, self._pointer.data)

    def remove(self, standing: Standing) -> None:
        """Delete a version's files, unless the mark has made it current meanwhile."""
        mark = self.read()
        if mark is not None and mark.current != standing.folder:
            for entry in standing.files:
                self._files.delete(f"{self._shelf}{standing.folder}/{entry.path}")
