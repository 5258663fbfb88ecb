"""A registered version, as people hold it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import attrs

from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from modelver.values.making import Architecture, PromptFile
from modelver.values.manifest import Manifest
from modelver.values.name import ModelName
from modelver.values.provenance import Provenance
from modelver.values.record import Changelog, Metadata, Metric
from modelver.values.sizes import format_size
from modelver.values.version import Version


class Details(Protocol):
    """Reads what a version's digest names, once it is asked for."""

    def manifest(self) -> Manifest:
        """Return the version's manifest, checked against its digest."""
        ...

    def provenance(self) -> Provenance:
        """Return what was captured when the version was registered."""
        ...

    def architecture(self) -> Architecture:
        """Return what is stated of the architecture, else what the files tell."""
        ...

    def prompts(self) -> tuple[PromptFile, ...]:
        """Return the prompts with the variables in their texts."""
        ...


@attrs.frozen
class ModelVersion:
    """One immutable version of a model.

    Two are equal when they name the same version with the same digest. Manifest and provenance are read from the
    registry when they are first asked for, and checked; reading can raise `NotFound`, `IntegrityError` or `StoreError`.

    Attributes:
        name: The model's name.
        version: The version under the model's scheme.
        digest: The SHA-256 of its manifest: its identity.
        created_at: When it was registered, in UTC.
        created_by: Who registered it.
        created: Whether the call that returned this made the version.
        alias: The alias that it was asked for by; empty where it was asked for otherwise.
    """

    name: ModelName
    version: Version
    digest: Digest
    created_at: datetime
    created_by: str
    _details: Details = attrs.field(alias="details", repr=False, eq=False)
    created: bool = attrs.field(default=False, eq=False)
    alias: str = attrs.field(default="", eq=False)

    def __str__(self) -> str:
        return self.ref

    @property
    def ref(self) -> str:
        """The reference ``name:version``."""
        return f"{self.name}:{self.version}"

    @property
    def manifest(self) -> Manifest:
        """What the publisher stated, all of it."""
        return self._details.manifest()

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """The version's files, sorted by path."""
        return self.manifest.files

    @property
    def metadata(self) -> Metadata:
        """What the publisher stated beside the files."""
        return self.manifest.metadata

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics at publication; `Registry.status` has the later ones."""
        return self.metadata.metrics

    @property
    def params(self) -> Mapping[str, Json]:
        """The hyperparameters."""
        return self.metadata.params

    @property
    def changelog(self) -> Changelog:
        """What changed, for people."""
        return self.manifest.changelog

    @property
    def provenance(self) -> Provenance:
        """What was captured when it was registered: code, environment, host, run."""
        return self._details.provenance()

    @property
    def architecture(self) -> Architecture:
        """How it is built: what is stated, and where nothing is, what its weights, ``config.json`` and ONNX graph tell."""
        return self._details.architecture()

    @property
    def prompts(self) -> tuple[PromptFile, ...]:
        """The prompt templates: path, own version, and the variables that were found in the text."""
        return self._details.prompts()

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def telemetry(self, *, alias: str | None = None) -> dict[str, str | bool]:
        """Return what logs, traces and metrics say of the version: flat, and always with the same keys.

        Args:
            alias: The alias that it serves; None: the one that it was asked for by.

        Returns:
            ``model.name``, ``model.version``, ``model.digest`` (``sha256:`` and 64 hexadecimal digits), ``model.alias``
            (empty where there is none) and ``model.external_facing`` (whether people outside the organisation meet its
            output; false where that is not said).
        """
        return {
            "model.name": str(self.name),
            "model.version": str(self.version),
            "model.digest": str(self.digest),
            "model.alias": self.alias if alias is None else alias,
            "model.external_facing": bool(self.metadata.external_facing),
        }

    def _repr_html_(self) -> str:
        facts = [
            ("digest", html.code(self.digest)),
            ("registered", html.text(f"{self.created_at:%Y-%m-%d %H:%M:%S} UTC by {self.created_by}")),
            ("changelog", html.text(self.changelog.summary)),
            *(
                (title.lower(), html.text("; ".join(lines)))
                for title, lines in self.changelog.sections.items()
            ),
            (
                "metrics",
                html.text(", ".join(f"{metric.name} {metric.value:g}" for metric in self.metrics[:8])),
            ),
            ("intended use", html.text("; ".join(self.metadata.intended_use))),
            ("limitations", html.text("; ".join(self.metadata.limitations))),
        ]
        files = [
            (
                html.code(entry.path),
                html.text(entry.role),
                html.text(format_size(entry.size)),
                html.code(entry.sha256[:12]),
            )
            for entry in self.files[:50]
        ]
        more = f", {len(self.files) - 50} more" if len(self.files) > 50 else ""  # noqa: PLR2004 (rows shown)
        return (
            html.heading(self.ref, f"{len(self.files)} files, {format_size(self.size)}{more}")
            + html.table((), [(html.text(label), value) for label, value in facts if value])
            + html.table(("file", "role", "size", "sha256"), files)
        )
