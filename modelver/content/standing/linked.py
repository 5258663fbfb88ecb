"""Versions that stand in a hidden folder, and a symbolic link to the current one, which a rename replaces.

The link is relative, so that it holds where the folder above is mounted elsewhere. Windows replaces no link to a folder:
there the place is missing for a moment.
"""

import os
from pathlib import Path

from modelver.content.check import Checking
from modelver.content.fetch import Wanted
from modelver.content.standing.local import LocalSite
from modelver.content.standing.mark import Standing
from modelver.errors import AlreadyExists
from modelver.storage.folders import sync_folder


class LinkedSite(LocalSite):
    """A place that is a link; see `Site`.

    Args:
        target: The link.
        wanted: The files, and where they come from.
        checking: How files that stand there are verified.
    """

    def __init__(self, target: Path, wanted: Wanted, checking: Checking) -> None:
        home = target.parent / f".{target.name}.modelver"
        super().__init__(target, home, home, home, wanted, checking)

    def unused(self, folder: str) -> str:
        """Return a name under which nothing stands, so that a damaged version stays where it is until it is replaced."""
        stem = name = folder.partition(".")[0]
        number = 1
        while os.path.lexists(self.home / name):
            number += 1
            name = f"{stem}.{number}"
        return name

    def publish(self, partial: Path, standing: Standing, before: Standing | None) -> None:  # noqa: ARG002 (see `unused`)
        """Give a complete folder its name, to which nothing points yet."""
        partial.rename(self.path(standing))
        sync_folder(self.shelf)

    def points_to(self, standing: Standing) -> bool:
        """Tell whether the link names a version."""
        try:
            return self.place.readlink() == self._link_to(standing)
        except OSError:
            return False

    def _link_to(self, standing: Standing) -> Path:
        return Path(self.home.name) / standing.folder

    def point(self, standing: Standing) -> None:
        """Replace the link."""
        if self.points_to(standing):
            return
        with self.failing():
            self._check_place()
            temporary = self.temporary()
            try:
                temporary.symlink_to(self._link_to(standing), target_is_directory=True)
                if self.place.is_dir() and (os.name == "nt" or not self.place.is_symlink()):
                    self.place.rmdir()
                temporary.replace(self.place)
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(self.place.parent)

    def _check_place(self) -> None:
        """Refuse to replace what is neither our link nor an empty folder.

        Raises:
            AlreadyExists: It is something else.
        """
        place = self.place
        if place.is_symlink():
            ours = place.readlink().parent == Path(self.home.name)
        else:
            ours = not os.path.lexists(place) or (place.is_dir() and not any(place.iterdir()))
        if not ours:
            raise AlreadyExists(
                "the link to the current version was replaced by something else",
                where=place,
                hint="Move that away; the versions stand beside it.",
            )
