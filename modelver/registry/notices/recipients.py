"""Who is to be told of what happens in a registry: the local configuration alone says so.

``$MODELVER_NOTIFY`` names a file of this machine, and the nearest ``modelver.toml`` upwards may have tables of its own,
which are for the registry that it names, and for the one that is opened there without an address: a trial in another one,
such as a test makes, is nobody's news. Where neither is, committing pays a look for the file, and nothing else.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from modelver.errors import InvalidValue, ModelverError, NotFound
from modelver.project.file import find_project_file, load_project_file, registry_url
from modelver.registry.base.opening import locate
from modelver.storage.store import Store
from modelver.values.url import without_credentials

if TYPE_CHECKING:
    from modelver.notify.target import Target
    from modelver.registry.base.session import Session
    from modelver.registry.notices.telling import Teller

NOTIFY = "MODELVER_NOTIFY"
ANY = "*"

_LOGGER = logging.getLogger("modelver")


@attrs.frozen
class Stated:
    """What one file says.

    Attributes:
        where: The file.
        tables: What it has under ``notify``.
        registries: The registries that its tables are for where they don't say it; an empty one is any.
    """

    where: str
    tables: object
    registries: tuple[str, ...] = ("",)


def teller(session: "Session") -> "Teller | None":
    """Return what tells people of this session's commits; None where nobody is to be told.

    A faulty configuration is told to the logger, and keeps nobody from committing.
    """
    try:
        targets = recipients(session)
    except (ModelverError, OSError) as error:
        _LOGGER.warning("nobody is told of what is committed: %s", error)
        return None
    if not targets:
        return None
    from modelver.registry.notices.telling import Teller

    return Teller(session, targets)


def recipients(session: "Session") -> "tuple[Target, ...]":
    """Return who is to be told of what happens in a registry.

    Raises:
        NotFound: ``$MODELVER_NOTIFY`` names no file.
        InvalidValue: A table is wrong; the message has the path of the fault.
        StoreError: A file can't be read.
    """
    stated = [each for each in (_of_machine(), _of_project()) if each is not None]
    if not stated:
        return ()
    from modelver.notify.target import distinct, read_targets
    from modelver.publish.audiences import AUDIENCES

    found: list[Target] = []
    for file in stated:
        for target in read_targets(file.tables, file.where, tuple(AUDIENCES)):
            meant = (target.registry,) if target.registry else file.registries
            if any(is_same_place(each, session.store) for each in meant):
                found.append(target)
    return distinct(tuple(found))


def _of_machine() -> Stated | None:
    """Return what the file says that ``$MODELVER_NOTIFY`` names."""
    named = os.environ.get(NOTIFY, "")
    if not named:
        return None
    path = Path(os.path.abspath(os.path.expanduser(named)))  # noqa: PTH100, PTH111 (never raises without a home)
    if not os.path.isfile(path):  # noqa: PTH113 (False also where it can't be looked at)
        raise NotFound("there is no such file", where=f"${NOTIFY}: {path}")
    file = load_project_file(path)
    tables: Mapping[str, object] = file.tables if file else {}
    if other := [key for key in tables if key != "notify"]:
        raise InvalidValue(
            "an unknown key", where=f"{path.name}.{other[0][:80]}", hint="There is only notify: [[notify]]."
        )
    return Stated(path.name, tables["notify"]) if "notify" in tables else None


def _of_project() -> Stated | None:
    """Return what the nearest project file says."""
    try:
        file = find_project_file(Path.cwd())
    except FileNotFoundError:  # the current folder is gone
        return None
    if file is None or "notify" not in file.tables:
        return None
    if hasattr(os, "geteuid") and not is_own(file.path.stat().st_uid, os.geteuid()):
        raise InvalidValue(
            "a file of another account has no say in whom you tell",
            where=file.path,
            hint=f"Name a file of your own in ${NOTIFY}.",
        )
    named = registry_url(file)
    return Stated(file.label, file.tables["notify"], (locate(None), *([named] if named else [])))


def is_own(owner: int, user: int) -> bool:
    """Tell whether a file is an account's own, or the machine's; root works in everybody's checkouts, as CI does.

    Anybody may put a project file into ``/tmp``, above others' folders.

    Args:
        owner: The number of the account that owns the file.
        user: The number of the account that asks.
    """
    return owner in {user, 0} or user == 0


def is_same_place(address: str, store: Store) -> bool:
    """Tell whether an address is that of a store; an empty one, or ``*``, is any store's."""
    if address in {"", ANY}:
        return True
    if "://" not in store.url:
        path = address.removeprefix("file://")
        return os.path.realpath(os.path.expanduser(path)) == os.path.realpath(store.url)  # noqa: PTH111 (never raises)
    return without_credentials(address).rstrip("/") == without_credentials(store.url).rstrip("/")
