"""modelver: a model registry without a server.

>>> import modelver as mv
>>> registry = mv.Registry("memory://docs")
>>> version = registry.register("fraud-detector", {"model.txt": b"weights"}, changelog="The first.")
>>> version.version
'1.0.0'

The names below are resolved when they are first used, so that the import is quick.
"""

from importlib import import_module

__version__ = "0.1.0"

_PLACES = {
    "compare": ("Comparison",),
    "errors": (
        "AlreadyExists",
        "ApprovalRequired",
        "CommitUnknown",
        "Conflict",
        "Corrupt",
        "IntegrityError",
        "InvalidName",
        "InvalidValue",
        "LimitExceeded",
        "LogTampered",
        "ModelverError",
        "NotFound",
        "Offline",
        "Refused",
        "RollbackDetected",
        "SignatureError",
        "SourceChanged",
        "StoreError",
        "UnsafeFormat",
        "UnsafePath",
        "UnsupportedStore",
    ),
    "gates.policy": ("Policy", "Requirement"),
    "hashing.stream": ("hash_file",),
    "hashing.tree": ("TreeDigest", "hash_tree"),
    "notify.delivery": ("Delivery",),
    "notify.notified": ("Notified",),
    "publish.audit": ("Audit",),
    "publish.card": ("Card",),
    "publish.changelog": ("ModelChangelog",),
    "publish.notes": ("Notes",),
    "registry": ("History", "HistoryEntry", "LoadedModel", "Registry", "VersionStatus"),
    "registry.aliases.standing": ("AliasStatus", "Distance", "ModelStatus"),
    "registry.checking.diagnosing": ("diagnose",),
    "registry.governing.promoting": ("Promotion",),
    "registry.release.released": ("Release",),
    "registry.replication.bundling": ("Exported",),
    "registry.replication.replicated": ("Replicated",),
    "registry.search.found": ("Found", "FoundRow"),
    "registry.working_tree.drifting": ("Drift",),
    "registry.working_tree.matching": ("Match",),
    "serving.change": ("Change", "Figures"),
    "serving.follower": ("Follower",),
    "serving.guarding.guard": ("Guard",),
    "serving.guarding.report": ("GuardReport",),
    "serving.guarding.window": ("Window",),
    "serving.kpis.csv_file": ("CsvReader",),
    "serving.kpis.parquet_file": ("ParquetReader",),
    "serving.kpis.prometheus": ("PrometheusReader",),
    "serving.materialized": ("Materialized",),
    "serving.served": ("Served", "now_serving"),
    "serving.telemetry.asgi": ("ASGIVersionHeaders",),
    "serving.telemetry.attributes": ("gen_ai_attributes", "resource_attributes"),
    "serving.telemetry.logs": ("VersionFilter", "add_version"),
    "serving.telemetry.prometheus": ("FollowerCollector",),
    "serving.telemetry.spans": ("VersionSpanProcessor",),
    "serving.telemetry.wsgi": ("WSGIVersionHeaders",),
    "storage.examination": ("Examination",),
    "values.digest": ("Digest",),
    "values.file": ("FileEntry", "Role"),
    "values.filemap": ("FileDigest", "FileMap", "Range", "Tensor"),
    "values.making": ("Architecture", "Port", "Prompt", "PromptFile", "Step"),
    "values.manifest": ("Manifest",),
    "values.model_version": ("ModelVersion",),
    "values.name": ("Alias", "ModelName"),
    "values.provenance": ("Code", "Environment", "Host", "Provenance", "Run"),
    "values.reading": ("Breach", "Reading", "RuleAnswer"),
    "values.record": ("BaseModel", "Changelog", "Dataset", "Metadata", "Metric"),
    "values.ref": ("Ref",),
    "values.report": ("Finding", "Report"),
    "values.scheme": ("Scheme",),
    "values.verdict": ("Verdict",),
    "values.version": ("Version",),
}
_ROOM_OF = {name: room for room, names in _PLACES.items() for name in names}

__all__ = [*sorted(_ROOM_OF), "__version__"]  # noqa: PLE0604 (type checkers read __init__.pyi)


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'modelver' has no attribute {name!r}")
    value: object = getattr(import_module(f"modelver.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
