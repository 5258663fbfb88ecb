"""What a card is written from: all that is known of one version, as values."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from modelver.compare.metrics import direction
from modelver.history.state import Mark
from modelver.publish.judged import Judged
from modelver.values.digest import Digest
from modelver.values.making import Architecture, PromptFile
from modelver.values.manifest import Manifest
from modelver.values.provenance import Environment, Provenance
from modelver.values.record import Direction, Metric


@attrs.frozen
class Measured:
    """A version and the figures that are known of it."""

    version: str
    metrics: tuple[Metric, ...]


@attrs.frozen
class CardFacts:
    """What a card is written from.

    Attributes:
        registry: The registry's id.
        manifest: What the publisher states.
        digest: The version's digest.
        created_at: When it was registered.
        created_by: By whom.
        at: When the newest of these facts became one.
        metrics: The latest figures.
        tags: With those that were added or taken away later.
        notes: Added later.
        aliases: Which name it now, sorted.
        judged: What people said of it, the oldest first.
        yanked: Who yanked it; None where nobody did.
        provenance: What was captured.
        architecture: How it is built: as stated, else as its files tell.
        prompts: Its prompt templates, with the variables in their texts.
        tensors: The number of tensors that the weights' headers tell of.
        formats: The weight files' formats, as far as they are known.
        past: The model's versions with their figures, the lowest first; this one is among them.
    """

    registry: str
    manifest: Manifest
    digest: Digest
    created_at: datetime
    created_by: str
    at: datetime
    metrics: tuple[Metric, ...] = ()
    tags: Mapping[str, str] = attrs.field(factory=dict)
    notes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    judged: tuple[Judged, ...] = ()
    yanked: Mark | None = None
    provenance: Provenance = attrs.field(factory=Provenance)
    architecture: Architecture = attrs.field(factory=Architecture)
    prompts: tuple[PromptFile, ...] = ()
    tensors: int = 0
    formats: tuple[str, ...] = ()
    past: tuple[Measured, ...] = ()

    @property
    def ref(self) -> str:
        """The reference ``name:version``."""
        return f"{self.manifest.model}:{self.manifest.version}"

    @property
    def environment(self) -> Environment | None:
        """The environment that was captured."""
        return self.provenance.environment

    @property
    def size(self) -> str:
        """How large the model is, in words; nothing where that is not known."""
        built = self.architecture
        parts = [
            "" if built.parameters is None else f"{built.parameters:,} parameters",
            f"{self.tensors:,} tensors" if self.tensors else "",
            "" if built.layers is None else f"{built.layers:,} layers",
        ]
        return ", ".join(filter(None, parts))

    def custom_texts(self, key: str) -> tuple[str, ...]:
        """Return a field of the publisher's own as texts: one, several, or none where it is something else."""
        value = self.manifest.metadata.custom.get(key)
        several = value if isinstance(value, list | tuple) else [value]
        return tuple(each for each in several if isinstance(each, str) and each.strip())


def better(metric: Metric) -> Direction:
    """Return which way a metric is better: as stated, else as its name tells."""
    return metric.direction or direction(metric.name)
