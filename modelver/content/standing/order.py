"""In which order a version comes to stand at a place, so that nobody ever sees a half of it, whenever we are killed.

1. The mark says that a folder is ours, before there is one.
2. The folder is filled where nobody looks, or under a name that nothing points to; each file is verified.
3. What readers follow is switched to it in one step.
4. The mark says what is current; then what has been retired for long enough goes.

Killed between two of them, the next run goes on: what the mark names is ours, and what it does not is left alone.
"""

import logging
import time
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

import attrs

from modelver.content.standing.mark import Mark, Standing
from modelver.errors import AlreadyExists
from modelver.values.file import FileEntry

LOGGER = logging.getLogger("modelver")


@attrs.frozen
class Wish:
    """What is to stand at a place.

    Attributes:
        mark: Whose it is: the registry, the model and the layout; nothing stands in it.
        folder: The name of the version's folder there.
        version: The version's number.
        digest: Its digest.
        files: Its files, with their paths in the folder.
        keep: How many versions stay, the current one too.
        grace: Seconds that a version stays after another one became current.
    """

    mark: Mark
    folder: str
    version: str
    digest: str
    files: tuple[FileEntry, ...]
    keep: int
    grace: float


@attrs.frozen
class Brought:
    """How a version's bytes came to a place.

    Attributes:
        copied: Bytes that were written there.
        shared: Bytes of files that share their blocks with the registry's or the cache's.
        on_server: Bytes that the service copied by itself.
    """

    copied: int = 0
    shared: int = 0
    on_server: int = 0


@attrs.frozen
class Outcome:
    """What was done.

    Attributes:
        standing: The version that is current.
        brought: How its bytes came there; all nothing where it stood there.
        changed: Whether anything changed for those who read there.
    """

    standing: Standing
    brought: Brought
    changed: bool


class Site(Protocol):
    """A place where versions stand."""

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def alone(self) -> AbstractContextManager[object]:
        """Keep others of this host from working there, where that can be done."""
        ...

    def read(self) -> Mark | None:
        """Return the mark; None where there is none."""
        ...

    def claim(self, mark: Mark) -> None:
        """Write the first mark.

        Raises:
            AlreadyExists: Something that is not ours is there.
        """
        ...

    def write(self, mark: Mark) -> None:
        """Write the mark, in one step."""
        ...

    def unused(self, folder: str) -> str:
        """Return the name to use for a folder whose content is to be made anew."""
        ...

    def check_free(self, standing: Standing) -> None:
        """Refuse a folder that the mark does not know, but that has something in it.

        Raises:
            AlreadyExists: It has.
        """
        ...

    def is_whole(self, standing: Standing) -> bool:
        """Tell whether a version stands there with all of its files."""
        ...

    def fill(self, standing: Standing, before: Standing | None) -> Brought:
        """Bring a version's files there, verified.

        Args:
            standing: The version.
            before: What the mark said of this folder before; perhaps the same.

        Raises:
            IntegrityError: A blob is damaged: nothing of the version is to be seen.
        """
        ...

    def points_to(self, standing: Standing) -> bool:
        """Tell whether readers are led to a version."""
        ...

    def point(self, standing: Standing) -> None:
        """Lead readers to a version, in one step; where the mark leads them, writing it does."""
        ...

    def remove(self, standing: Standing) -> None:
        """Remove a version's files, and nothing else."""
        ...


def bring_about(site: Site, wish: Wish) -> Outcome:
    """Make a version the current one at a place; nothing is copied that stands there.

    Raises:
        AlreadyExists: The place is not ours, or the folder of the current version would get other files.
        IntegrityError: A blob is damaged: what was current before still is.
        NotFound: A blob is missing, likewise.
        StoreError: A store failed, likewise.
    """
    with site.alone():
        mark = _mark(site, wish)
        there = mark.of(wish.digest, wish.files)
        standing, brought = next((each for each in there if site.is_whole(each)), None), Brought()
        if standing is None:
            folder = site.unused(there[0].folder if there else wish.folder)
            before = mark.find(folder)
            standing = Standing(folder, wish.version, wish.digest, wish.files, retired=time.time())
            _check_unseen(site, mark, standing, before)
            mark = mark.with_(standing)
            site.write(mark)
            brought = site.fill(standing, before)
        elif standing.is_whole and mark.current == standing.folder and site.points_to(standing):
            _clear(site, mark, wish)
            return Outcome(standing, brought, changed=False)
        standing = attrs.evolve(standing, is_whole=True)
        mark = mark.with_(standing).pointing(standing.folder, time.time())
        site.point(standing)
        site.write(mark)
        _clear(site, mark, wish)
        return Outcome(standing, brought, changed=True)


def _check_unseen(site: Site, mark: Mark, standing: Standing, before: Standing | None) -> None:
    """Refuse to fill a folder that is somebody else's, or in which readers would see one half of a change.

    The current version's folder and the configuration beside it can't change in one step.
    """
    if before is None:
        site.check_free(standing)
    elif (
        before.folder == mark.current
        and not before.has(standing.digest, standing.files)
        and site.is_whole(before)
    ):
        raise AlreadyExists(
            "the current version is laid out with another file: its readers would see a half of the change",
            where=f"{site.where}/{before.folder}",
            expected=_some(standing.lacking(before.files)),
            found=_some(before.lacking(standing.files)),
            hint="Lay another version out, and then this one again; or choose another name or place.",
        )


def _some(files: Collection[FileEntry]) -> str:
    more = " and more" if len(files) > 3 else ""  # noqa: PLR2004 (enough for a line)
    return ", ".join(f"{each.path} {each.sha256[:12]}" for each in [*files][:3]) + more


def _mark(site: Site, wish: Wish) -> Mark:
    mark = site.read()
    if mark is None:
        try:
            site.claim(wish.mark)
        except AlreadyExists:
            mark = site.read()  # somebody else has just begun the same
            if mark is None:
                raise
        else:
            return wish.mark
    mark.check_same(wish.mark, site.where)
    return mark


def _clear(site: Site, mark: Mark, wish: Wish) -> None:
    """Remove what has been retired for long enough; the mark forgets it afterwards, so that it is tried again."""
    outdated = mark.outdated(wish.keep, wish.grace, time.time())
    for standing in outdated:
        site.remove(standing)
    if outdated:
        site.write(mark.without([each.folder for each in outdated]))
