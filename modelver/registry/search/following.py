"""Bringing the search index up to the logs: which of them have news, and what these are."""

import hashlib
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from modelver.errors import Corrupt, InvalidName, InvalidValue, ModelverError, NotFound
from modelver.history.commit import MAX_COMMIT
from modelver.history.state import State, VersionEntry
from modelver.index.file import IndexFile
from modelver.index.row import Row, make_row
from modelver.index.write import Change, Head, apply, forget, heads, restamp, stamps, touched
from modelver.log.read import recalls_of
from modelver.registry.base.finding import caller_level, model_of, scheme_of
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.storage.ahead import work_ahead
from modelver.storage.layout import MODELS, model_prefix, number_of, numbered_key
from modelver.storage.lock import advisory_lock
from modelver.values.name import ModelName

if TYPE_CHECKING:
    from sqlite3 import Connection

_MODELS_AT_ONCE = 64
"""Models whose news are held in memory together."""

_PATIENCE = 600.0
"""Seconds to wait for another process that builds the index; after that both do, and the first one's rows stay."""

_PAGE = 1_000
"""Objects that a store lists in one request."""

_GRAIN_NS = 10_000_000_000
"""The coarsest time that file systems keep is two seconds, and a server's clock may be off by some."""

_LARGEST = 2**63 - 1

_UNREADABLE = (Corrupt, InvalidValue, NotFound)


@attrs.frozen
class News:
    """A model whose log may say something new.

    Attributes:
        folder: The model's folder.
        before: Up to where it is in the index.
        stamp: What the log's folder looked like before it was read; 0 where that proves nothing.
    """

    folder: str
    before: Head
    stamp: int = 0


@attrs.frozen
class _Read:
    """What a model's log says: its state, and which of its versions the index lacks."""

    news: News
    state: State
    lacking: tuple[VersionEntry, ...]
    keeps: bool


def follow(
    session: Session, index: IndexFile, folders: frozenset[str] | None, *, strict: bool = False
) -> None:
    """Bring the index up to the logs.

    A model that can't be read is left out, with a warning; so is a version without its manifest.

    Args:
        session: The registry.
        index: Its index.
        folders: The models concerned; None for all.
        strict: Whether what can't be read is an error.

    Raises:
        StoreError: The store can't be read.
    """
    news, gone = _look(session, index, folders)
    if not news and not gone:
        return
    with advisory_lock(lock_of(session, index), timeout=_PATIENCE):
        # Once more, as another process may have done it meanwhile.
        news, gone = _look(session, index, folders)
        if gone:
            index.run(lambda connection: forget(connection, gone), write=True)
        for start in range(0, len(news), _MODELS_AT_ONCE):
            _take_in(session, index, news[start : start + _MODELS_AT_ONCE], strict=strict)


def lock_of(session: Session, index: IndexFile) -> Path | None:
    """Return the lock of whoever writes to an index; None where it is nobody else's."""
    return None if index.is_in_memory else session.cache / "locks" / f"index-{index.name}"


def _look(session: Session, index: IndexFile, folders: frozenset[str] | None) -> tuple[list[News], list[str]]:
    """Return the models that may have news, and those of the index that are gone."""
    recalls = recalls_of(session.store)
    if session.store.folder is not None:
        known, there = index.run(stamps), _local(session, folders)
        changed = {
            folder: stamp for folder, stamp in there.items() if not stamp or known.get(folder) != stamp
        }
    else:
        head_of = index.run(heads)
        known, there = (
            {folder: head.seq for folder, head in head_of.items()},
            _listed(session, head_of, folders),
        )
        changed = {folder: 0 for folder, last in there.items() if known.get(folder) != last}
    if recalls_of(session.store) != recalls:
        # What is kept of the logs may be less than what the index has seen of them.
        changed = dict.fromkeys(changed.keys() - known.keys(), 0)
        there = {**known, **there}
    concerned = known.keys() if folders is None else known.keys() & folders
    before = index.run(heads) if changed else {}
    news = [
        News(folder, before.get(folder, Head()), stamp)
        for folder, stamp in changed.items()
        if folder in known or _is_model(folder)
    ]
    return news, sorted(concerned - there.keys())


def _is_model(folder: str) -> bool:
    try:
        return ModelName(folder.replace("--", "/")).folder == folder
    except InvalidName:
        return False


def _local(session: Session, folders: frozenset[str] | None) -> dict[str, int]:
    """Return what each log's folder looks like: a new commit is a new name, which changes its folder's time.

    0 is a folder that changed so lately that it may change again without its time showing it.
    """
    base = os.fspath(session.store.local_path(MODELS) or "")
    latest = time.time_ns() - _GRAIN_NS
    found = {}
    with suppress(FileNotFoundError), os.scandir(base) as entries:
        for each in entries:
            name = each.name
            if (folders is None or name in folders) and each.is_dir(follow_symlinks=False):
                try:
                    status = os.stat(f"{base}/{name}/log")  # noqa: PTH116 (10,000 at each search)
                except OSError:
                    continue
                changed = status.st_mtime_ns
                found[name] = (changed + status.st_ino) & _LARGEST if changed < latest else 0
    return found


def _listed(session: Session, known: Mapping[str, Head], folders: frozenset[str] | None) -> dict[str, int]:
    """Return the last commit's number of each log: from one listing of all, or one of each where that is less to list."""
    store = session.store
    pages = sum(head.seq for head in known.values()) // _PAGE + 1
    if folders is not None and len(folders) <= pages:

        def last(folder: str) -> int:
            log = f"{model_prefix(folder)}/log"
            after = numbered_key(log, max(known.get(folder, Head()).seq - 1, 0))
            return max((number_of(entry.key) or 0 for entry in store.list(log, after=after)), default=0)

        wanted = sorted(folders)
        numbers = zip(wanted, work_ahead(store, last, wanted), strict=True)
        return {folder: number for folder, number in numbers if number}
    found: dict[str, int] = {}
    for entry in store.list(MODELS):
        _, folder, kind, *rest = [*entry.key.split("/"), ""]
        number = number_of(entry.key) if kind == "log" and rest else None
        if number and (folders is None or folder in folders):
            found[folder] = max(found.get(folder, 0), number)
    return found


def _take_in(session: Session, index: IndexFile, news: Sequence[News], *, strict: bool) -> None:
    """Read what is new of some models, and write it to the index in one transaction."""
    same: list[tuple[str, Head]] = []
    read: list[_Read] = []
    unreadable: list[str] = []
    for each, found in zip(news, work_ahead(session.store, partial(_read, session), news), strict=True):
        if isinstance(found, ModelverError):
            _tell(f"the model {each.folder}", found, strict=strict)
            unreadable.append(each.folder)
        elif found is None:
            same.append((each.folder, attrs.evolve(each.before, stamp=each.stamp)))
        elif found.state.model is not None:
            read.append(found)
    changes = list(_changes(session, read, strict=strict))

    def write(connection: "Connection") -> None:
        restamp(connection, same)
        forget(connection, unreadable)
        apply(connection, changes)

    index.run(write, write=True)


def _read(session: Session, news: News) -> _Read | ModelverError | None:
    """Read a model's log; None where it has not changed after all, an error where it can't be read."""
    before = news.before
    try:
        log = session.passing_log(ModelName(news.folder.replace("--", "/")))
        if before.seq and session.store.folder is not None and _is_unchanged(session, news):
            return None
        state = log.state()
        keeps = 0 < before.seq <= state.seq and log.commit(before.seq)[1] == before.head
        lacking = touched(state, before.seq if keeps else 0)
    except _UNREADABLE as error:
        return error
    return _Read(news, state, tuple(state.versions[version] for version in lacking), keeps)


def _is_unchanged(session: Session, news: News) -> bool:
    """Tell whether a log ends with the commit that the index knows; its folder's time alone doesn't say."""
    log = f"{model_prefix(news.folder)}/log"
    try:
        data = session.store.get(numbered_key(log, news.before.seq), limit=MAX_COMMIT)
    except NotFound:
        return False
    with suppress(NotFound):
        session.store.size(numbered_key(log, news.before.seq + 1))
        return False
    return hashlib.sha256(data).hexdigest() == news.before.head


def _changes(session: Session, read: Sequence[_Read], *, strict: bool) -> Iterator[Change]:
    """Yield what each model's log says that the index lacks; manifests are read many at once where they are far."""
    wanted = [(each.state, entry) for each in read for entry in each.lacking]
    rows = iter(work_ahead(session.store, partial(_row, session), wanted))
    for each in read:
        found = list(_told([next(rows) for _ in each.lacking], strict=strict))
        # Where one is missing, nothing is to be relied on: the next search tries again.
        whole = len(found) == len(each.lacking)
        yield Change(
            folder=each.news.folder,
            name=model_of(each.state),
            scheme=scheme_of(each.state).text,
            before=each.news.before,
            after=Head(each.state.seq, each.state.head, each.news.stamp) if whole else Head(),
            rows=tuple(found),
            keeps=each.keeps,
        )


def _row(session: Session, item: tuple[State, VersionEntry]) -> Row | ModelverError:
    state, entry = item
    try:
        return make_row(read_manifest(session, model_of(state), entry), entry, state)
    except _UNREADABLE as error:
        return error


def _told(rows: Iterable[Row | ModelverError], *, strict: bool) -> Iterator[Row]:
    for row in rows:
        if isinstance(row, ModelverError):
            _tell("a version", row, strict=strict)
        else:
            yield row


def _tell(what: str, error: ModelverError, *, strict: bool) -> None:
    if strict:
        raise error
    warnings.warn(f"the search leaves out {what}: {error}", stacklevel=caller_level())
