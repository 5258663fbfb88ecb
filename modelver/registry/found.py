"""What a search found, as a list of versions that shows itself."""

from collections.abc import Iterator, Mapping, Sequence
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


@attrs.frozen(repr=False)
class Found(Sequence[ModelVersion]):
    """The versions that a search found, in its order.

    Attributes:
        asked: The search in words.
        versions: The versions.
    """

    asked: str
    versions: tuple[ModelVersion, ...]
    _stored: tuple[Stored, ...] = attrs.field(alias="stored", eq=False)
    _columns: tuple[tuple[str, ...], ...] = attrs.field(alias="columns", eq=False)
    _at: str = attrs.field(alias="at", eq=False)

    @overload
    def __getitem__(self, index: int) -> ModelVersion: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ModelVersion, ...]: ...
    def __getitem__(self, index: int | slice) -> ModelVersion | tuple[ModelVersion, ...]:
        """Return one version, or several."""
        return self.versions[index]

    def __len__(self) -> int:
        return len(self.versions)

    def __iter__(self) -> Iterator[ModelVersion]:
        return iter(self.versions)

    @property
    def columns(self) -> tuple[str, ...]:
        """The metrics, parameters, tags and metadata that the search speaks of."""
        return tuple(map(title, self._columns))

    def rows(self) -> Iterator[FoundRow]:
        """Yield the versions with their aliases, and with what the search asked about."""
        for version, stored in zip(self.versions, self._stored, strict=True):
            variables = stored.subject(self._at)
            yield FoundRow(
                version=version,
                aliases=tuple(cast("list[str]", variables["aliases"])),
                yanked=bool(stored.yanked),
                values={title(path): cast("Json", value_at(variables, path)) for path in self._columns},
            )

    def __repr__(self) -> str:
        return f"<Found {len(self)}: {', '.join(version.ref for version in self.versions[:3])}{', ...' * (len(self) > 3)}>"  # noqa: PLR2004 (shown)

    def __str__(self) -> str:
        return "\n".join(version.ref for version in self.versions)

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
