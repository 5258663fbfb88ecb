"""The facade: one class that people hold, over the rooms below."""

from modelver.registry.facade import Registry
from modelver.registry.loading import LoadedModel
from modelver.registry.results import History, HistoryEntry, VersionStatus

__all__ = ["History", "HistoryEntry", "LoadedModel", "Registry", "VersionStatus"]
