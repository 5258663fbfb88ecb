from modelver.compare import Comparison as Comparison
from modelver.errors import (
    AlreadyExists as AlreadyExists,
    ApprovalRequired as ApprovalRequired,
    CommitUnknown as CommitUnknown,
    Conflict as Conflict,
    Corrupt as Corrupt,
    IntegrityError as IntegrityError,
    InvalidName as InvalidName,
    InvalidValue as InvalidValue,
    LimitExceeded as LimitExceeded,
    LogTampered as LogTampered,
    ModelverError as ModelverError,
    NotFound as NotFound,
    Offline as Offline,
    Refused as Refused,
    RollbackDetected as RollbackDetected,
    SignatureError as SignatureError,
    SourceChanged as SourceChanged,
    StoreError as StoreError,
    UnsafeFormat as UnsafeFormat,
    UnsafePath as UnsafePath,
    UnsupportedStore as UnsupportedStore,
)
from modelver.hashing.stream import hash_file as hash_file
from modelver.hashing.tree import TreeDigest as TreeDigest, hash_tree as hash_tree
from modelver.registry import (
    History as History,
    HistoryEntry as HistoryEntry,
    LoadedModel as LoadedModel,
    Registry as Registry,
    VersionStatus as VersionStatus,
)
from modelver.values.digest import Digest as Digest
from modelver.values.file import FileEntry as FileEntry, Role as Role
from modelver.values.filemap import (
    FileDigest as FileDigest,
    FileMap as FileMap,
    Range as Range,
    Tensor as Tensor,
)
from modelver.values.manifest import Manifest as Manifest
from modelver.values.model_version import ModelVersion as ModelVersion
from modelver.values.name import Alias as Alias, ModelName as ModelName
from modelver.values.provenance import (
    Code as Code,
    Environment as Environment,
    Host as Host,
    Provenance as Provenance,
    Run as Run,
)
from modelver.values.record import (
    BaseModel as BaseModel,
    Changelog as Changelog,
    Dataset as Dataset,
    Metadata as Metadata,
    Metric as Metric,
)
from modelver.values.ref import Ref as Ref
from modelver.values.report import Finding as Finding, Report as Report
from modelver.values.scheme import Scheme as Scheme
from modelver.values.version import Version as Version

__version__: str
