"""Versions that stand in numbered folders of a model, beside a configuration that says which of them is served.

A version's folder gets its name by a rename, from a hidden folder beside the models: whatever else were among them, the
server would take for a model or for a change of one. Then the configuration is replaced, which switches.

Where the current version is repaired, its folder is missing between two renames, and nothing else is done meanwhile; who
is killed right there leaves that to the next call.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelver.content.check import Checking
from modelver.content.fetch import Wanted
from modelver.content.standing.local import LocalSite, write_durably
from modelver.content.standing.mark import Standing
from modelver.storage.folders import sync_folder


class NumberedSite(LocalSite):
    """A model's folder in a folder of models; see `Site`.

    Args:
        target: The folder of models.
        name: The model's folder in it.
        config_name: The configuration's name.
        config: Its bytes for the version that is to become current.
        wanted: The files, and where they come from.
        checking: How files that stand there are verified.
    """

    def __init__(
        self, target: Path, name: str, config_name: str, config: bytes, wanted: Wanted, checking: Checking
    ) -> None:
        top = target.parent / f".{target.name}.modelver"
        super().__init__(target / name, top, top / name, target / name, wanted, checking)
        self._config = self.shelf / config_name
        self._data = config

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the model's lock; refuse a mount point, to which nothing from beside it can be renamed."""
        models = self.shelf.parent
        with self.failing():
            if models.exists() and models.stat().st_dev != models.parent.stat().st_dev:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        with super().alone():
            yield

    def unused(self, folder: str) -> str:
        """Return the folder's name: a number is fixed."""
        return folder

    def publish(self, partial: Path, standing: Standing, before: Standing | None) -> None:
        """Give a complete folder its name; the first one comes with the model's folder and its configuration."""
        if not (self.shelf.is_dir() and any(self.shelf.iterdir())):
            self._publish_model(partial, standing)
            return
        final = self.path(standing)
        away = self.take_away(final, before or standing) if os.path.lexists(final) else None
        try:
            partial.rename(final)
        except OSError:
            if away is not None:
                with suppress(OSError):  # there may be another one by now
                    away.rename(final)
            raise
        sync_folder(self.shelf)
        if away is not None:
            self.throw_away(away)

    def _publish_model(self, partial: Path, standing: Standing) -> None:
        model = self.temporary()
        model.mkdir()
        partial.rename(model / standing.folder)
        write_durably(model / self._config.name, self._data)
        sync_folder(model)
        self.shelf.parent.mkdir(parents=True, exist_ok=True)
        if os.name == "nt" and self.shelf.exists():
            self.shelf.rmdir()  # Windows renames to no empty folder
        model.rename(self.shelf)
        sync_folder(self.shelf.parent)

    def points_to(self, standing: Standing) -> bool:  # noqa: ARG002 (the configuration names it)
        """Tell whether the configuration is the one for the version that is wished."""
        try:
            return self._config.read_bytes() == self._data
        except OSError:
            return False

    def point(self, standing: Standing) -> None:
        """Replace the configuration."""
        if not self.points_to(standing):
            self.replace(self._config, self._data)
