"""Where bytes live: the only room that imports fsspec."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from modelver.errors import InvalidValue, UnsupportedStore
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)(.*)", re.DOTALL)


def open_store(url: str | os.PathLike[str], *, storage_options: Mapping[str, object] | None = None) -> Store:
    """Return the store at an address. Nothing is made there until something is written.

    Args:
        url: A folder's path (``~`` is the home folder), a ``file:///`` URL (RFC 8089), or ``memory://name``.
        storage_options: Settings of a remote store; those that can be opened so far take none.

    Raises:
        InvalidValue: The address is malformed, or was given options that it doesn't take.
        UnsupportedStore: It is of a kind that modelver can't use.
        StoreError: Something that is no folder is there.
    """
    address = os.fspath(url)
    match = _URL.fullmatch(address)
    store = _open_url(match[1].lower() + match[2], match[3]) if match else LocalStore(_folder(address))
    if storage_options:
        raise InvalidValue("this store takes no options", where=store.url, found=", ".join(storage_options))
    return store


def _open_url(scheme: str, rest: str) -> Store:
    if scheme == "memory://" and rest:
        return MemoryStore(rest)
    if scheme == "file://" and rest.startswith(("/", "localhost/")):
        path = unquote(rest.removeprefix("localhost"))
        return LocalStore(_folder(path.removeprefix("/") if os.name == "nt" else path))
    if scheme in {"memory://", "file://"}:
        raise InvalidValue(
            "not the address of a store", where=scheme + rest, expected="file:///folder or memory://name"
        )
    raise UnsupportedStore(
        "remote stores come with a later release",
        where=scheme,
        expected="a folder, file:///folder or memory://name",
        hint="Until then, keep the registry in a folder.",
    )


def _folder(path: str) -> Path:
    if not path or "\0" in path:
        raise InvalidValue("not the path of a folder", where=repr(path))
    return Path(path).expanduser()
