"""Which registry is meant, and its founding file."""

import contextlib
import os
import tomllib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from modelver.errors import AlreadyExists, InvalidValue, LogTampered, NotFound
from modelver.history.commit import commit_digest, seal, unseal
from modelver.storage.layout import REGISTRY_FILE
from modelver.storage.store import Store
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.wire import format_time

FORMAT = 1
MAX_REGISTRY_FILE = 64 * 2**10
VARIABLE = "MODELVER_REGISTRY"
PROJECT_FILE = "modelver.toml"
DEFAULT = "modelver-registry"
_MAX_PROJECT_FILE = 2**20


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


def _from_project(folder: Path) -> str | None:
    for place in (folder, *folder.parents):
        file = place / PROJECT_FILE
        if not file.is_file():
            continue
        if file.stat().st_size > _MAX_PROJECT_FILE:
            raise InvalidValue(
                "a project file is too large", where=file, expected=f"at most {_MAX_PROJECT_FILE} bytes"
            )
        try:
            section = tomllib.loads(file.read_text("utf-8")).get("registry", {})
        except ValueError as error:
            raise InvalidValue("not a TOML file", where=file, found=error) from None
        url = section.get("url") if isinstance(section, dict) else None
        if isinstance(url, str) and url:
            return url if "://" in url else str(place / url)
        return None
    return None


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
            hint="A local one is made by the first register(); any one by Registry(url, create=True).",
        ) from None
    return parse_identity(data, what=f"{store.url}/{REGISTRY_FILE}")


def parse_identity(data: bytes, *, what: str) -> Identity:
    """Check the founding file's bytes and read them; see `read_identity`."""
    body: Mapping[str, object] = decode_object(unseal(data, what=what), what=what)
    if body.get("format") != FORMAT:
        raise InvalidValue(
            "a registry of another format",
            where=what,
            expected=FORMAT,
            found=body.get("format"),
            hint="Upgrade modelver.",
        )
    registry = body.get("registry")
    if not isinstance(registry, str) or not registry:
        raise LogTampered("a registry without an id", where=what)
    return Identity(registry, commit_digest(data))


def make_identity(store: Store) -> Identity:
    """Write the founding file unless somebody else is faster, and return what is there."""
    body: dict[str, Json] = {
        "format": FORMAT,
        "registry": uuid.uuid4().hex,
        "created_at": format_time(datetime.now(UTC)),
        "options": {},
    }
    with contextlib.suppress(AlreadyExists):
        store.put_new(REGISTRY_FILE, seal(encode(body)))
    return read_identity(store)
