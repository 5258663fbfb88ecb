"""Where bytes live: the only room that imports fsspec."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modelver.errors import InvalidValue, UnsupportedStore
from modelver.storage.cached import CachedStore
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from modelver.storage.remote.named import NamedFiles
from modelver.storage.remote.store import RemoteStore
from modelver.storage.remote.tries import DEFAULT_TIMEOUT
from modelver.storage.store import Store
from modelver.values.url import without_credentials

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["DEFAULT_TIMEOUT", "is_local", "open_named", "open_store", "with_cache"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)(.*)", re.DOTALL)
_ONE_SLASH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(.*)", re.DOTALL)
"""What `pathlib.Path` makes of a URL."""


def open_store(
    url: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, object] | None = None,
    fs: "AbstractFileSystem | None" = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Store:
    """Return the store at an address. Nothing is asked of it, and nothing made there, until that is needed.

    Args:
        url: A folder's path (``~`` is the home folder), a ``file:///`` URL (RFC 8089), ``memory://name``, or the URL of
            a bucket: ``s3://``, ``gs://``, ``az://``, ``sftp://``. With `fs`: a path in it.
        storage_options: Settings of a remote store's client, in the words of its fsspec filesystem.
        fs: A filesystem of fsspec that the caller has set up; its settings are taken, not its connection or caches.
        timeout: Seconds that a request to a remote store may take with all its repetitions.

    Raises:
        InvalidValue: The address is malformed, or was given options that it doesn't take.
        UnsupportedStore: It is of a kind that modelver can't use.
        StoreError: Something that is no folder is there, or a client is not installed.
    """
    address = os.fspath(url)
    options = dict(storage_options or {})
    if fs is not None:
        _refuse_options(options, "fs")
        return _in_filesystem(fs, address, timeout)
    match = _URL.fullmatch(address)
    if match is None:
        _refuse_broken_url(address)
        _refuse_options(options, address)
        return LocalStore(_folder(address))
    return _open_url(match[1].lower(), match[2], match[3], options, timeout)


def open_named(
    url: str, *, storage_options: Mapping[str, object] | None = None, timeout: float = DEFAULT_TIMEOUT
) -> tuple[NamedFiles, str]:
    """Return where files with names of their own can be kept in a bucket, and the folder there that a URL names.

    It is the folder above, where there is one: what an upload needs meanwhile is not among the files then.

    Args:
        url: Such as ``s3://bucket/models/fraud``: the bucket's ``models``, and ``fraud``.
        storage_options: Settings of its client.
        timeout: Seconds that a request may take with all its repetitions.

    Raises:
        InvalidValue: The address is malformed.
        UnsupportedStore: It is of a kind where an object can't be replaced in one step.
    """
    from modelver.storage import remote

    scheme, separator, place = url.rstrip("/").partition("://")
    if not separator or remote.EXTRAS.get(scheme.lower(), "sftp") == "sftp":
        raise UnsupportedStore(
            "not a place for files that are kept in step",
            where=without_credentials(url) or scheme,
            expected="a folder, s3://, gs:// or az://",
        )
    if not {"", ".", ".."}.isdisjoint(place.split("/")):
        raise InvalidValue("not an address with plain folders", where=without_credentials(url))
    above, _, folder = place.rpartition("/")
    address = f"{scheme}://{above or folder}"
    store = remote.open_url(address, scheme.lower(), dict(storage_options or {}), timeout)
    return NamedFiles(store), folder if above else ""


def is_local(store: Store) -> bool:
    """Tell whether a store is on this machine, so that making one costs and surprises nobody."""
    return not isinstance(store, RemoteStore | CachedStore)


def with_cache(store: Store, cache: Path, is_trusted: Callable[[], bool], *, offline: bool) -> Store:
    """Return a store that remembers on this machine what was read of it, where it is remote; see `CachedStore`."""
    return CachedStore(store, cache, is_trusted, offline=offline) if isinstance(store, RemoteStore) else store


def _refuse_options(options: Mapping[str, object], where: str) -> None:
    if options:
        raise InvalidValue(
            "this store takes no options",
            where=where,
            found=", ".join(options),
            hint="They are for one in a bucket: is its address missing?",
        )


def _refuse_broken_url(address: str) -> None:
    """Refuse a path that was a URL before it lost a slash: a folder of that name would be made without a word.

    Raises:
        InvalidValue: It is one.
    """
    from modelver.storage import remote

    match = _ONE_SLASH.fullmatch(address)
    if match and match[1].lower() in {*remote.EXTRAS, "file", "memory"}:
        raise InvalidValue(
            "not the address of a store",
            where=without_credentials(address.replace(":/", "://", 1)),
            expected=f"{match[1]}:// with two slashes",
            hint="Give a URL as text: pathlib.Path takes a slash away.",
        )


def _open_url(scheme: str, separator: str, rest: str, options: Mapping[str, object], timeout: float) -> Store:
    from modelver.storage import remote

    address = f"{scheme}{separator}{rest}"
    if separator == "://" and scheme in remote.EXTRAS:
        return remote.open_url(address, scheme, options, timeout)
    shown = without_credentials(address)
    if separator == "::" or scheme not in {"memory", "file"}:
        raise UnsupportedStore(
            "not a kind of store that a registry can be in",
            where=shown or scheme,
            expected=remote.WOULD_DO,
            hint="A registry needs a store that creates an object only where there is none.",
        )
    _refuse_options(options, shown)
    if scheme == "memory" and rest:
        return MemoryStore(rest)
    if scheme == "file" and rest.startswith(("/", "localhost/")):
        path = unquote(rest.removeprefix("localhost"))
        return LocalStore(_folder(path.removeprefix("/") if os.name == "nt" else path))
    raise InvalidValue(
        "not the address of a store", where=address, expected="file:///folder or memory://name"
    )


def _in_filesystem(fs: "AbstractFileSystem", path: str, timeout: float) -> Store:
    from fsspec.implementations.local import LocalFileSystem

    from modelver.storage import remote

    inside = str(fs._strip_protocol(path))  # noqa: SLF001 (fsspec's own hook, which every filesystem has)
    if type(fs) is LocalFileSystem:
        return LocalStore(_folder(inside))
    return remote.open_filesystem(fs, inside, timeout)


def _folder(path: str) -> Path:
    if not path or "\0" in path:
        raise InvalidValue("not the path of a folder", where=repr(path))
    return Path(path).expanduser()
