"""What is compared: one of two versions, with all that is known of it."""

from collections.abc import Mapping

import attrs

from modelver.values.digest import Digest
from modelver.values.filemap import FileMap
from modelver.values.manifest import Manifest
from modelver.values.name import ModelName
from modelver.values.provenance import Code, Provenance
from modelver.values.record import Metric


@attrs.frozen
class Side:
    """One of two versions to compare. What is left out is unknown, and the comparison says so.

    Attributes:
        name: The model's name.
        manifest: What the publisher stated.
        digest: The manifest's digest.
        maps: File maps by path in the version.
        evaluations: Metrics that were recorded later, in their order; the last one of a key counts.
        provenance: What was captured; None where nothing was.
        prompts: The texts of prompt files, by path in the version.
    """

    name: ModelName
    manifest: Manifest
    digest: Digest
    maps: Mapping[str, FileMap] = attrs.field(factory=dict)
    evaluations: tuple[Metric, ...] = ()
    provenance: Provenance | None = None
    prompts: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def ref(self) -> str:
        """The reference ``name:version``."""
        return f"{self.name}:{self.manifest.version}"

    @property
    def metrics(self) -> Mapping[tuple[str, str, str], Metric]:
        """The latest metric of each key; one that states no direction has that of the one before."""
        latest: dict[tuple[str, str, str], Metric] = {}
        for metric in (*self.manifest.metadata.metrics, *self.evaluations):
            before = latest.get(metric.key, metric)
            latest[metric.key] = attrs.evolve(metric, direction=metric.direction or before.direction)
        return latest

    @property
    def code(self) -> Code | None:
        """The code it was made with: as stated, else as captured."""
        captured = self.provenance.code if self.provenance else None
        return self.manifest.metadata.code or captured
