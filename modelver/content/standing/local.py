"""Versions that stand in a folder of this machine: what is common to both ways of leading readers to one.

Everything is made in a hidden folder beside the place, ``.NAME.modelver``, in the same file system, and comes into sight by
one rename.
"""

import errno
import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelver.content.bring import Way
from modelver.content.check import Checking, has_all, settle
from modelver.content.fetch import Wanted, write_files
from modelver.content.standing.mark import MAX_MARK, NAME, Mark, Standing
from modelver.content.standing.order import LOGGER, Brought
from modelver.content.working import remove_tree
from modelver.errors import AlreadyExists, Conflict, LimitExceeded, NotFound, StoreError
from modelver.storage.files import opened, read_all
from modelver.storage.folders import sync_folder
from modelver.storage.lock import advisory_lock
from modelver.values.file import FileEntry

_PATIENCE = 600.0
_TEMPORARY = "tmp-"
_PARTIAL = "partial-"
_KEPT = "kept-"


class LocalSite(ABC):
    """A place in a folder; see `Site`.

    Args:
        place: What readers are told; what is there before us is not ours.
        top: The hidden folder beside it.
        home: The one for this model in that, or the same.
        shelf: Where the versions' folders stand.
        wanted: The files, and where they come from.
        checking: How files that stand there are verified.
    """

    def __init__(
        self, place: Path, top: Path, home: Path, shelf: Path, wanted: Wanted, checking: Checking
    ) -> None:
        self.place = place
        self.top = top
        self.home = home
        self.shelf = shelf
        self._wanted = wanted
        self._checking = checking
        self._is_alone = False

    @abstractmethod
    def unused(self, folder: str) -> str:
        """Return the name to use for a folder whose content is to be made anew."""

    @abstractmethod
    def publish(self, partial: Path, standing: Standing, before: Standing | None) -> None:
        """Give a complete folder its name."""

    @abstractmethod
    def points_to(self, standing: Standing) -> bool:
        """Tell whether readers are led to a version."""

    @abstractmethod
    def point(self, standing: Standing) -> None:
        """Lead readers to a version."""

    @property
    def where(self) -> str:
        """The place."""
        return str(self.place)

    def path(self, standing: Standing) -> Path:
        """Return the folder of a version."""
        return self.shelf / standing.folder

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the place's lock; what others left that were killed goes.

        Raises:
            Conflict: Somebody else holds it for too long.
        """
        with self.failing():
            if not (self.home / NAME).exists():
                self._check_place_is_free()  # nothing is made beside a place that is not for us
            for folder in (self.top, self.home):
                folder.mkdir(parents=True, exist_ok=True)
                if folder.is_symlink():
                    raise AlreadyExists("a link stands where versions are made", where=folder)
        with advisory_lock(self.home / "lock", timeout=_PATIENCE) as held:
            if held is False:
                raise Conflict(
                    "somebody else works at this place",
                    where=self.where,
                    hint="Try again when they are done.",
                )
            self._is_alone = bool(held)
            if held:
                self._clear_temporary()
            yield

    def _clear_temporary(self) -> None:
        ours = f"{_PARTIAL}{self._name_of_partial()}"
        with suppress(OSError):
            for each in self.home.iterdir():
                partial = each.name.startswith(_PARTIAL) and each.name != ours
                if each.name.startswith(_TEMPORARY) or partial:
                    remove_tree(each)

    def temporary(self) -> Path:
        """Return a path in the hidden folder that nobody else uses."""
        return self.home / f"{_TEMPORARY}{os.urandom(8).hex()}"

    def read(self) -> Mark | None:
        """Read the mark."""
        path = self.home / NAME
        try:
            with self.failing(), opened(path) as descriptor:
                size = os.fstat(descriptor).st_size
                if size > MAX_MARK:
                    raise LimitExceeded("not a mark of modelver: too large", where=path, found=size)
                return Mark.from_bytes(read_all(descriptor, size), what=str(path))
        except NotFound:
            return None

    def claim(self, mark: Mark) -> None:
        """Write the first mark, unless something is there."""
        with self.failing():
            self._check_place_is_free()
        self.write(mark)

    def _check_place_is_free(self) -> None:
        place = self.place
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir() or any(place.iterdir())):
            raise AlreadyExists(
                "something that modelver did not make is there",
                where=place,
                hint="Choose a new or an empty place.",
            )

    def check_free(self, standing: Standing) -> None:
        """Refuse somebody else's folder of this name."""
        if os.path.lexists(self.path(standing)):
            raise AlreadyExists(
                "a folder that modelver did not make is in the version's place",
                where=self.path(standing),
                hint="Move it away.",
            )

    def write(self, mark: Mark) -> None:
        """Write the mark."""
        self.replace(self.home / NAME, mark.to_bytes())

    def replace(self, path: Path, data: bytes) -> None:
        """Write a small file, whatever is there, in one step."""
        with self.failing():
            temporary = self.temporary()
            try:
                write_durably(temporary, data)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(path.parent)

    def is_whole(self, standing: Standing) -> bool:
        """Tell whether a version stands here, as its files' stamps tell, else by their SHA-256."""
        folder = self.path(standing)
        with self.failing():
            there = folder.is_dir() and not folder.is_symlink()
            return there and has_all(folder, standing.files, self._checking)

    def fill(self, standing: Standing, before: Standing | None) -> Brought:
        """Write a version's files in a hidden folder, make them durable, and give that its name."""
        suffix = "" if self._is_alone else f"-{os.urandom(8).hex()}"
        partial = self.home / f"{_PARTIAL}{self._name_of_partial()}{suffix}"
        try:
            with self.failing():
                self._make_partial(partial)
                written = write_files(self._wanted, partial, shared=False)
                _sync(partial, self._wanted.entries)
                self._publish(partial, standing, before)
        except BaseException:
            if self._wanted.store.folder is not None or not self._is_alone:
                remove_tree(partial)  # only a download is worth going on with
            raise
        entries = self._wanted.entries
        settle(
            [(stamp, entry) for (stamp, _), entry in zip(written, entries, strict=True)],
            self._checking.stamps,
        )
        shared = sum(
            entry.size for (_, way), entry in zip(written, entries, strict=True) if way is not Way.COPIED
        )
        return Brought(sum(entry.size for entry in entries) - shared, shared)

    def _make_partial(self, partial: Path) -> None:
        """Make a folder, or go on with one that is this user's own: what is written to it goes nowhere else."""
        if hasattr(os, "geteuid") and os.path.lexists(partial):
            status = partial.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                remove_tree(partial)
                partial.mkdir()
        partial.mkdir(exist_ok=True)

    def _publish(self, partial: Path, standing: Standing, before: Standing | None) -> None:
        try:
            self.publish(partial, standing, before)
        except OSError:
            # Without locks somebody else may have brought the same version meanwhile.
            if self._is_alone or not self.is_whole(standing):
                raise
            remove_tree(partial)

    def _name_of_partial(self) -> str:
        text = "\0".join(f"{entry.path}\0{entry.sha256}" for entry in self._wanted.entries)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def remove(self, standing: Standing) -> None:
        """Remove a version's folder, unless somebody put files into it."""
        with self.failing():
            folder = self.path(standing)
            if folder.is_dir() and not folder.is_symlink():
                self.throw_away(self.take_away(folder, standing))

    def take_away(self, folder: Path, known: Standing) -> Path:
        """Take a folder out of sight in one step, and return where it is now; see `throw_away`."""
        ours = {entry.path for entry in known.files}
        away = self.temporary()
        if any(each not in ours for each in _files_below(folder)):
            away = self.home / f"{_KEPT}{folder.name}-{os.urandom(4).hex()}"
            LOGGER.warning("%s has files that are not modelver's: it is kept as %s", folder, away)
        folder.rename(away)
        return away

    def throw_away(self, away: Path) -> None:
        """Remove what was taken away, but for a folder with files that are not ours."""
        if away.name.startswith(_TEMPORARY):
            remove_tree(away)

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Turn the system's errors into ours.

        Raises:
            StoreError: The block raised an `OSError`.
        """
        try:
            yield
        except OSError as error:
            hint = "Free space there, mend its permissions, or choose another place."
            if error.errno == errno.EXDEV:
                hint = "A version is made beside the place and renamed: give a folder in the mount point, not itself."
            elif os.name == "nt" or error.errno in {errno.EPERM, errno.EOPNOTSUPP}:
                hint = "It takes a file system with symbolic links, and on Windows the right to make them (developer mode)."
            raise StoreError(
                "a version can't be laid out", where=self.where, found=error.strerror or error, hint=hint
            ) from error


def write_durably(path: Path, data: bytes) -> None:
    """Write a new small file, and wait until it survives a power cut.

    Raises:
        OSError: The system refused.
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path, entries: tuple[FileEntry, ...]) -> None:
    """Make files and the folders that they are in durable."""
    folders = {folder}
    for entry in entries:
        path = folder / entry.path
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        folders |= {each for each in path.parents if each.is_relative_to(folder)}
    for each in folders:
        sync_folder(each)


def _files_below(folder: Path) -> Iterator[str]:
    for here, _, names in os.walk(folder):
        for name in names:
            yield (Path(here) / name).relative_to(folder).as_posix()
