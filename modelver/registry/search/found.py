"""What a search found, as a list of versions that shows itself."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast, overload

import attrs

from modelver.index.columns import title
from modelver.index.stored import Stored, value_at
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.model_version import ModelVersion

_HTML_ROWS = 100


@attrs.frozen
class FoundRow:
    """One version that was found.

    Attributes:
        version: The version.
        aliases: The aliases that named it when the index last looked.
        yanked: Whether it had been yanked.
        values: What it has of the metrics, parameters, tags and metadata that the search speaks of, by their names.
    """

    version: ModelVersion
    aliases: tuple[str, ...]
    yanked: bool
    values: Mapping[str, Json]


class Found(Sequence[ModelVersion]):
    """The versions that a search found, in its order; each is made when it is first asked for.

    Args:
        asked: The search in words.
        stored: Their rows in the index.
        columns: The variables that the search speaks of.
        at: The time of the search, for approvals.
        make: Makes a version of a row.
    """

    def __init__(
        self,
        asked: str,
        stored: Sequence[Stored],
        columns: Sequence[Sequence[str]],
        at: str,
        make: Callable[[Stored], ModelVersion],
    ) -> None:
        self.asked = asked
        self._stored = stored
        self._columns = columns
        self._at = at
        self._make = make
        self._made: dict[int, ModelVersion] = {}

    @overload
    def __getitem__(self, index: int) -> ModelVersion: ...
    @overload
    def __getitem__(self, index: slice) -> list[ModelVersion]: ...
    def __getitem__(self, index: int | slice) -> ModelVersion | list[ModelVersion]:
        """Return one version, or several."""
        places = range(len(self._stored))[index]
        return (
            self._version(places) if isinstance(places, int) else [self._version(place) for place in places]
        )

    def _version(self, place: int) -> ModelVersion:
        if place not in self._made:
            self._made[place] = self._make(self._stored[place])
        return self._made[place]

    def __len__(self) -> int:
        return len(self._stored)

    def __eq__(self, other: object) -> bool:
        """Tell whether the same versions were found, in the same order; a list of versions will do."""
        if isinstance(other, Found | list | tuple):
            return list(self) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment] # as a list

    @property
    def columns(self) -> tuple[str, ...]:
        """The metrics, parameters, tags and metadata that the search speaks of."""
        return tuple(map(title, self._columns))

    def rows(self) -> Iterator[FoundRow]:
        """Yield the versions with their aliases, and with what the search asked about."""
        for place, stored in enumerate(self._stored):
            variables = stored.subject(self._at)
            yield FoundRow(
                version=self._version(place),
                aliases=tuple(cast("list[str]", variables["aliases"])),
                yanked=bool(stored.yanked),
                values={title(path): cast("Json", value_at(variables, path)) for path in self._columns},
            )

    def __repr__(self) -> str:
        first = ", ".join(version.ref for version in self[:3])
        return f"<Found {len(self):,}: {first}{', ...' if len(self) > 3 else ''}>"  # noqa: PLR2004 (as many are shown)

    def __str__(self) -> str:
        return "\n".join(version.ref for version in self)

    def _repr_html_(self) -> str:
        rows = [
            (
                html.code(row.version.ref),
                html.text("yanked" if row.yanked else ", ".join(row.aliases)),
                html.text(_moment(row.version.created_at)),
                html.text(row.version.created_by),
                *(html.text(shown(value)) for value in row.values.values()),
            )
            for row, _ in zip(self.rows(), range(_HTML_ROWS), strict=False)
        ]
        more = f", the first {_HTML_ROWS} shown" if len(self) > _HTML_ROWS else ""
        header = ("version", "aliases", "registered (UTC)", "by", *self.columns)
        note = f"{len(self):,} version{'' if len(self) == 1 else 's'}{more}"
        return html.heading(self.asked or "all versions", note) + html.table(header, rows)


def shown(value: object) -> str:
    """Return a value in a table's cell."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
