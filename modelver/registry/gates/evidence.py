"""The evidence that gates ask for, read from the store: only what a policy needs."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import attrs

from modelver.errors import InvalidName, NotFound
from modelver.expressions import parse
from modelver.formats.unsafe import HEAD, unsafe_format
from modelver.gates import Case, Policy
from modelver.gates.case import Served
from modelver.gates.judge import requirements
from modelver.history.state import State, VersionEntry
from modelver.registry.base.finding import find, model_of
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.storage.ahead import work_ahead
from modelver.storage.layout import blob_key
from modelver.values.digest import Digest
from modelver.values.file import FileEntry
from modelver.values.manifest import Manifest
from modelver.values.name import Alias
from modelver.values.record import BaseModel
from modelver.values.ref import Ref


def gather_case(
    session: Session,
    state: State,
    manifest: Manifest,
    entry: VersionEntry | None,
    alias: Alias | None,
    policies: Sequence[Policy],
    at: datetime,
    *,
    unsafe: Mapping[str, str] | None = None,
) -> Case:
    """Return a step with the evidence that its policies ask for.

    Args:
        session: The registry.
        state: The log before.
        manifest: What the version states.
        entry: What the log says of it.
        alias: The alias that is to move.
        policies: The policies.
        at: The time.
        unsafe: Files that can run code, where they are not stored yet.
    """
    case = Case(session.registry, state, manifest, entry, alias, at)
    required = requirements(case, policies)
    forbidden = {what for each in required for what in each.forbid}
    compares = any(parse(rule).names("current") for each in required for rule in each.rules)
    return attrs.evolve(
        case,
        served=_served(session, state, alias) if compares and alias else None,
        unsafe=_forbidden(session, manifest, unsafe) if "pickle" in forbidden else {},
        yanked_bases=_yanked(session, manifest.metadata.base, at) if "yanked_base" in forbidden else (),
    )


def _served(session: Session, state: State, alias: Alias) -> Served | None:
    """Return what an alias serves, or served before it was deleted."""
    changes = (change for change in reversed(state.alias_history) if change.alias == alias)
    last = next((change for change in changes if change.digest is not None), None)
    if last is None:
        return None
    entry = state.versions[last.version]
    return Served(entry, read_manifest(session, model_of(state), entry))


def _forbidden(session: Session, manifest: Manifest, known: Mapping[str, str] | None) -> Mapping[str, str]:
    return _unsafe(session, manifest.files) if known is None else known


def _unsafe(session: Session, files: Sequence[FileEntry]) -> dict[str, str]:
    """Look at the first bytes of each file."""

    def look(entry: FileEntry) -> tuple[str, str]:
        head = b""
        if entry.size:
            key = blob_key(Digest.from_hex(entry.sha256))
            head = session.store.read_range(key, 0, min(HEAD, entry.size))
        return entry.path, unsafe_format(entry.path, head)

    return {path: kind for path, kind in work_ahead(session.store, look, files) if kind}


def _yanked(session: Session, bases: Iterable[BaseModel], at: datetime) -> tuple[str, ...]:
    """Return the base models of this registry that had been yanked by a time; others are nobody's business here."""
    found = []
    for base in bases:
        with suppress(InvalidName, NotFound):
            ref = Ref.parse(base.name)
            entry = find(session.log(ref.model).state(), ref)
            if entry.yanked is not None and entry.yanked.at <= at and base.digest in (None, entry.digest):
                found.append(base.name)
    return tuple(found)
