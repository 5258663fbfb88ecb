"""Which registry is meant, and its founding file."""

import contextlib
import os
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from modelver.cache.place import is_private
from modelver.errors import AlreadyExists, InvalidValue, LogTampered, NotFound
from modelver.history.commit import commit_digest, seal, unseal
from modelver.project.file import find_project_file, registry_url
from modelver.storage import DEFAULT_TIMEOUT, is_local, open_store, with_cache
from modelver.storage.failures import told_offline
from modelver.storage.layout import MODELS, REGISTRY_FILE
from modelver.storage.store import Store
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.wire import format_time, without_format

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

FORMAT = 1
MAX_REGISTRY_FILE = 64 * 2**10
VARIABLE = "MODELVER_REGISTRY"
OFFLINE = "MODELVER_OFFLINE"
DEFAULT = "modelver-registry"
_ID = re.compile("[0-9a-f]{32}")


@attrs.frozen
class Identity:
    """What ``modelver.json`` says.

    Attributes:
        registry: The registry's random id: 32 hexadecimal digits.
        root: SHA-256 of the file's bytes: the parent of every log's first commit.
    """

    registry: str
    root: str


def locate(url: str | os.PathLike[str] | None) -> str:
    """Return the registry that is meant.

    Args:
        url: As given; else ``$MODELVER_REGISTRY``, else ``[registry] url`` of the nearest ``modelver.toml`` upwards, else
            ``modelver-registry`` in the current folder.
    """
    if url is not None:
        return os.fspath(url)
    return os.environ.get(VARIABLE) or _from_project(Path.cwd()) or DEFAULT


def open_place(
    address: str,
    cache: Path,
    *,
    storage_options: Mapping[str, object],
    fs: "AbstractFileSystem | None" = None,
    timeout: float = DEFAULT_TIMEOUT,
    offline: bool | None = None,
) -> Store:
    """Return the store at an address, which remembers in the user's cache what is read of it if it is remote.

    Args:
        address: As `open_store` takes it; so are `storage_options`, `fs` and `timeout`.
        cache: The user's cache folder.
        storage_options: Settings of its client.
        fs: A filesystem that the caller has set up.
        timeout: Seconds that a request may take with all its repetitions.
        offline: As `is_offline` takes it.
    """
    store = open_store(address, storage_options=storage_options, fs=fs, timeout=timeout)
    return with_cache(store, cache, lambda: is_private(cache), offline=is_offline(offline))


def scheme_of_url(address: str) -> str:
    """Return the scheme of a URL, in lower case; empty for a path."""
    return address.partition("://")[0].lower() if "://" in address else ""


def is_offline(explicit: bool | None) -> bool:
    """Tell whether remote stores must not be asked: as the caller says, else ``$MODELVER_OFFLINE``.

    Raises:
        InvalidValue: The variable holds neither yes nor no.
    """
    if explicit is not None:
        return explicit
    text = os.environ.get(OFFLINE, "").strip().lower()
    if text in {"", "0", "false", "no", "off"}:
        return False
    if text in {"1", "true", "yes", "on"}:
        return True
    raise InvalidValue("neither yes nor no", where=f"${OFFLINE}", expected="1 or 0", found=repr(text)[:40])


def check_online(store: Store) -> None:
    """Refuse a remote store where ``$MODELVER_OFFLINE`` says that none is asked.

    Raises:
        Offline: It does.
    """
    if not is_local(store) and is_offline(None):
        raise told_offline(store.url)


def _from_project(folder: Path) -> str | None:
    """Return what the nearest project file says, if it says anything."""
    file = find_project_file(folder)
    return registry_url(file) if file else None


def read_identity(store: Store) -> Identity:
    """Read the founding file.

    Raises:
        NotFound: There is no registry.
        LogTampered: The file's bytes do not match their own checksum.
    """
    try:
        data = store.get(REGISTRY_FILE, limit=MAX_REGISTRY_FILE)
    except NotFound:
        raise NotFound(
            "there is no registry here",
            where=store.url,
            hint="Check the address. A local registry is made when its first version is registered, a remote one by"
            " create=True or `modelver init`.",
        ) from None
    return parse_identity(data, what=f"{store.url}/{REGISTRY_FILE}")


def parse_identity(data: bytes, *, what: str) -> Identity:
    """Check the founding file's bytes and read them; see `read_identity`."""
    stored = decode_object(unseal(data, what=what), what=what)
    body = without_format(stored, FORMAT, kind="registry", what=what)
    registry = body.get("registry")
    if not isinstance(registry, str) or not _ID.fullmatch(registry) or "created_at" not in body:
        raise LogTampered(
            "not a founding file, though it checks itself",
            where=what,
            expected="a registry's id and the time of its making",
            hint="Another object stands in its place: restore it from a copy of the registry.",
        )
    return Identity(registry, commit_digest(data))


def make_identity(store: Store) -> Identity:
    """Write the founding file unless somebody else is faster, and return what is there.

    Raises:
        LogTampered: There is a registry whose founding file is missing: with another one, nobody could read it again.
    """
    body: dict[str, Json] = {
        "format": FORMAT,
        "registry": uuid.uuid4().hex,
        "created_at": format_time(datetime.now(UTC)),
        "options": {},
    }
    orphans = [folder for folder in (MODELS, "registry") if any(True for _ in store.list(folder))]
    with contextlib.suppress(NotFound):
        return read_identity(store)
    if orphans:
        raise LogTampered(
            "a registry's founding file is missing",
            where=f"{store.url}/{REGISTRY_FILE}",
            found=f"objects in {' and '.join(orphans)}",
            hint="Restore it from a copy of the registry.",
        )
    with contextlib.suppress(AlreadyExists):
        store.put_new(REGISTRY_FILE, seal(encode(body)))
    return read_identity(store)
