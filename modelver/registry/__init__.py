"""The facade: one class that people hold, over the rooms below."""

from modelver.registry.base.results import History, HistoryEntry, VersionStatus
from modelver.registry.facade import Registry
from modelver.registry.serving.loading import LoadedModel

__all__ = ["History", "HistoryEntry", "LoadedModel", "Registry", "VersionStatus"]
