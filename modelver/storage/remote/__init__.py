"""Remote stores: which client may serve as one, and how it is opened. The only list of kinds is here."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modelver.errors import InvalidValue, ModelverError, StoreError, UnsupportedStore
from modelver.storage.remote.bucket import Place
from modelver.storage.remote.store import RemoteStore
from modelver.storage.remote.tries import attempt_timeout
from modelver.storage.remote.words import cant_open
from modelver.values.url import without_credentials

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from modelver.storage.remote.sftp_connection import SftpOptions

EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("sftp", "ssh"), "sftp"),
}
"""URL schemes that can be a registry, with the extra that brings their client."""

_UNNAMED = frozenset({"use_listings_cache", "listings_expiry_time", "max_paths", "skip_instance_cache"})
"""Options of all fsspec filesystems that no class of them names."""

WOULD_DO = "a folder, memory://, s3://, gs://, az:// or sftp://"


def open_url(url: str, scheme: str, storage_options: Mapping[str, object], timeout: float) -> RemoteStore:
    """Return the store at a URL of one of the schemes in `EXTRAS`; nothing is asked of it yet.

    Raises:
        InvalidValue: The URL has credentials or no bucket, or its client knows no such option.
        StoreError: Its client is not installed, or refuses the URL or the options.
        UnsupportedStore: Its client can't create exclusively.
    """
    extra = EXTRAS[scheme]
    login, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    if at and (":" in login or extra in {"s3", "gcs"}):
        raise InvalidValue(
            "credentials don't belong in an address, which is shown and recorded",
            where=f"{scheme}://...@...",
            hint="Give them as storage_options, or leave them to the environment.",
        )
    shown = without_credentials(url)
    if not url.partition("://")[2].strip("/"):
        raise InvalidValue("a bucket or folder is missing", where=shown, expected=f"{scheme}://name/folder")
    try:
        return _opened(url, scheme, storage_options, timeout)
    except ModelverError:
        raise
    except ImportError:
        raise StoreError(
            "a package for this kind of store is missing",
            where=shown,
            hint=f"Install it: pip install 'modelver[{extra}]'",
        ) from None
    except Exception as error:  # noqa: BLE001 (every client raises its own)
        raise cant_open(shown, error) from None


def _opened(url: str, scheme: str, storage_options: Mapping[str, object], timeout: float) -> RemoteStore:
    """Open by an fsspec filesystem of our own: no shared instance, no cache of listings."""
    from fsspec.core import url_to_fs

    if EXTRAS[scheme] == "sftp":
        # Its filesystem would connect at once, before the host's key is looked up; and installing sshfs gives these
        # schemes to another class, whose options differ.
        from fsspec.implementations.sftp import SFTPFileSystem

        from modelver.storage.remote.sftp_connection import options_from

        settings = {**SFTPFileSystem._get_kwargs_from_urls(url), **storage_options}  # noqa: SLF001 (fsspec's own hook, which every filesystem has)
        path = _named(SFTPFileSystem._strip_protocol(url), "sftp")  # noqa: SLF001 (as above)
        return RemoteStore(_sftp_place(options_from(settings), path, attempt_timeout(timeout)), timeout)
    filesystem, path = url_to_fs(
        url, **{**storage_options, "use_listings_cache": False, "skip_instance_cache": True}
    )
    _refuse_unknown(filesystem, storage_options, {"profile"} if EXTRAS[scheme] == "s3" else frozenset())
    return open_filesystem(filesystem, path, timeout)


def _refuse_unknown(
    filesystem: "AbstractFileSystem", options: Mapping[str, object], more: "set[str] | frozenset[str]"
) -> None:
    """Refuse options that a filesystem does not name: it takes any, and a mistyped endpoint would be Amazon's.

    Raises:
        InvalidValue: There is one.
    """
    makers = [vars(kind).get("__init__") for kind in type(filesystem).__mro__]
    named = {
        name for maker in filter(callable, makers) for name in inspect.signature(maker).parameters
    } | more
    unknown = [name for name in options if name not in named | _UNNAMED]
    if unknown:
        similar = difflib.get_close_matches(unknown[0], named, n=1)
        raise InvalidValue(
            "no such storage option",
            where=unknown[0],
            expected=f"a setting of {type(filesystem).__module__.partition('.')[0]}'s {type(filesystem).__name__}",
            hint=f"Did you mean {similar[0]}?" if similar else "",
        )


def open_filesystem(filesystem: "AbstractFileSystem", path: str, timeout: float) -> RemoteStore:
    """Return the store in a path of an fsspec filesystem.

    Args:
        filesystem: An instance of a class that was proved; subclasses and wrappers may drop the condition of a write.
        path: A bucket and a prefix in it, or a folder.
        timeout: Seconds that a request may take with all its repetitions.

    Raises:
        UnsupportedStore: It is of another class.
        InvalidValue: The path names no bucket.
    """
    kind = f"{type(filesystem).__module__}.{type(filesystem).__qualname__}"
    if kind == "fsspec.implementations.dirfs.DirFileSystem":
        inner: Any = filesystem
        return open_filesystem(inner.fs, f"{inner.path}/{path}".rstrip("/"), timeout)
    if kind not in _KINDS:
        raise UnsupportedStore(
            "this kind of store is not known to create an object only where there is none",
            where=kind,
            expected=WOULD_DO,
            hint="Open the store itself, not a cache in front of it; or keep the registry in one of these.",
        )
    place = _KINDS[kind](filesystem, _named(path, kind), attempt_timeout(timeout))
    return RemoteStore(place, timeout)


def _named(path: str, kind: str) -> str:
    """Return a path that has at least a bucket or folder."""
    if not path.strip("/"):
        raise InvalidValue("a bucket or folder is missing", where=kind, expected="s3://bucket/prefix")
    return path


def _s3(filesystem: Any, path: str, timeout: float) -> Place:
    from modelver.storage.remote.s3 import GUARANTEES, S3Bucket
    from modelver.storage.remote.s3_options import s3_options

    bucket, prefix, _ = filesystem.split_path(path)
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    options = s3_options(filesystem)
    url = f"s3://{bucket}/{prefix}".rstrip("/")
    endpoint = str(options.client.get("endpoint_url", "AWS"))
    return Place(url, endpoint, GUARANTEES, lambda: S3Bucket(bucket, prefix, options, timeout))


def _azure(filesystem: Any, path: str, timeout: float) -> Place:
    from modelver.storage.remote.azure import GUARANTEES, AzureContainer
    from modelver.storage.remote.loop import made_anew

    container, prefix = _parted(filesystem, path)
    url, make = f"az://{container}/{prefix}".rstrip("/"), made_anew(filesystem)
    endpoint = without_credentials(str(filesystem.service_client.url))
    return Place(url, endpoint, GUARANTEES, lambda: AzureContainer(container, prefix, make(), timeout))


def _gcs(filesystem: Any, path: str, timeout: float) -> Place:
    from modelver.storage.remote.gcs import GUARANTEES, GcsBucket
    from modelver.storage.remote.loop import made_anew

    bucket, prefix = _parted(filesystem, path)
    url, make = f"gs://{bucket}/{prefix}".rstrip("/"), made_anew(filesystem)
    endpoint = without_credentials(str(filesystem.base))
    return Place(url, endpoint, GUARANTEES, lambda: GcsBucket(bucket, prefix, make(), timeout))


def _parted(filesystem: Any, path: str) -> tuple[str, str]:
    """Return a bucket and a prefix, which is empty or has a final slash."""
    bucket, _, prefix = filesystem._strip_protocol(path).strip("/").partition("/")  # noqa: SLF001 (fsspec's own hook, which every filesystem has)
    return bucket, f"{prefix}/" if prefix else ""


def _sftp(filesystem: Any, path: str, timeout: float) -> Place:
    from modelver.storage.remote.sftp_connection import options_of

    return _sftp_place(options_of(filesystem), filesystem._strip_protocol(path), timeout)  # noqa: SLF001 (as above)


def _sftp_place(options: "SftpOptions", path: str, timeout: float) -> Place:
    from modelver.storage.remote.sftp import GUARANTEES, SftpFolder

    root = f"/{path.strip('/')}"
    url = f"sftp://{options.address}{root}"
    return Place(url, "", GUARANTEES, lambda: SftpFolder(options, root, timeout))


_KINDS: Mapping[str, Callable[["AbstractFileSystem", str, float], Place]] = {
    "s3fs.core.S3FileSystem": _s3,
    "adlfs.spec.AzureBlobFileSystem": _azure,
    "gcsfs.core.GCSFileSystem": _gcs,
    "gcsfs.extended_gcsfs.ExtendedGcsFileSystem": _gcs,
    "fsspec.implementations.sftp.SFTPFileSystem": _sftp,
}
