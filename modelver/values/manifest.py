"""The manifest: what a publisher states about one version. The SHA-256 of its bytes is the version's digest."""

from collections.abc import Mapping
from typing import Self, cast

import attrs

from modelver.errors import LimitExceeded
from modelver.values import wire
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from modelver.values.name import ModelName
from modelver.values.path import check_together
from modelver.values.record import Changelog, Metadata

FORMAT = 1
MAX_MANIFEST = 16 * 2**20
"""A manifest larger than this many bytes is neither written nor read."""


def _checked(files: object) -> tuple[FileEntry, ...]:
    """Sort the files by path, and refuse paths that can't live together."""
    entries = tuple(sorted(files, key=lambda entry: entry.path))  # type: ignore[call-overload] # attrs types it
    check_together(entry.path for entry in entries)
    return entries


@attrs.frozen
class Manifest:
    """What a publisher states about one version, and nothing that was captured or derived.

    ``Manifest.from_bytes(manifest.to_bytes()) == manifest``, and the same statement has the same bytes everywhere.

    Attributes:
        model: The model's name.
        version: The version's text under the model's scheme.
        files: Sorted by path.
        metadata: See `Metadata`.
        changelog: See `Changelog`.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    model: ModelName
    version: str
    files: tuple[FileEntry, ...] = attrs.field(converter=_checked)
    metadata: Metadata = attrs.field(factory=Metadata)
    changelog: Changelog = attrs.field(factory=Changelog)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, which are stored as a blob.

        Raises:
            InvalidValue: The metadata is no JSON, or has a value that no reader accepts, such as a number as a tag.
            LimitExceeded: They would be larger than a reader accepts.
        """
        data = encode({**self._to_json(), "format": FORMAT})
        if len(data) > MAX_MANIFEST:
            raise LimitExceeded(
                "a version's manifest is too large",
                where=f"{self.model}:{self.version}",
                expected=f"at most {MAX_MANIFEST:,} bytes",
                found=f"{len(data):,}",
                hint="Store long texts and lists as files of the version.",
            )
        self.from_bytes(data, what=f"{self.model}:{self.version}")
        return data

    @classmethod
    def from_bytes(cls, data: bytes, *, what: str) -> Self:
        """Read a manifest from untrusted bytes.

        Raises:
            InvalidValue: They are no manifest of a format that this release knows.
        """
        stored = decode_object(data, what=what)
        return wire.from_json(wire.without_format(stored, FORMAT, kind="manifest", what=what), cls, what=what)

    @property
    def digest(self) -> Digest:
        """The version's digest: the SHA-256 of the canonical bytes."""
        return Digest.of(self.to_bytes())

    def file(self, path: str) -> FileEntry | None:
        """Return the file at a path, or None."""
        return next((entry for entry in self.files if entry.path == path), None)

    def content(self) -> bytes:
        """Return what makes content equal, canonical: files and metadata, not the version and its changelog."""
        return encode({**self._to_json(), "model": "", "version": "", "changelog": {}})

    def _to_json(self) -> Mapping[str, Json]:
        return cast("Mapping[str, Json]", wire.to_json(self))
