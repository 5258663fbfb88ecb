from modelver.compare import Comparison as Comparison
from modelver.errors import (
    AlreadyExists as AlreadyExists,
)
from modelver.errors import (
    ApprovalRequired as ApprovalRequired,
)
from modelver.errors import (
    CommitUnknown as CommitUnknown,
)
from modelver.errors import (
    Conflict as Conflict,
)
from modelver.errors import (
    Corrupt as Corrupt,
)
from modelver.errors import (
    IntegrityError as IntegrityError,
)
from modelver.errors import (
    InvalidName as InvalidName,
)
from modelver.errors import (
    InvalidValue as InvalidValue,
)
from modelver.errors import (
    LimitExceeded as LimitExceeded,
)
from modelver.errors import (
    LogTampered as LogTampered,
)
from modelver.errors import (
    ModelverError as ModelverError,
)
from modelver.errors import (
    NotFound as NotFound,
)
from modelver.errors import (
    Offline as Offline,
)
from modelver.errors import (
    Refused as Refused,
)
from modelver.errors import (
    RollbackDetected as RollbackDetected,
)
from modelver.errors import (
    SignatureError as SignatureError,
)
from modelver.errors import (
    SourceChanged as SourceChanged,
)
from modelver.errors import (
    StoreError as StoreError,
)
from modelver.errors import (
    UnsafeFormat as UnsafeFormat,
)
from modelver.errors import (
    UnsafePath as UnsafePath,
)
from modelver.errors import (
    UnsupportedStore as UnsupportedStore,
)
from modelver.gates.policy import Policy as Policy
from modelver.gates.policy import Requirement as Requirement
from modelver.hashing.stream import hash_file as hash_file
from modelver.hashing.tree import TreeDigest as TreeDigest
from modelver.hashing.tree import hash_tree as hash_tree
from modelver.notify.delivery import Delivery as Delivery
from modelver.notify.notified import Notified as Notified
from modelver.publish.audit import Audit as Audit
from modelver.publish.card import Card as Card
from modelver.publish.changelog import ModelChangelog as ModelChangelog
from modelver.publish.notes import Notes as Notes
from modelver.registry import (
    History as History,
)
from modelver.registry import (
    HistoryEntry as HistoryEntry,
)
from modelver.registry import (
    LoadedModel as LoadedModel,
)
from modelver.registry import (
    Registry as Registry,
)
from modelver.registry import (
    VersionStatus as VersionStatus,
)
from modelver.registry.aliases.standing import AliasStatus as AliasStatus
from modelver.registry.aliases.standing import Distance as Distance
from modelver.registry.aliases.standing import ModelStatus as ModelStatus
from modelver.registry.checking.diagnosing import diagnose as diagnose
from modelver.registry.governing.promoting import Promotion as Promotion
from modelver.registry.release.released import Release as Release
from modelver.registry.replication.bundling import Exported as Exported
from modelver.registry.replication.replicated import Replicated as Replicated
from modelver.registry.search.found import (
    Found as Found,
)
from modelver.registry.search.found import (
    FoundRow as FoundRow,
)
from modelver.registry.working_tree.drifting import Drift as Drift
from modelver.registry.working_tree.matching import Match as Match
from modelver.serving.change import Change as Change
from modelver.serving.change import Figures as Figures
from modelver.serving.follower import Follower as Follower
from modelver.serving.guarding.guard import Guard as Guard
from modelver.serving.guarding.report import GuardReport as GuardReport
from modelver.serving.guarding.window import Window as Window
from modelver.serving.kpis.csv_file import CsvReader as CsvReader
from modelver.serving.kpis.parquet_file import ParquetReader as ParquetReader
from modelver.serving.kpis.prometheus import PrometheusReader as PrometheusReader
from modelver.serving.materialized import Materialized as Materialized
from modelver.serving.served import Served as Served
from modelver.serving.served import now_serving as now_serving
from modelver.serving.telemetry.asgi import ASGIVersionHeaders as ASGIVersionHeaders
from modelver.serving.telemetry.attributes import gen_ai_attributes as gen_ai_attributes
from modelver.serving.telemetry.attributes import resource_attributes as resource_attributes
from modelver.serving.telemetry.logs import VersionFilter as VersionFilter
from modelver.serving.telemetry.logs import add_version as add_version
from modelver.serving.telemetry.prometheus import FollowerCollector as FollowerCollector
from modelver.serving.telemetry.spans import VersionSpanProcessor as VersionSpanProcessor
from modelver.serving.telemetry.wsgi import WSGIVersionHeaders as WSGIVersionHeaders
from modelver.storage.examination import Examination as Examination
from modelver.values.digest import Digest as Digest
from modelver.values.file import FileEntry as FileEntry
from modelver.values.file import Role as Role
from modelver.values.filemap import (
    FileDigest as FileDigest,
)
from modelver.values.filemap import (
    FileMap as FileMap,
)
from modelver.values.filemap import (
    Range as Range,
)
from modelver.values.filemap import (
    Tensor as Tensor,
)
from modelver.values.making import (
    Architecture as Architecture,
)
from modelver.values.making import (
    Port as Port,
)
from modelver.values.making import (
    Prompt as Prompt,
)
from modelver.values.making import (
    PromptFile as PromptFile,
)
from modelver.values.making import (
    Step as Step,
)
from modelver.values.manifest import Manifest as Manifest
from modelver.values.model_version import ModelVersion as ModelVersion
from modelver.values.name import Alias as Alias
from modelver.values.name import ModelName as ModelName
from modelver.values.provenance import (
    Code as Code,
)
from modelver.values.provenance import (
    Environment as Environment,
)
from modelver.values.provenance import (
    Host as Host,
)
from modelver.values.provenance import (
    Provenance as Provenance,
)
from modelver.values.provenance import (
    Run as Run,
)
from modelver.values.reading import Breach as Breach
from modelver.values.reading import Reading as Reading
from modelver.values.reading import RuleAnswer as RuleAnswer
from modelver.values.record import (
    BaseModel as BaseModel,
)
from modelver.values.record import (
    Changelog as Changelog,
)
from modelver.values.record import (
    Dataset as Dataset,
)
from modelver.values.record import (
    Metadata as Metadata,
)
from modelver.values.record import (
    Metric as Metric,
)
from modelver.values.ref import Ref as Ref
from modelver.values.report import Finding as Finding
from modelver.values.report import Report as Report
from modelver.values.scheme import Scheme as Scheme
from modelver.values.verdict import Verdict as Verdict
from modelver.values.version import Version as Version

__version__: str
