"""What a follower needs of a registry."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol, TypeVar

import attrs

from modelver.values.model_version import ModelVersion

F_co = TypeVar("F_co", covariant=True)


@attrs.frozen
class Sighting:
    """What a reference named when it was looked at.

    Attributes:
        version: The version.
        generation: Number of the commit that made the alias name it; 0 where the reference is no alias.
        cause: Why the alias moved, such as ``promote`` or ``rollback``; empty where the reference is no alias.
        reason: What was given as the reason.
        by: Who moved it.
        as_of: When this was so, where the registry can't be reached now; None where it is so now.
        yanked: Why the version was yanked; None where it was not.
    """

    version: ModelVersion
    generation: int = 0
    cause: str = ""
    reason: str = ""
    by: str = ""
    as_of: datetime | None = None
    yanked: str | None = None


class Source(Protocol[F_co]):
    """One reference of one registry."""

    @property
    def ref(self) -> str:
        """The reference that is followed."""
        ...

    def look(self) -> Sighting:
        """Return what the reference names; one request where nothing moved.

        Raises:
            ModelverError: That can't be told.
        """
        ...

    def earlier(self) -> Iterator[Sighting]:
        """Yield what the reference named before, by what `look` saw, the nearest first; nothing that was rolled away from."""
        ...

    def fetch(self, version: ModelVersion) -> F_co:
        """Return a version's files, verified.

        Raises:
            ModelverError: They can't be had, or are damaged.
        """
        ...
